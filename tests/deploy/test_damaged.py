"""Damaged files end in an error that says what is wrong with them."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sklrnn
from sklrnn.deploy import archive
from sklrnn.registry import PluginError

SCRIPT = Path(__file__).parents[2] / "examples/benchmarks/damaged_files.py"
_SPEC = importlib.util.spec_from_file_location("damaged_files", SCRIPT)
damaged_files = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(damaged_files)


@pytest.fixture(scope="module")
def wholes(tmp_path_factory):
    paths = damaged_files.originals(tmp_path_factory.mktemp("whole"))
    return [path.read_bytes() for path in paths]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "damaged.sklrnn"


@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(number=st.integers(0, 2**32 - 1))
def test_a_damaged_file_is_refused_by_name(number, wholes, place):
    _, data = damaged_files.damaged(number, wholes)
    place.write_bytes(data)
    try:
        estimator = sklrnn.load(place)
    except PluginError:
        pass
    except archive.FileError as error:
        assert str(place) in str(error)
    else:
        assert type(estimator).__name__ in sklrnn.__all__


@pytest.mark.parametrize("damage", damaged_files.DAMAGES, ids=lambda one: one.__name__)
def test_each_kind_of_damage_is_noticed(damage, wholes, place):
    import numpy as np

    refused = 0
    for seed in range(12):
        place.write_bytes(damage(np.random.default_rng(seed), wholes[0]))
        try:
            sklrnn.load(place)
        except (archive.FileError, PluginError):
            refused += 1
    # Other numbers in an array are other numbers, as long as the checksum is right.
    assert refused or damage is damaged_files.other_numbers


def test_nothing_that_must_not_happen_happens(tmp_path):
    """An audit hook cannot be taken off again, hence a process of its own."""
    found = subprocess.run(
        [sys.executable, str(SCRIPT), "--files", "300", "--seed", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]
    assert "events that must not happen: none" in found.stdout
