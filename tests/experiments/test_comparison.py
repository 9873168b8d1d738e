"""The comparison as a whole: what it returns, resumes, skips and refuses."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config

from sklrnn import register_cell
from sklrnn.experiments import compare, trials
from sklrnn.network.cells.elman import Elman

SMALL = {"window_length": 8, "hidden_size": 4, "max_epochs": 1, "stride": 2}
MEASURED = ["fit_seconds", "epoch_seconds", "latency_ms", "peak_memory_mb"]


def same(a, b):
    """Compare everything but what a clock tells."""
    pd.testing.assert_frame_equal(
        a.drop(columns=MEASURED), b.drop(columns=MEASURED), check_exact=True
    )


@pytest.fixture
def no_page(monkeypatch):
    """Leave the report out, which takes seconds to draw."""
    monkeypatch.setattr("sklrnn.experiments.page.write_report", lambda *args: None)


def test_a_row_for_every_task_architecture_and_seed(found):
    results = found.results
    trained = results[results["seed"].notna()]
    assert len(trained) == 2 * 3 * 2
    assert not trained.duplicated(["task", "architecture", "seed"]).any()
    assert (
        trained[["micro_mse", "macro_mse", "micro_mae", "best_epoch"]]
        .notna()
        .all(axis=None)
    )
    assert (trained["failed"] == "").all()
    naive = results[results["seed"].isna()]
    assert naive.groupby("task")["architecture"].apply(sorted).to_dict() == {
        task: ["last value", "linear interpolation", "mean"]
        for task in ("prediction", "reconstruction")
    }
    reconstructed = trained[trained["task"] == "reconstruction"]
    offline = reconstructed["offline_micro_mse"].notna()
    assert (offline == (reconstructed["direction"] != "forward")).all()
    assert reconstructed["removed_micro_mse"].notna().all()
    assert trained["formula_parameters"].equals(trained["layer_parameters"])
    # Learned something: none is worse than the mean of the training part.
    worst = naive.loc[naive["architecture"] == "mean", "micro_mse"].max()
    assert (trained["micro_mse"] < 1.2 * worst).all()


def test_one_task_and_chosen_seeds(table):
    results = compare(table, "prediction", {"cell": ["elman"]}, [3, 5], **SMALL)
    assert set(results["task"]) == {"prediction"}
    assert results["seed"].dropna().to_list() == [3, 5]


def test_workers_find_the_same(table):
    grid = {"cell": ["elman", "gru"]}
    alone = compare(table, "prediction", grid, 2, **SMALL)
    with parallel_config(backend="threading", n_jobs=2):
        same(compare(table, "prediction", grid, 2, **SMALL), alone)


def test_a_plug_in_joins_by_its_name(table):
    class Mine(Elman):
        sklrnn_api = 1

    register_cell("mine_to_compare", Mine)
    results = compare(
        table, "prediction", {"cell": ["mine_to_compare", "elman"]}, 1, **SMALL
    )
    mine, elman = results["micro_mse"][:2]
    assert results["architecture"][0] == "mine_to_compare forward"
    assert mine == elman
    assert pd.isna(results["formula_parameters"][0])


def test_what_cannot_be_built_is_skipped_and_told(table, capsys):
    grid = {"cell": ["elman", "gru"], "layer_norm": [False, True]}
    results = compare(table, "prediction", grid, 1, verbose=1, **SMALL)
    assert results["architecture"].to_list()[:3] == [
        "elman forward",
        "gru forward",
        "gru forward layer norm",
    ]
    stdout, stderr = capsys.readouterr()
    assert "skipped 1 combination: layer_norm must be False with the cell" in stdout
    assert "no gates to normalise (elman forward layer norm (prediction))\n" in stdout
    assert "3 trainings, 1 at a time: at most about " in stdout
    assert stderr == ""
    with pytest.raises(ValueError, match="nothing of the grid can be trained: skip"):
        compare(
            table, "prediction", {"cell": ["elman"], "layer_norm": [True]}, 1, **SMALL
        )


def test_silent_by_default(table, capsys):
    compare(table, "prediction", {"cell": ["elman"]}, 1, **SMALL)
    assert capsys.readouterr() == ("", "")


# ---- going on -----------------------------------------------------------------------


def test_what_is_finished_is_not_trained_again(table, tmp_path, monkeypatch, no_page):
    grid = {"cell": ["elman", "gru"]}
    whole = compare(table, "prediction", grid, 2, **SMALL)
    calls = []

    def stop_at_third(*args, real=trials.run_trial):
        calls.append(args[3])
        if len(calls) == 3:
            raise SystemExit(130)
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr("sklrnn.experiments.runner.run_trial", stop_at_third)
        with pytest.raises(SystemExit):
            compare(table, "prediction", grid, 2, out=tmp_path, **SMALL)
    assert len(list((tmp_path / "cells").iterdir())) == 2
    assert not (tmp_path / "results.csv").exists()
    calls.clear()

    def count(*args, real=trials.run_trial):
        calls.append(args[3])
        return real(*args)

    monkeypatch.setattr("sklrnn.experiments.runner.run_trial", count)
    same(compare(table, "prediction", grid, 2, out=tmp_path, **SMALL), whole)
    assert len(calls) == 2
    # More seeds and cells join what is there.
    grid["cell"].append("lstm")
    results = compare(table, "prediction", grid, 3, out=tmp_path, **SMALL)
    assert len(calls) == 2 + 5
    kept = results[results["seed"].isin([0, 1]) & (results["cell"] != "lstm")]
    np.testing.assert_array_equal(kept["micro_mse"], whole["micro_mse"][:4])


@pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX")
def test_killed_and_started_again_it_finds_the_same(table, tmp_path):
    table.to_csv(tmp_path / "t.csv")
    words = [sys.executable, "-c"]
    words.append("import sys; from sklrnn.commands.main import main; sys.exit(main())")
    words += ["compare", "t.csv", "--task", "prediction", "--out", "report"]
    words += ["--grid", "cell=elman,gru", "--seeds", "3", "--hidden-size", "4"]
    words += ["--window-length", "8", "--stride", "2", "--max-epochs", "1"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL)
    cells = tmp_path / "report" / "cells"
    try:
        for _ in range(6000):  # five minutes, if the machine is busy
            if cells.is_dir() and list(cells.glob("*.json")):
                break
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    n_kept = len(list(cells.glob("*.json")))
    assert 0 < n_kept
    grid = {"cell": ["elman", "gru"]}
    path, out = tmp_path / "t.csv", tmp_path / "report"
    resumed = compare(path, "prediction", grid, 3, out=out, **SMALL)
    same(resumed, compare(path, "prediction", grid, 3, **SMALL))
    written = pd.read_csv(out / "results.csv", float_precision="round_trip")
    np.testing.assert_array_equal(written["micro_mse"], resumed["micro_mse"])


# ---- what is refused ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"task": "guess"}, ValueError, "'prediction', 'reconstruction' or 'both', go"),
        ({"grid": {}}, ValueError, "the grid is empty"),
        ({"seeds": 0}, ValueError, "seeds must be"),
        ({"seeds": [2**32]}, ValueError, "seeds must be at most 4294967295"),
        ({"seeds": [1, 1]}, ValueError, "seeds must be different integers"),
        ({"window_length": 3}, ValueError, "window_length must be"),
        ({"stride": 0}, ValueError, "stride must be"),
        ({"columns": ["c"]}, ValueError, 'no column "c"'),
    ],
)
def test_wrong_arguments(table, changes, error, match):
    arguments = {"task": "prediction", "grid": {"cell": ["elman"]}, "seeds": 1}
    with pytest.raises(error, match=match):
        compare(table, **(SMALL | arguments | changes))


def test_a_folder_of_another_comparison(table, folder, found):
    grid = {"cell": ["elman"]}
    with pytest.raises(
        ValueError, match="another comparison: it differs in max_epochs"
    ):
        compare(table, "prediction", grid, 1, out=folder, **SMALL)
    other = table + 1.0
    shape = SMALL | {"max_epochs": 2}
    with pytest.raises(ValueError, match="another comparison: it differs in data"):
        compare(other, "prediction", grid, 1, out=folder, **shape)


def test_the_report_needs_its_extra(table, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scikit_posthocs", None)
    with pytest.raises(ValueError, match=r'scikit-posthocs: pip install "sklrnn\[comp'):
        compare(table, "prediction", {"cell": ["elman"]}, 1, out=tmp_path, **SMALL)
    assert not list(tmp_path.iterdir())
