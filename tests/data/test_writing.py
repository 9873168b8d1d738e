"""Tests of `sklrnn.data.writing`."""

import os
import secrets

import pytest

from sklrnn.data.writing import replacing


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        with replacing(path) as part:
            part.write_text("half")
            raise KeyboardInterrupt
    assert path.read_text() == "old"
    with replacing(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["t.csv"]


def test_the_file_may_be_read_by_those_who_may_read_others(tmp_path):
    (tmp_path / "other").touch()
    with replacing(tmp_path / "t.csv") as part:
        part.write_text("new")
    found, wanted = ((tmp_path / n).stat().st_mode for n in ("t.csv", "other"))
    assert found == wanted


def test_a_planted_link_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("kept")
    # Links of the name that it was, and of the one that it is going to be.
    monkeypatch.setattr(secrets, "token_hex", lambda n: "ab")
    for name in (f".t.csv.{os.getpid()}.part", ".t.csv.ab.part"):
        (tmp_path / name).symlink_to(victim)
    with pytest.raises(FileExistsError):
        with replacing(tmp_path / "t.csv") as part:
            part.write_text("new")
    monkeypatch.undo()
    with replacing(tmp_path / "t.csv") as part:
        part.write_text("new")
    assert victim.read_text() == "kept"
    assert (tmp_path / "t.csv").read_text() == "new"
