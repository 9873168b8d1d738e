import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sklrnn.plotting import plot_fusion_gates, plot_gradient_flow


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_gates_are_drawn_with_their_spread():
    ax = Figure().subplots()
    steps = pd.RangeIndex(-4, 1, name="step")
    gates = pd.DataFrame(np.linspace(0, 1, 15).reshape(5, 3), index=steps)
    assert plot_fusion_gates(gates, ax=ax) is ax
    assert labels(ax) == ["80 % of the units", "mean"]
    mean = ax.get_lines()[0]
    np.testing.assert_allclose(mean.get_xdata(), steps)
    np.testing.assert_allclose(mean.get_ydata(), gates.mean(axis=1))
    assert ax.get_ylim() == (0, 1)


def test_gradients_of_several_networks_are_drawn_with_their_bounds():
    axes = Figure().subplots(ncols=2)
    steps = pd.RangeIndex(-2, 1, name="step")
    elman = pd.DataFrame(
        {"gradient": [0.0, 0.1, 1.0], "jacobian": [0.01, 0.1, 1], "bound": [4, 2, 1.0]},
        index=steps,
    )
    plot_gradient_flow({"elman": elman, "lstm": elman.assign(bound=np.nan)}, axes)
    assert labels(axes[0]) == ["elman", "lstm"]
    assert labels(axes[1]) == ["elman", "bound of elman", "lstm"]
    assert all(ax.get_yscale() == "log" for ax in axes)
    assert np.isnan(axes[0].get_lines()[0].get_ydata()[0])  # 0 has no logarithm
    np.testing.assert_allclose(axes[1].get_lines()[1].get_ydata(), [4, 2, 1])
