"""examples/plugin_cell is installed with pip and used as a user would."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

import sklrnn
from sklrnn import RNNForecaster, registry
from sklrnn.testing import check_cell, check_fusion

EXAMPLE = Path(__file__).parents[1] / "examples" / "plugin_cell"
QUICK = dict(hidden_size=4, max_epochs=2, window_length=8, random_state=0)
Y = np.sin(np.arange(60) / 5)

# Fits in the main process, in pickles and in workers; run in a process of its own,
# since this one's workers may have started before the plug-in was there.
USE = """
import pickle
import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklrnn import RNNForecaster

y = np.sin(np.arange(60) / 5)
X = np.cos(np.arange(60) / 5).reshape(-1, 1)
quick = dict(hidden_size=4, max_epochs=2, window_length=8, random_state=0)

search = GridSearchCV(
    RNNForecaster(**quick),
    {"cell": ["lstm", "gru", "indrnn"]},
    cv=TimeSeriesSplit(2),
    n_jobs=2,
    error_score="raise",
).fit(X, y)
print(*sorted(search.cv_results_["param_cell"]))
assert np.isfinite(search.cv_results_["mean_test_score"]).all()

forecaster = RNNForecaster(
    cell="indrnn",
    cell_params={"memory_length": 20},
    direction="coupled",
    fusion="blend",
    fusion_params={"share": 0.7},
    num_layers=2,
    recurrent_dropout=0.1,
    **quick,
)
forecaster.fit(y, fh=[1, 2])
wanted = forecaster.predict()
loaded = pickle.loads(pickle.dumps(forecaster))
assert (loaded.predict() == wanted).all()

def fit_and_predict(forecaster):
    return forecaster.clone().fit(y, fh=[1, 2]).predict()

fitted = joblib.delayed(fit_and_predict)(forecaster)
predicted = joblib.delayed(type(forecaster).predict)(forecaster)
for found in joblib.Parallel(2)([fitted, predicted]):
    assert (found == wanted).all()
print("same everywhere")
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """Folder into which pip has installed the example."""
    folder = tmp_path_factory.mktemp("plugin")
    # Of a copy, since setuptools leaves files where it builds.
    source = shutil.copytree(EXAMPLE, folder / "source")
    options = "--no-deps --no-build-isolation --no-index --disable-pip-version-check"
    command = [sys.executable, "-m", "pip", "install", "--quiet", *options.split()]
    subprocess.run([*command, "--target", folder / "site", source], check=True)
    return folder / "site"


@pytest.fixture
def installed(target, monkeypatch):
    """The same, on the path of this process."""
    monkeypatch.syspath_prepend(target)
    registry._forget_entries()
    yield target
    monkeypatch.undo()
    registry._forget_entries()
    for name in list(sys.modules):
        if name.partition(".")[0] == "sklrnn_example_plugin":
            del sys.modules[name]


