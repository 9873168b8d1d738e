import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from sklrnn.data.absence import AbsenceDiffusion
from sklrnn.plotting import plot_absence
from sklrnn.plotting.absence import LEVELS, picture_size


@pytest.fixture
def figure():
    return Figure(layout="constrained")


@pytest.fixture
def diffusions():
    return {
        name: AbsenceDiffusion(name, rate=0.6, spread=12) for name in ("point", "mixed")
    }


def masks(axes):
    return [np.asarray(ax.images[0].get_array()) for ax in axes.flat]


def test_everything_is_labelled(figure, diffusions):
    axes = plot_absence(diffusions, figure=figure)
    assert axes.shape == (2, len(LEVELS))
    assert [ax.get_title(loc="left") for ax in axes[0]] == [
        f"level {level:g}" for level in LEVELS
    ]
    assert [line[0].get_ylabel() for line in axes] == ["point", "mixed"]
    for ax, removed in zip(axes.flat, masks(axes), strict=True):
        share = f"{100 * removed.mean():.0f} % removed"
        assert ax.get_title(loc="right") == share
    assert figure.get_supxlabel() == "step"
    assert figure.get_supylabel() == "columns of the table"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["kept", "removed"]
    figure.set_size_inches(*picture_size(*axes.shape))
    figure.canvas.draw()


def test_time_runs_from_left_to_right(figure):
    # One run at a time, of whole columns: in its picture a vertical bar.
    gaps = np.full((1, 3), 4)
    diffusion = AbsenceDiffusion("observed", rate=0.5, spread=4, gaps=gaps)
    axes = plot_absence(
        {"together": diffusion}, [1.0], n_steps=40, n_columns=3, figure=figure
    )
    (removed,) = masks(axes)
    assert removed.shape == (3, 40)
    assert removed.any() and (removed == removed[0]).all()
    assert axes[0, 0].get_xlim() == (0, 40)
    assert axes[0, 0].get_ylim() == (3, 0)  # the first column on top


def test_more_is_removed_at_higher_levels(figure, diffusions):
    axes = plot_absence(diffusions, [0.0, 0.2, 1.0], n_steps=600, figure=figure)
    for none, some, most in np.reshape(
        [mask.mean() for mask in masks(axes)], axes.shape
    ):
        assert none == 0 < some < most


def test_mixed_shows_several_patterns(figure):
    # Points alone are as many as they can be: with blocks or channels between them
    # whole stretches look otherwise.
    diffusion = AbsenceDiffusion("mixed", rate=0.5, spread=20)
    axes = plot_absence(
        {"mixed": diffusion}, [1.0], n_steps=2000, n_columns=5, figure=figure
    )
    (removed,) = masks(axes)
    changes = (np.diff(removed.astype(int), axis=1) != 0).reshape(5, -1)
    per_stretch = [part.mean() for part in np.array_split(changes, 100, axis=1)]
    assert min(per_stretch) < 0.1 and max(per_stretch) > 0.4


def test_is_repeatable(diffusions):
    first, again, other = (
        masks(plot_absence(diffusions, random_state=seed, figure=Figure()))
        for seed in (0, 0, 1)
    )
    assert all(map(np.array_equal, first, again))
    assert not all(map(np.array_equal, first, other))


def test_without_figure_a_new_one_is_made(diffusions):
    from matplotlib import pyplot

    axes = plot_absence(diffusions)
    assert axes[0, 0].figure.number in pyplot.get_fignums()
    pyplot.close(axes[0, 0].figure)


def test_without_matplotlib(diffusions, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "sklrnn\[plot\]"'):
        plot_absence(diffusions)
