"""Importing sklrnn stays light, and its public names are where users have them."""

import subprocess
import sys
from importlib import import_module

import pytest

import sklrnn

# Where users import from; what stands elsewhere may move.
PUBLIC = {
    "sklrnn": " ".join(sklrnn.__all__),
    "sklrnn.datasets": "load_compressor load_digit_sequences make_adding make_copy "
    "make_dates make_lag_task make_noise_free_lag make_reber make_reversal "
    "make_syllables make_temporal_order make_temporal_xor reber_successors",
    "sklrnn.experiments": "Backtest compare",
    "sklrnn.experiments.backtest": "Backtest backtest",
    "sklrnn.inspection": "fusion_gates gradient_flow",
    "sklrnn.network.cells.base": "Cell LayerCell",
    "sklrnn.network.cells.elman": "Elman",
    "sklrnn.network.cells.gru": "GRU",
    "sklrnn.network.cells.grud": "GRUD",
    "sklrnn.network.cells.jordan": "Jordan",
    "sklrnn.network.cells.lstm": "LSTM",
    "sklrnn.network.cells.mingru": "MinGRU",
    "sklrnn.network.cells.minlstm": "MinLSTM",
    "sklrnn.network.cells.mlp": "MLP",
    "sklrnn.network.cells.transformer": "Transformer",
    "sklrnn.network.fusions": "Concat Gated Recurrent",
    "sklrnn.plotting": "plot_absence plot_attention plot_forecast plot_fusion_gates "
    "plot_gradient_flow plot_imputation plot_load plot_panel plot_recall "
    "plot_surprisal",
    "sklrnn.testing": "check_cell check_fusion",
    "sklrnn.training": "DivergenceError",
}


def run_python(code):
    """Return what a new process with ``code`` prints, split at white space."""
    return subprocess.check_output([sys.executable, "-c", code], text=True).split()


def test_import_loads_no_heavy_library():
    heavy = {"matplotlib", "numpy", "pandas", "sklearn", "skorch", "sktime", "torch"}
    assert not heavy & set(run_python("import sys, sklrnn; print(*sys.modules)"))


def test_a_memory_needs_no_torch():
    code = "import sys; from sklrnn import HopfieldMemory; print(*sys.modules)"
    assert not {"matplotlib", "sktime", "torch"} & set(run_python(code))


def test_a_submodule_loads_on_use():
    code = "import sklrnn; print(sklrnn.datasets.__name__)"
    assert run_python(code) == ["sklrnn.datasets"]


def test_public_names_are_listed_and_found():
    assert dir(sklrnn) == sorted(sklrnn.__all__)
    for name in sklrnn.__all__:
        assert getattr(sklrnn, name) is not None
        assert getattr(sklrnn, name) is getattr(sklrnn, name)


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'sklrnn' has no attribute 'RNN'"):
        _ = sklrnn.RNN


@pytest.mark.parametrize("module", PUBLIC)
def test_public_imports_stay(module):
    found = import_module(module)
    assert [name for name in PUBLIC[module].split() if not hasattr(found, name)] == []


def test_an_error_can_be_caught_without_torch():
    code = (
        "import sys; from sklrnn.training import DivergenceError; print(*sys.modules)"
    )
    assert not {"skorch", "torch"} & set(run_python(code))
