import re
import subprocess
import sys
import zlib

import numpy as np
import pandas as pd
import pytest

from sklrnn.datasets import load_compressor
from sklrnn.datasets.compressor import COLUMNS, UNITS

PERCENT_MISSING = {
    "suction_pressure": 3.99,
    "discharge_pressure": 1.67,
    "cooling_supply_temperature": 0.05,
    "cooler_differential_pressure": 0.18,
    "cooling_out_pressure": 0.93,
    "suction_temperature": 0.06,
    "discharge_temperature": 45.57,
}


@pytest.fixture(scope="module")
def compressor():
    return load_compressor()


@pytest.fixture(scope="module")
def hourly():
    return load_compressor(regular=True)


def test_table(compressor):
    assert compressor.shape == (92277, 7)
    assert list(compressor.columns) == list(PERCENT_MISSING)
    assert (compressor.dtypes == np.float32).all()


def test_units_are_those_that_the_docstring_states():
    documented = re.findall(
        r"^ *(\w+) +pi_\d+ +(\(?\w+\)?) ", load_compressor.__doc__, re.MULTILINE
    )
    assert [column for column, _ in documented] == list(COLUMNS)
    assert {c: unit for c, unit in documented if unit[0] != "("} == UNITS


def test_every_bit_is_that_of_the_source(compressor):
    assert compressor.iloc[0]["suction_pressure"] == np.float32(0.943041205406189)
    assert compressor.iloc[-1]["discharge_pressure"] == np.float32(10.551495552062988)
    # The checksums were computed from the source's own file.
    hours = compressor.index.to_numpy().astype("datetime64[h]").astype("<i8")
    assert zlib.crc32(compressor.to_numpy().astype("<f4").tobytes()) == 4282140581
    assert zlib.crc32(hours.tobytes()) == 26175283


def test_time(compressor):
    time = compressor.index
    assert time.name == "time"
    assert time.tz is None and time.freq is None
    assert time.is_unique and time.is_monotonic_increasing
    assert time[0] == pd.Timestamp("2013-01-01 00:00")
    assert time[-1] == pd.Timestamp("2023-08-30 12:00")
    steps = np.diff(time) / np.timedelta64(1, "h")
    assert (steps != 1).sum() == 27
    assert steps.min() == 1 and steps.max() == 19 * 24 + 1


def test_missing(compressor):
    percent = 100 * compressor.isna().mean()
    assert percent.round(2).to_dict() == PERCENT_MISSING


def test_regular_is_the_same_on_every_hour(compressor, hourly):
    assert hourly.index.freqstr == "h"
    assert hourly.index.name == "time"
    assert len(hourly) == (hourly.index[-1] - hourly.index[0]) // pd.Timedelta("1h") + 1
    assert (hourly.dtypes == np.float32).all()
    pd.testing.assert_frame_equal(
        hourly.loc[compressor.index], compressor, check_freq=False
    )
    between = hourly.index.difference(compressor.index)
    assert len(between) == len(hourly) - len(compressor)
    assert hourly.loc[between].isna().all(axis=None)


@pytest.mark.parametrize("regular", [False, True])
def test_every_call_returns_a_new_table(regular):
    changed = load_compressor(regular=regular)
    changed.iloc[:] = 0.0
    assert load_compressor(regular=regular)["suction_pressure"].max() > 0


def test_regular_is_given_by_name():
    with pytest.raises(TypeError):
        load_compressor(True)


def test_loading_needs_neither_torch_nor_a_parquet_reader():
    code = (
        "import sys; sys.modules.update(torch=None, sktime=None, pyarrow=None); "
        "import sklrnn; print(len(sklrnn.datasets.load_compressor()))"
    )
    loading = [sys.executable, "-c", code]
    assert subprocess.check_output(loading, text=True) == "92277\n"
