"""A small table, and what a comparison of two small networks found on it."""

import numpy as np
import pandas as pd
import pytest

GRID = (
    {"cell": ["elman"], "direction": ["forward", "decoupled"]},
    {"cell": ["gru"], "direction": ["coupled"], "fusion": ["gated"]},
)
SMALL = {
    "window_length": 8,
    "hidden_size": 4,
    "max_epochs": 2,
    "stride": 2,
}


@pytest.fixture(scope="session")
def table():
    """Two waves and what they add up to, with gaps."""
    rng = np.random.default_rng(0)
    steps = np.arange(400)
    waves = np.stack([np.sin(steps / 4), np.cos(steps / 7)], axis=1)
    values = np.concatenate([waves, waves.sum(axis=1, keepdims=True)], axis=1)
    values += 0.1 * rng.normal(size=values.shape)
    values[rng.random(values.shape) < 0.05] = np.nan
    values[100:110, 0] = np.nan
    index = pd.date_range("2024-01-01", periods=400, freq="h", name="time")
    return pd.DataFrame(values, index, ["a", "b", "sum"])


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report") / "report"


@pytest.fixture(scope="session")
def found(table, folder):
    """A comparison with its report in `folder`."""
    from sklrnn.experiments.comparison import run_comparison

    return run_comparison(
        table,
        grid=GRID,
        seeds=2,
        out=folder,
        command="sklrnn compare t.csv",
        **SMALL,
    )
