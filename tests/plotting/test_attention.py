import numpy as np
import pytest
from matplotlib.figure import Figure

from sklrnn.plotting import plot_attention

WEIGHTS = np.arange(6).reshape(2, 3) / 10


def names(ticks):
    return [tick.get_text() for tick in ticks]


def test_rows_are_what_was_written():
    ax = Figure().subplots()
    assert plot_attention(WEIGHTS, "a b", ["x", 12], ax=ax) is ax
    (image,) = ax.get_images()
    np.testing.assert_array_equal(image.get_array(), WEIGHTS)
    assert image.get_clim() == (0, 1)
    assert names(ax.get_xticklabels()) == ["a", "␣", "b"]
    assert names(ax.get_yticklabels()) == ["x", "12"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("read", "written")


def test_long_tokens_are_turned():
    ax = plot_attention(WEIGHTS, ["one", "two", "3"], "ab", ax=Figure().subplots())
    assert {tick.get_rotation() for tick in ax.get_xticklabels()} == {90.0}
    assert {tick.get_rotation() for tick in ax.get_yticklabels()} == {0.0}


def test_weights_of_other_sequences():
    with pytest.raises(ValueError, match=r"weights must have the shape \(3, 2\)"):
        plot_attention(WEIGHTS, "ab", "abc")
