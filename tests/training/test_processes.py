"""One training in two processes: the same weights in both, nearly those of one."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate import Accelerator
from sklearn.base import clone

from sklrnn import RNNForecaster
from sklrnn.training.processes import Processes

N_PROCESSES = 2


def make_panel(name, n_steps=40):
    rng = np.random.default_rng(len(name))
    index = pd.MultiIndex.from_product([[name], range(n_steps)], names=["id", "time"])
    return pd.DataFrame({"y": rng.normal(size=n_steps).cumsum()}, index=index)


def make_gappy():
    y = make_panel("gappy").loc["gappy"]
    y.iloc[[3, 4, 17, 25]] = np.nan
    return y


def quick(**params):
    # The last of the batches of 9 windows holds a number that 2 does not divide, and
    # that of the parts a single window.
    quick = {"hidden_size": 3, "max_epochs": 3, "window_length": 5, "batch_size": 9}
    return RNNForecaster(**{**quick, "random_state": 0, **params})


def train_all(accelerator):
    """Return forecasters trained in every way that processes train together."""
    parts = [make_panel("a"), make_panel("bb", 29)]
    shared = {"accelerator": accelerator}
    return {
        "masked": quick(**shared).fit(make_gappy(), fh=[1, 2]),
        "decoupled": quick(direction="decoupled", horizon=1, **shared).fit(
            make_panel("c").loc["c"]
        ),
        "parts": quick(validation_fraction=None, **shared).pretrain(parts, fh=1),
        "updated": clone(quick(distribution="gaussian", refit=False, **shared))
        .fit(make_gappy(), fh=1)
        .update(make_panel("gappy", 45).loc["gappy"][40:]),
    }


SCRIPT = """
import pickle, sys, warnings
sys.path.insert(0, sys.argv[2])
warnings.simplefilter("error")
from accelerate import Accelerator
from test_processes import make_panel, quick, train_all
accelerator = Accelerator(cpu=True)
place = accelerator.process_index
trained = train_all(accelerator)
unseeded = {"accelerator": accelerator, "random_state": None, "dropout": 0.3}
trained["unseeded"] = quick(**unseeded).fit(make_panel("d").loc["d"], fh=1)
try:
    quick(accelerator=accelerator).fit(make_panel("d", 30 + place).loc["d"], fh=1)
except ValueError as error:
    trained["error"] = str(error)
with open(f"{sys.argv[1]}/{place}.pickle", "wb") as file:
    pickle.dump(trained, file)
accelerator.end_training()
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What each of the processes has trained."""
    folder = tmp_path_factory.mktemp("processes")
    (folder / "script.py").write_text(SCRIPT)
    here = Path(__file__).parent
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", str(N_PROCESSES), str(folder / "script.py")]
    done = subprocess.run(
        [*command, str(folder), str(here)],
        env={
            **os.environ,
            "PYTHONPATH": str(here.parents[1]),
            "GLOO_SOCKET_IFNAME": "lo",
        },
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    files = [folder / f"{place}.pickle" for place in range(N_PROCESSES)]
    return [pickle.loads(file.read_bytes()) for file in files]


@pytest.fixture(scope="module")
def alone():
    """The same, trained in this process."""
    return train_all(None)


def weights_of(forecaster):
    fitted = forecaster.__dict__.get("_fitted") or forecaster.pretrained_
    return fitted.net.module_.state_dict()


NAMES = ["masked", "decoupled", "parts", "updated"]


@pytest.mark.parametrize("name", [*NAMES, "unseeded"])
def test_both_processes_end_with_the_same_weights(trained, name):
    first, second = (weights_of(each[name]) for each in trained)
    for key, weight in first.items():
        assert torch.equal(weight, second[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_train_as_one(trained, alone, name):
    one = weights_of(alone[name])
    start = weights_of(quick_start(name))
    for key, weight in weights_of(trained[0][name]).items():
        torch.testing.assert_close(weight, one[key], rtol=1e-4, atol=1e-5)
    moved = [not torch.allclose(start[key], one[key], atol=2e-3) for key in one]
    assert any(moved)


def quick_start(name):
    """Return a forecaster whose network has hardly learned."""
    params = {"direction": "decoupled"} if name == "decoupled" else {}
    if name == "updated":
        params["distribution"] = "gaussian"
    y = make_gappy() if name in ("masked", "updated") else make_panel("c").loc["c"]
    fh = [1, 2] if name == "masked" else 1
    return quick(lr=1e-9, **params).fit(y, fh=fh)


def test_losses_are_of_all_windows(trained, alone):
    for each in trained:
        losses = each["masked"].history_[:, "valid_loss"]
        expected = alone["masked"].history_[:, "valid_loss"]
        np.testing.assert_allclose(losses, expected, rtol=1e-3)


def test_what_processes_trained_forecasts_anywhere(trained, alone):
    forecast = trained[1]["masked"].predict()
    pd.testing.assert_frame_equal(forecast, alone["masked"].predict(), rtol=1e-3)


def test_other_data_in_another_process_is_refused(trained):
    for each in trained:
        assert "the number of windows is [" in each["error"]


# ---- in one process ------------------------------------------------------------------


def test_an_accelerator_alone_changes_nothing():
    y = make_gappy()
    forecaster = clone(quick(accelerator=Accelerator(cpu=True)))
    one, other = forecaster.fit(y, fh=1), quick().fit(y, fh=1)
    for key, weight in weights_of(one).items():
        torch.testing.assert_close(weight, weights_of(other)[key])


def test_what_is_no_accelerator_is_refused():
    with pytest.raises(TypeError, match="must be an accelerate.Accelerator or None"):
        quick(accelerator=True).fit(make_gappy(), fh=1)


def test_what_it_cannot_be_set_up_for_is_refused():
    with pytest.raises(ValueError, match="gradient_accumulation_steps=2"):
        Processes(Accelerator(cpu=True, gradient_accumulation_steps=2))


def test_without_accelerate_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match=r"pip install 'sklrnn\[accelerate\]'"):
        quick(accelerator=True).fit(make_gappy(), fh=1)
