import errno
import json
import os

import pytest

from sklrnn.experiments.storage import Folder, is_record

IDENTITY = {"data": "abc", "rows": 3}


def names(path):
    return sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())


def test_records_come_back(tmp_path):
    folder = Folder(tmp_path / "new" / "report", IDENTITY, False)
    assert folder.read("k") is None
    folder.keep("k", {"mse": 0.1})
    assert folder.read("k") == {"mse": 0.1}
    again = Folder(tmp_path / "new" / "report", IDENTITY, False)
    assert again.read("k") == {"mse": 0.1}
    assert names(tmp_path) == [
        "new/report/cells/k.json",
        "new/report/comparison.json",
    ]


def test_another_comparison_is_refused_unless_overwritten(tmp_path):
    Folder(tmp_path, IDENTITY, False).keep("k", {})
    other = IDENTITY | {"rows": 4}
    with pytest.raises(ValueError, match="another comparison: it differs in rows; c"):
        Folder(tmp_path, other, False)
    assert Folder(tmp_path, IDENTITY, False).read("k") == {}
    (tmp_path / "mine.txt").write_text("kept")
    assert Folder(tmp_path, other, True).read("k") is None
    assert names(tmp_path) == ["comparison.json", "mine.txt"]


def test_other_files_are_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ValueError, match="holds files that are no comparison's"):
        Folder(tmp_path, IDENTITY, False)
    with pytest.raises(ValueError, match="it is a file"):
        Folder(tmp_path / "thesis.tex", IDENTITY, False)
    # And not deleted either.
    with pytest.raises(ValueError, match="holds files that are no comparison's"):
        Folder(tmp_path, IDENTITY, True)
    assert names(tmp_path) == ["thesis.tex"]


def test_a_broken_manifest_is_another_comparison(tmp_path):
    (tmp_path / "comparison.json").write_text("{")
    with pytest.raises(ValueError, match="another comparison"):
        Folder(tmp_path, IDENTITY, False)


def test_a_record_that_is_cut_off_counts_as_not_there(tmp_path):
    folder = Folder(tmp_path, IDENTITY, False)
    (tmp_path / "cells" / "k.json").write_text('{"mse": 0.')
    assert folder.read("k") is None


def test_what_a_killed_run_left_is_cleared_away(tmp_path):
    folder = Folder(tmp_path, IDENTITY, False)
    (tmp_path / "cells" / ".k.json.123.part").write_text("{")
    assert folder.read("k") is None
    Folder(tmp_path, IDENTITY, False)
    assert names(tmp_path) == ["comparison.json"]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    folder = Folder(tmp_path, IDENTITY, False)
    folder.keep("k", {"mse": 1})

    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no room left to write .*k.json; what is finis"):
        folder.keep("k", {"mse": 2})
    assert folder.read("k") == {"mse": 1}
    assert names(tmp_path) == ["cells/k.json", "comparison.json"]


@pytest.mark.skipif(os.name == "nt", reason="limits of file sizes are of POSIX")
def test_a_file_that_really_cannot_grow(tmp_path):
    import resource
    import signal

    folder = Folder(tmp_path, IDENTITY, False)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match="no room left to write"):
            folder.keep("k", {"values": list(range(10_000))})
        folder.keep("small", {"mse": 1})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(tmp_path) == ["cells/small.json", "comparison.json"]
    assert json.loads((tmp_path / "cells" / "small.json").read_text()) == {"mse": 1}


DAMAGED = [b"[]", b'{"a": 1}', b'{"mse": 0.', b"\xff\x00\x8e", b"3", b"[" * 100_000]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_manifest_is_named_with_what_to_do(tmp_path, content):
    (tmp_path / "comparison.json").write_bytes(content)
    with pytest.raises(ValueError, match="comparison.json is .* damaged; choose anoth"):
        Folder(tmp_path, IDENTITY | {"sklrnn": "0"}, False)
    assert Folder(tmp_path, IDENTITY, True).read("k") is None


def test_a_record_of_another_kind_is_named_with_what_to_do(tmp_path):
    folder = Folder(tmp_path, IDENTITY, False)
    folder.file("k").write_text("[]")
    with pytest.raises(ValueError, match="k.json does not hold .*; delete it to have"):
        folder.read("k")


def test_records_are_known_by_what_they_hold():
    failed = {"task": "prediction", "architecture": "elman", "params": {}}
    failed |= {"failed": "diverged", "scores": {}}
    assert is_record(failed)
    assert not is_record({"a": 1})
    trained = failed | {"failed": ""}
    assert not is_record(trained)
    trained |= {"history": [], "segments": {}, "gaps": {}}
    trained |= {"fit_seconds": 1.5, "trained_epochs": 3, "parameters": 7}
    assert is_record(trained)
    assert not is_record(trained | {"history": 5})
