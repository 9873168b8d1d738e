"""Files that earlier versions have written are read by this one."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import sklrnn

_SPEC = importlib.util.spec_from_file_location(
    "golden", Path(__file__).with_name("golden.py")
)
golden = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(golden)
FILES = sorted(golden.FOLDER.glob("*.sklrnn"))


def flat(found):
    """Return the numbers, or texts, of nested lists."""
    if isinstance(found, list):
        return [entry for one in found for entry in flat(one)]
    return [found]


def test_there_is_one_of_each_estimator():
    found = {sklrnn.describe(path)["estimator"] for path in FILES}
    assert found == {name for name in sklrnn.__all__ if name.startswith(("RNN", "Hop"))}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_file_answers_as_it_did(path):
    found = flat(golden.answers(path.name.split(".")[0], sklrnn.load(path)))
    wanted = flat(json.loads(path.with_suffix(".json").read_text()))
    if isinstance(wanted[0], str):
        assert found == wanted
    else:
        # Other processors and other versions of torch add up in another order.
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
