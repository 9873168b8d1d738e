import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from sklrnn.plotting import plot_imputation
from sklrnn.plotting.imputation import find_stretch, picture_size

NAN = np.nan


@pytest.fixture
def figure():
    return Figure(layout="constrained")


@pytest.fixture
def observed():
    index = pd.date_range("2024-01-01", periods=12, freq="h", name="when")
    table = pd.DataFrame({"a": np.arange(12.0), "b": 1.0, "c": 2.0}, index)
    table.iloc[3:5, 0] = NAN
    table.iloc[6, 0] = NAN
    table.iloc[8:, 2] = NAN
    return table


@pytest.fixture
def filled(observed):
    return observed.interpolate() + 0.5 * observed.isna()


@pytest.fixture
def intervals(observed, filled):
    return pd.DataFrame(
        {
            (name, coverage, bound): filled[name] + sign * coverage * missing
            for name, missing in observed.isna().items()
            for coverage in (0.95, 0.8)
            for bound, sign in (("lower", -1), ("upper", 1))
        }
    )


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def line(ax, label):
    (found,) = [line for line in ax.lines if line.get_label() == label]
    return list(found.get_ydata())


def test_everything_is_labelled(figure, observed, filled, intervals):
    axes = plot_imputation(observed, filled, intervals, figure=figure)
    assert [ax.get_title(loc="left") for ax in axes] == ["c", "a"]  # most missing first
    assert [ax.get_title(loc="right") for ax in axes] == [
        "4 of 12 missing",
        "3 of 12 missing",
    ]
    assert axes[-1].get_xlabel() == "when" and axes[0].get_xlabel() == ""
    (legend,) = figure.legends
    assert labels(figure) == ["observed", "filled", "80 % interval", "95 % interval"]
    figure.set_size_inches(*picture_size(len(axes)))
    figure.canvas.draw()


def test_lines_show_the_values(figure, observed, filled):
    c, a = plot_imputation(observed, filled, figure=figure)
    np.testing.assert_array_equal(line(a, "observed"), observed["a"])
    # From the value before a gap to the value after it; then the line breaks.
    gaps = [2, 3.5, 4.5, 5, NAN, 5, 6.5, 7, NAN]
    np.testing.assert_array_equal(line(a, "filled"), gaps)
    np.testing.assert_array_equal(line(c, "filled"), [2, 2.5, 2.5, 2.5, 2.5, NAN])
    (dots,) = [line for line in a.lines if line.get_marker() == "."]
    assert list(dots.get_ydata()) == [5.0]  # between two gaps
    assert labels(figure) == ["observed", "filled"]


def test_bands_begin_and_end_in_the_values_seen(figure, observed, filled, intervals):
    (a,) = plot_imputation(observed, filled, intervals, columns=["a"], figure=figure)
    narrow, wide = a.collections
    assert narrow.get_label() == "80 % interval"
    assert len(narrow.get_paths()) == 2
    first = narrow.get_paths()[0].get_extents()
    assert (first.ymin, first.ymax) == pytest.approx((2, 5.3))
    assert np.ptp(wide.get_datalim(a.transData).intervaly) > 3.3
    (same,) = plot_imputation(  # whatever stands where a value was seen
        observed,
        filled,
        intervals.where(observed["a"].isna(), NAN),
        columns=["a"],
        figure=Figure(),
    )
    for path, other in zip(
        narrow.get_paths(), same.collections[0].get_paths(), strict=True
    ):
        np.testing.assert_allclose(path.vertices, other.vertices)


def test_columns_that_are_named(figure, observed, filled):
    axes = plot_imputation(observed, filled, columns=["b", "a"], figure=figure)
    assert [ax.get_title(loc="left") for ax in axes] == ["b", "a"]
    assert labels(figure) == ["observed", "filled"]


def test_nothing_missing(figure, observed):
    whole = observed[["b", "a"]].fillna(0)
    axes = plot_imputation(whole, whole, figure=figure)
    assert [ax.get_title(loc="left") for ax in axes] == ["b", "a"]
    assert labels(figure) == ["observed"]


def test_six_columns_at_most(figure):
    observed = pd.DataFrame(np.eye(9)).where(lambda table: table == 0)
    assert len(plot_imputation(observed, observed.fillna(1), figure=figure)) == 6


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(12, name="row"),
        pd.period_range("2020-01", periods=12, freq="M"),
        pd.date_range("2020", periods=12, freq="h", tz="Europe/Rome"),
        pd.DatetimeIndex(["2020-01-01"]).append(
            pd.date_range("2021", periods=11, freq="h")
        ),
    ],
    ids=["rows", "periods", "zone", "irregular"],
)
def test_kinds_of_time(figure, observed, filled, intervals, index):
    tables = (table.set_axis(index) for table in (observed, filled, intervals))
    axes = plot_imputation(*tables, figure=figure)
    zone = " (Europe/Rome)" if getattr(index, "tz", None) else ""
    assert axes[-1].get_xlabel() == f"{index.name or 'time'}{zone}"
    figure.canvas.draw()


def test_without_figure_a_new_one_is_made(observed, filled):
    from matplotlib import pyplot

    axes = plot_imputation(observed, filled)
    assert axes[0].figure.number in pyplot.get_fignums()
    pyplot.close(axes[0].figure)


def test_without_matplotlib(observed, filled, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "sklrnn\[plot\]"'):
        plot_imputation(observed, filled)


# ---- long tables ------------------------------------------------------------------


@pytest.fixture
def long():
    return pd.Series(np.sin(np.arange(1000.0)))


def test_stretch_with_most_filled_values(long):
    long[100:105] = NAN
    long[500:504] = NAN
    long[526:530] = NAN
    stretch = find_stretch(long, 60)
    assert (stretch.start, stretch.stop) == (485, 545)  # the gaps in its middle


def test_stretch_is_no_standstill(long):
    long[600:] = 0.0
    long[100:105] = NAN
    long[700:720] = NAN
    assert find_stretch(long, 60).start == 102 - 30
    long[:] = 0.0
    long[700:720] = NAN
    assert find_stretch(long, 60).start == 710 - 30


@pytest.mark.parametrize(
    ("gaps", "start"),
    [
        ([], 940),
        ([(0, 1000)], 940),
        ([(0, 400)], 370),
        ([(500, 1000)], 470),
        ([(0, 400), (500, 600)], 370),
        ([(990, 999)], 940),
        ([(1, 3)], 0),
    ],
)
def test_stretch_at_the_ends(long, gaps, start):
    for first, end in gaps:
        long[first:end] = NAN
    assert find_stretch(long, 60) == slice(start, start + 60)
    assert find_stretch(long, 1000) == slice(0, 1000)


def test_long_columns_show_their_own_stretches(figure, long):
    observed = pd.DataFrame({"a": long, "b": long, "c": long})
    observed.loc[300:304, "a"] = NAN
    observed.loc[800:801, "b"] = NAN
    axes = plot_imputation(observed, observed.ffill(), n_rows=60, figure=figure)
    assert [ax.get_title(loc="right") for ax in axes] == [
        "5 of 1000 missing; 5 of them in the 60 rows shown",
        "2 of 1000 missing; 2 of them in the 60 rows shown",
    ]
    assert [len(line(ax, "observed")) for ax in axes] == [60, 60]
    limits = [ax.get_xlim() for ax in axes]
    assert limits[0][0] < 300 < 305 < limits[0][1] < limits[1][0] < 800
