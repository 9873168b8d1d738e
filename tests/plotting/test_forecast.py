import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import num2date
from matplotlib.figure import Figure

from sklrnn.experiments.backtest import Backtest
from sklrnn.plotting import plot_forecast, plot_panel


@pytest.fixture
def ax():
    return Figure().subplots()


def series(start, values, name="load (MW)"):
    index = pd.date_range(start, periods=len(values), freq="h", name="when")
    return pd.Series(values, index, name=name, dtype=float)


@pytest.fixture
def history():
    return series("2024-01-01", np.arange(48))


@pytest.fixture
def forecast():
    return series("2024-01-03", [48, 49, 50])


@pytest.fixture
def intervals(forecast):
    return pd.DataFrame(
        {
            ("load", coverage, bound): forecast + sign * 10 * coverage
            for coverage in (0.95, 0.8)
            for bound, sign in (("lower", -1), ("upper", 1))
        }
    )


@pytest.fixture
def backtest(history):
    table = pd.DataFrame({"fold": [1, 1, 2, 2], "observed": history[-4:]})
    table["gru"] = table["observed"] + 1
    table["last value"] = 0.0
    scores = pd.DataFrame({"MAE": [1.0, 2.0]}, index=["gru", "last value"])
    return Backtest(scores, table)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_everything_is_labelled(ax, history, forecast, intervals, backtest):
    assert plot_forecast(history, forecast, intervals, backtest, ax=ax) is ax
    assert labels(ax) == [
        *("observed", "backtest forecasts", "forecast"),
        *("80 % interval", "95 % interval"),
    ]
    assert ax.get_ylabel() == "load (MW)"
    assert ax.get_xlabel() == "when"
    assert ax.get_title(loc="left") == (
        "Forecast of load (MW): 3 steps after 2024-01-02 23:00:00"
    )
    ax.figure.canvas.draw()


def test_lines_show_the_values(ax, history, forecast, backtest):
    plot_forecast(history, forecast, backtest=backtest, ax=ax)
    lines = [line for line in ax.lines if len(line.get_ydata()) > 2]
    assert list(lines[0].get_ydata()) == list(history)
    assert list(lines[1].get_ydata()) == list(forecast)
    folds = [line for line in ax.lines if line.get_marker() == "o"]
    assert [list(line.get_ydata()) for line in folds] == [[45, 46], [47, 48]]
    first, last = (num2date(x).replace(tzinfo=None) for x in ax.get_xlim())
    assert first < history.index[0] and last > forecast.index[-1]


def test_wider_intervals_are_lighter(ax, history, forecast, intervals):
    plot_forecast(history, forecast, intervals, ax=ax)
    narrow, wide = ax.collections
    assert narrow.get_label() == "80 % interval"
    assert wide.get_facecolor().mean() > narrow.get_facecolor().mean()
    assert wide.get_zorder() < narrow.get_zorder()
    assert np.ptp(narrow.get_datalim(ax.transData).intervaly) == pytest.approx(16 + 2)


def test_gaps_are_visible(ax, history, forecast):
    history.iloc[10:20] = np.nan
    history.iloc[14] = 14.0  # alone: no line leads there
    plot_forecast(history, forecast, ax=ax)
    assert labels(ax) == ["observed", "forecast", "not observed"]
    assert len(ax.patches) == 2
    (dots,) = [line for line in ax.lines if line.get_marker() == "."]
    assert list(dots.get_ydata()) == [14.0]


def test_backtest_before_the_history_is_left_out(ax, history, forecast, backtest):
    plot_forecast(history[-2:], forecast, backtest=backtest, ax=ax)
    assert len([line for line in ax.lines if line.get_marker() == "o"]) == 1


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(51),
        pd.period_range("2020-01", periods=51, freq="M"),
        pd.date_range("2020", periods=51, freq="h", tz="Europe/Rome"),
    ],
    ids=["integers", "periods", "zone"],
)
def test_kinds_of_time(ax, index):
    values = pd.Series(np.arange(51.0), index)
    plot_forecast(values[:50], values[50:], ax=ax)
    ax.figure.canvas.draw()
    zone = " (Europe/Rome)" if getattr(index, "tz", None) else ""
    assert ax.get_xlabel() == f"time{zone}"
    assert ax.get_title(loc="left").startswith("Forecast: 1 step after ")


def test_tables_of_one_column_are_series(history, forecast):
    whole = plot_forecast(history, forecast)
    tables = plot_forecast(history.to_frame(), forecast.to_frame())
    assert tables.get_title("left") == whole.get_title("left")
    assert tables.get_ylabel() == whole.get_ylabel()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: pd.DataFrame({"a": y, "b": y}), "history must be one series"),
        (lambda y: pd.concat({"a": y}), "history must be one series"),
        (lambda y: y[:0], "history is empty"),
    ],
)
def test_what_is_no_single_series_is_refused(history, forecast, change, message):
    with pytest.raises(ValueError, match=message):
        plot_forecast(change(history), forecast)


def test_without_ax_a_figure_is_made(history, forecast):
    from matplotlib import pyplot

    ax = plot_forecast(history, forecast)
    assert ax.figure.number in pyplot.get_fignums()
    pyplot.close(ax.figure)


def test_without_matplotlib(history, forecast, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "sklrnn\[plot\]"'):
        plot_forecast(history, forecast)


def test_matplotlib_is_imported_on_use():
    code = "import sys, sklrnn.plotting; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- panels --------------------------------------------------------------------------


def in_panel(table, keys=(("north", "a"), ("south", "b"), ("south", "c"))):
    names = ["region", "shop", "when"]
    return pd.concat({key: pd.DataFrame(table) for key in keys}, names=names)


def test_every_series_of_a_panel_has_a_picture(history, forecast, intervals):
    history[10:13] = np.nan
    bounds = intervals.rename(columns={"load": "load (MW)"}, level=0)
    figure = plot_panel(
        in_panel(history), in_panel(forecast), in_panel(bounds), n_steps=40
    )
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["north, a", "south, b", "south, c"]
    assert len(figure.axes[1].lines[0].get_xdata()) == 40
    np.testing.assert_array_equal(figure.axes[2].lines[2].get_ydata(), forecast)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    expected = ["not observed", "observed", "forecast"]
    assert labels == [*expected, "80 % interval", "95 % interval"]


def test_pictures_of_a_panel_are_limited_and_name_columns(history, forecast):
    def two(one):
        return in_panel({"load": one, "price": 2 * one})

    figure = plot_panel(two(history), two(forecast), n_series=3)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["north, a, load", "north, a, price", "south, b, load"]


def test_a_panel_that_cannot_be_drawn_is_refused(history, forecast):
    with pytest.raises(ValueError, match="plot_forecast"):
        plot_panel(history, forecast)
    with pytest.raises(ValueError, match=r"lacks the series \('south', 'b'\)"):
        plot_panel(in_panel(history, [("north", "a")]), in_panel(forecast))
    with pytest.raises(ValueError, match="no rows"):
        plot_panel(in_panel(history), in_panel(forecast)[:0])