def run_python(target, *args):
    """Return what a new process prints that has the example on its path."""
    path = [target, Path(sklrnn.__file__).parents[1], os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(
        [sys.executable, *args], capture_output=True, text=True, env=env, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_found_by_name(installed):
    assert registry.find_cell("indrnn").__name__ == "IndRNN"
    assert registry.find_fusion("sklrnn_example_plugin:blend").__name__ == "Blend"
    rows = sklrnn.plugins(load=True)
    found = [row for row in rows if row.distribution == "sklrnn-example-plugin"]
    assert [(row.kind, row.name, row.version, row.status) for row in found] == [
        ("cell", "indrnn", "1.0", "ok"),
        ("fusion", "blend", "1.0", "ok"),
    ]


def test_it_keeps_the_contract(installed):
    check_cell("indrnn", memory_length=5)
    check_fusion("blend")


def test_its_own_tests_pass(target):
    tests = target.parent / "source" / "tests"
    printed = run_python(target, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests)
    assert "3 passed" in printed


def test_search_pickles_and_workers(target):
    printed = run_python(target, "-c", USE)
    assert printed.splitlines() == ["gru indrnn lstm", "same everywhere"]


@pytest.mark.parametrize("direction", ["coupled", "decoupled"])
def test_every_direction(installed, direction):
    names = dict(cell="indrnn", fusion="blend", direction=direction)
    forecaster = RNNForecaster(**names, **QUICK).fit(Y, fh=[1, 2])
    assert np.isfinite(forecaster.predict()).all()


# ---- what may go wrong with a plug-in like it -------------------------------------

# What to change in indrnn.py, and the cause that is then given.
BROKEN = {
    "unnumbered": (
        ("sklrnn_api = 1", ""),
        "unnumbered.IndRNN does not tell which contract .* needs sklrnn_api = 1",
    ),
    "too_new": (
        ("sklrnn_api = 1", "sklrnn_api = 99"),
        "declares sklrnn_api = 99, but this version of sklrnn supports 1",
    ),
    "failing": (
        ("import torch", "import no_such_library"),
        "ModuleNotFoundError: No module named 'no_such_library'",
    ),
    "renamed": (
        ("class IndRNN", "class Renamed"),
        "AttributeError: module 'renamed' has no attribute 'IndRNN'",
    ),
    "incomplete": (
        ("def advance", "def forward"),
        "a cell must define step or advance, but incomplete.IndRNN does not",
    ),
    "baseless": (
        ("IndRNN(Cell)", "IndRNN(nn.Module)"),
        "inherits from sklrnn.network.cells.base.Cell, got the class baseless.IndRNN",
    ),
    "instance": (
        ("class IndRNN", "IndRNN = 3\n\n\nclass _IndRNN"),
        "inherits from sklrnn.network.cells.base.Cell, got 3",
    ),
}


@pytest.fixture
def neighbours(installed, tmp_path, monkeypatch):
    """Broken plug-ins beside the good one, and two that want names of others."""
    code = (installed / "sklrnn_example_plugin" / "indrnn.py").read_text()
    points = {name: f"{name} = {name}:IndRNN" for name in BROKEN}
    points |= {"squatter": "lstm = wrong:IndRNN", "rival": "indrnn = wrong:IndRNN"}
    for name, point in points.items():
        info = tmp_path / f"the_{name}-2.0.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: the-{name}\nVersion: 2.0\n"
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(f"[sklrnn.cells]\n{point}\n")
    for name, (change, _) in BROKEN.items():
        assert change[0] in code
        (tmp_path / f"{name}.py").write_text(code.replace(*change, 1))
    monkeypatch.syspath_prepend(tmp_path)
    registry._forget_entries()


def test_each_broken_plugin_fails_alone_with_its_cause(neighbours):
    for name, (_, cause) in BROKEN.items():
        where = f"'{name}' of the distribution 'the-{name}' 2.0 .*'{name}:IndRNN'"
        with pytest.raises(registry.PluginError, match=f"(?s){where}.*{cause}"):
            RNNForecaster(cell=name, **QUICK).fit(Y, fh=1)
    either = "choose 'sklrnn-example-plugin:indrnn' or 'the-rival:indrnn'"
    with pytest.raises(ValueError, match=either):
        RNNForecaster(cell="indrnn", **QUICK).fit(Y, fh=1)
    for cell in ("sklrnn-example-plugin:indrnn", "lstm"):
        forecaster = RNNForecaster(cell=cell, **QUICK).fit(Y, fh=1)
        assert np.isfinite(forecaster.predict()).all()


def test_a_search_goes_on_without_the_broken_one(neighbours):
    grid = {"cell": ["gru", "too_new"]}
    search = GridSearchCV(RNNForecaster(**QUICK), grid, cv=TimeSeriesSplit(2))
    with pytest.warns(FitFailedWarning, match="sklrnn_api = 99"):
        with pytest.warns(UserWarning, match="One or more of the test scores are non"):
            search.fit(Y.reshape(-1, 1), Y)
    assert search.best_params_ == {"cell": "gru"}
