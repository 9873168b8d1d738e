import errno
import json
import os

import numpy as np
import pandas as pd
import pytest

from sklrnn.commands.main import main

QUICK = ("--max-epochs", "1", "--hidden-size", "4", "--window-length", "8")
QUICK += ("--seeds", "1", "--task", "prediction", "--stride", "2")


def run(*args):
    """Run ``sklrnn compare`` on what is given; return its exit status."""
    try:
        return main(["compare", *map(str, args)])
    except SystemExit as leaving:
        return leaving.code


@pytest.fixture
def csv(tmp_path):
    rng = np.random.default_rng(0)
    steps = np.arange(300)
    frame = pd.DataFrame(
        {
            "t": pd.date_range("2024-03-01", periods=300, freq="h"),
            "load": np.sin(steps / 4) + 0.1 * rng.normal(size=300),
            "site": "A",
            "price": np.cos(steps / 9),
        }
    )
    frame.loc[20:25, "load"] = np.nan
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False, float_format="%.4f")
    return path


@pytest.fixture
def no_page(monkeypatch):
    """Leave the report out, which takes seconds to draw."""
    monkeypatch.setattr("sklrnn.experiments.page.write_report", lambda *args: None)


def test_compare_with_a_report(csv, tmp_path, capsys):
    out = tmp_path / "report"
    grid = ("--grid", "cell=elman,gru", "--grid", "direction=forward,coupled")
    grid += ("--grid", "fusion=concat,gated")
    assert run(csv, "--time", "t", *grid, *QUICK, "--out", out) == 0
    stdout, stderr = capsys.readouterr()
    assert stderr == ""  # no progress bar, no warning
    assert '2.0 % missing; time: column "t"; columns: load, price' not in stdout
    assert 'time: column "t"; columns: load, price\nleft out: site\n' in stdout
    assert "skipped 2 combinations: fusion='gated' with direction='forward'" in stdout
    # What it will take is told before it is done.
    assert stdout.index("6 trainings, 1 at a time: at most about") < stdout.index(
        "prediction, online"
    )
    assert "gru coupled gated" in stdout and "best, choice" in stdout
    assert "last value" in stdout and "linear interpolation" in stdout
    assert "best: one seed, of which no deviation is known" in stdout
    assert stdout.endswith(f"{out / 'index.html'}: report\n")
    assert sorted(path.name for path in out.iterdir()) == [
        "cells",
        "comparison.json",
        "index.html",
        "results.csv",
        "results.json",
    ]
    told = json.loads((out / "results.json").read_text())
    assert told["command"].startswith("sklrnn compare ")
    assert "--grid cell=elman,gru" in told["command"]
    results = pd.read_csv(out / "results.csv", float_precision="round_trip")
    assert len(results) == 6 + 3
    again = pd.DataFrame(told["results"])
    np.testing.assert_array_equal(
        again["micro_mse"].astype(float), results["micro_mse"]
    )


def test_without_a_folder_the_tables_are_all(csv, tmp_path, capsys):
    assert run(csv, "--grid", "cell=elman", *QUICK) == 0
    assert "prediction, online" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_values_of_a_grid_are_numbers_or_words(csv, capsys):
    grid = ("--grid", "hidden-size=2,3", "--grid", "layer_norm=false,True")
    assert run(csv, "--grid", "cell=gru", *grid, *QUICK) == 0
    stdout = capsys.readouterr().out
    assert "gru forward hidden_size 2 layer norm" in stdout
    assert "4 trainings" in stdout


def test_quick_is_a_grid_of_its_own(csv, capsys, monkeypatch):
    found = {}

    def refuse(*args, **kwargs):
        found.update(kwargs)
        raise ValueError("stop here")

    import sklrnn.experiments.comparison as comparison

    monkeypatch.setattr(comparison, "run_comparison", refuse)
    assert run(csv, "--quick") == 2
    assert found["quick"] is True and found["max_epochs"] is None
    assert found["n_jobs"] == 2
    assert "stop here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--columns", "site"], "the column \"site\" is not numeric: 'A' in row 1"),
        (["--columns", "lod"], 'has no column "lod"; did you mean "load"?'),
        (["--time", "site"], 'the time column "site" does not parse as dates'),
        (["--task", "guess"], "task must be 'prediction', 'reconstruction' or 'both'"),
        (["--grid", "cell="], "the grid is empty: it has no value for 'cell'"),
        (["--grid", "cell"], "--grid must be a parameter and its values, such as cel"),
        (["--grid", "cells=gru"], "the grid has 'cells', which is no parameter"),
        (["--grid", "cell=gruu"], "did you mean 'gru'?"),
        (
            ["--grid", "direction=forward", "--grid", "fusion=gated"],
            "the grid leaves nothing to compare: skipped 1 combination: fusion='gat",
        ),
        (["--seeds", "0"], "argument --seeds: must be an integer of at least 1"),
        (["--start", "2031-01-01"], "there are 0 rows from 2031-01-01"),
    ],
)
def test_bad_input_is_told_in_one_line(csv, args, told, fails):
    assert told in fails(csv, *QUICK, *args)


def test_a_file_that_is_not_there(fails):
    assert 'there is no file "no.csv" (the bundled data is' in fails("no.csv", *QUICK)
    assert 'there is no file "no.parquet"' in fails("no.parquet", *QUICK)


def test_another_comparison_in_the_folder(csv, tmp_path, fails, capsys, no_page):
    out = tmp_path / "report"
    grid = ("--grid", "cell=elman")
    assert run(csv, *grid, *QUICK, "--out", out) == 0
    capsys.readouterr()
    (kept,) = (out / "cells").iterdir()
    before = kept.read_text()
    other = (*grid, *QUICK, "--hidden-size", "5", "--out", out)
    assert "belongs to another comparison: it differs in hidden_size" in fails(
        csv, *other
    )
    assert kept.read_text() == before
    # The same one goes on; there is nothing left to train.
    assert run(csv, *grid, *QUICK, "--out", out) == 0
    assert "1 of 1 trainings are finished already" in capsys.readouterr().out
    assert run(csv, *other, "--overwrite") == 0
    assert kept.read_text() != before


def test_a_full_disk(csv, tmp_path, monkeypatch, fails, no_page):
    out = tmp_path / "report"
    grid = ("--grid", "cell=elman,gru", *QUICK, "--out", out)
    written = []

    def full(number, real=os.fsync):
        written.append(number)
        if len(written) == 3:  # the manifest, one training, and then
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        told = fails(csv, *grid)
    assert "there is no room left to write" in told
    assert "make room, and start the same comparison again" in told
    left = [path.name for path in out.rglob("*") if path.is_file()]
    assert len(left) == 2 and not any(name.endswith(".part") for name in left)
    assert run(csv, *grid) == 0
    assert len(list((out / "cells").iterdir())) == 2
