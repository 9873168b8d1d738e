import numpy as np
import pytest
from matplotlib import pyplot

from sklrnn.plotting import plot_surprisal


@pytest.fixture(autouse=True)
def close():
    yield
    pyplot.close("all")


def labels(ax):
    return [label.get_text() for label in ax.get_xticklabels()]


def test_every_symbol_has_its_surprisal():
    ax = plot_surprisal("bad", [1.0, 0.5, 2.0], baseline=1.1)
    line, guessing = ax.lines
    np.testing.assert_array_equal(line.get_ydata(), [1.0, 0.5, 2.0])
    assert labels(ax) == ["b", "a", "d"] and ax.get_ylim()[0] == 0
    assert set(guessing.get_ydata()) == {1.1} and ax.get_legend() is not None


def test_the_end_may_have_one_too():
    ax = plot_surprisal([("a", 1), None], np.ones(3))
    assert labels(ax) == ["('a', 1)", "None", "END"]
    assert len(ax.lines) == 1 and ax.get_legend() is None


def test_it_draws_where_it_is_told():
    _, ax = pyplot.subplots()
    assert plot_surprisal("ab", [1, 2], ax) is ax


def test_as_many_numbers_as_symbols():
    with pytest.raises(
        ValueError, match=r"each of the 2 symbols, got the shape \(5,\)"
    ):
        plot_surprisal("ab", np.ones(5))
