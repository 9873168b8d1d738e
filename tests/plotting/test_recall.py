import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from sklrnn import HopfieldMemory
from sklrnn.plotting import plot_load, plot_recall
from sklrnn.plotting.recall import picture_size


@pytest.fixture
def figure():
    return Figure(layout="constrained")


@pytest.fixture
def patterns():
    return np.random.default_rng(0).choice([-1.0, 1.0], size=(3, 24))


@pytest.fixture
def cues(patterns):
    return np.where(np.arange(24) < 2, -patterns, patterns)


@pytest.fixture
def errors():
    return pd.DataFrame(
        {"hebb": [0.0, 0.2, np.nan], "modern": [0.0, 0.0, 0.01]}, index=[0.1, 0.2, 5.0]
    )


def test_a_column_for_each_pattern_and_a_row_for_each_memory(figure, patterns, cues):
    memory = HopfieldMemory(kind="classic", rule="pseudo-inverse", random_state=0)
    recalled = memory.fit(patterns).predict(cues)
    axes = plot_recall(patterns, cues, {"one": recalled, "two": cues}, (4, 6), figure)
    assert axes.shape == (4, 3)
    assert [line[0].get_ylabel() for line in axes] == ["stored", "cue", "one", "two"]
    titles = [[ax.get_title() for ax in line] for line in axes]
    assert titles == [[""] * 3, ["2 wrong"] * 3, ["0 wrong"] * 3, ["2 wrong"] * 3]
    for number, ax in enumerate(axes[1]):
        image = np.asarray(ax.images[0].get_array())
        np.testing.assert_array_equal(image, cues[number].reshape(4, 6))
    figure.set_size_inches(*picture_size(*axes.shape))
    figure.canvas.draw()


def test_small_differences_of_numbers_are_not_wrong(figure):
    patterns = np.random.default_rng(0).random((2, 9))
    recalled = patterns.copy()
    recalled[0] += 0.001
    recalled[1, 4] += 0.1
    axes = plot_recall(patterns, patterns, recalled, (3, 3), figure)
    assert [ax.get_title() for ax in axes[2]] == ["0 wrong", "1 wrong"]
    assert axes[2, 0].get_ylabel() == "recalled"


def test_shapes_that_do_not_fit(figure, patterns, cues):
    with pytest.raises(ValueError, match=r"patterns have the shape \(3, 24\), but cue"):
        plot_recall(patterns, cues[:2], cues, (4, 6), figure)
    with pytest.raises(ValueError, match=r"shape is \(5, 5\), but patterns have"):
        plot_recall(patterns, cues, cues, (5, 5), figure)


def test_errors_against_loads(figure, errors):
    ax = plot_load(errors, {"hebb": 0.138}, figure.subplots())
    hebb, mark, modern = ax.lines
    np.testing.assert_allclose(hebb.get_xdata(), [0.1, 0.2])
    np.testing.assert_allclose(hebb.get_ydata(), [0, 20])
    np.testing.assert_allclose(modern.get_ydata(), [0, 0, 1])
    assert mark.get_color() == hebb.get_color()
    assert [text.get_text() for text in ax.texts] == ["0.138"]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["hebb", "modern"]
    assert ax.get_xscale() == "log"
    figure.canvas.draw()


def test_near_loads_stand_on_a_linear_axis(figure, errors):
    assert plot_load(errors[:2], ax=figure.subplots()).get_xscale() == "linear"


def test_without_axes_new_ones_are_made(patterns, cues, errors):
    from matplotlib import pyplot

    for figure in (
        plot_recall(patterns, cues, cues, (4, 6))[0, 0].figure,
        plot_load(errors).figure,
    ):
        assert figure.number in pyplot.get_fignums()
        pyplot.close(figure)


def test_without_matplotlib(patterns, cues, errors, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "sklrnn\[plot\]"'):
        plot_recall(patterns, cues, cues, (4, 6))
    with pytest.raises(ImportError, match=r'pip install "sklrnn\[plot\]"'):
        plot_load(errors)
