"""The picture of a forecast: what was observed, what follows, and its intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from sklrnn.data.gaps import find_gaps
from sklrnn.plotting.axes import (
    COMPARED,
    GAP,
    OBSERVED,
    PREDICTED,
    axis_values,
    draw_bands,
    draw_frame,
    draw_legend,
    find_alone,
    label_time,
    new_axes,
    plainly,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Backtested(Protocol):
    """What is drawn of a backtest, such as `sklrnn.experiments.Backtest`."""

    @property
    def forecasts(self) -> pd.DataFrame:
        """Rows by time, with the columns "fold" and the name of the model."""

    @property
    def model(self) -> str:
        """Name of the column of forecasts."""


def plot_forecast(
    history: pd.Series,
    forecast: pd.Series,
    intervals: pd.DataFrame | None = None,
    backtest: Backtested | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw what was observed, the forecast that continues it, and its intervals.

    Parameters
    ----------
    history : Series of shape (n_steps,)
        Observed values up to the forecast, on a regular time index, NaN where missing:
        the line breaks there and the gap is shaded. Give the part to be seen.
    forecast : Series of shape (horizon,)
        The steps after `history`, in the same units.
    intervals : DataFrame of shape (horizon, 2 * n_coverages), optional
        What `predict_interval` returned for the same steps; wider intervals are drawn
        lighter.
    backtest : sklrnn.experiments.Backtest, optional
        Its forecasts that fall into `history` are drawn over the observed values.
    ax : matplotlib Axes, optional
        Where to draw. None makes a new figure.

    Returns
    -------
    ax : matplotlib Axes
        The name of `history` labels its vertical axis.

    Raises
    ------
    ValueError
        If there is more than one series, or none.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sklrnn import RNNForecaster
    >>> from sklrnn.plotting import plot_forecast
    >>> from sktime.datasets import load_airline
    >>> y = load_airline()
    >>> forecaster = RNNForecaster(max_epochs=2, random_state=0).fit(y, fh=range(1, 13))
    >>> intervals = forecaster.predict_interval(coverage=[0.8, 0.95])
    >>> ax = plot_forecast(y[-48:], forecaster.predict(), intervals)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['observed', 'forecast', '80 % interval', '95 % interval']
    """
    history = _one_series(history, "history")
    forecast = _one_series(forecast, "forecast")
    ax = ax or new_axes(figsize=(10, 4.5))
    _draw(ax, history, forecast, intervals, backtest)
    name = "" if history.name is None else str(history.name)
    ax.set_ylabel(plainly(name))
    what = f"Forecast of {name}" if name else "Forecast"
    steps = "1 step" if len(forecast) == 1 else f"{len(forecast)} steps"
    ax.set_title(f"{what}: {steps} after {history.index[-1]}", loc="left", pad=26)
    draw_legend(ax, last="not observed")
    return ax


def _one_series(data: pd.Series | pd.DataFrame, name: str) -> pd.Series:
    if isinstance(data.index, pd.MultiIndex) or data.ndim > 1 and data.shape[1] != 1:
        raise ValueError(
            f"{name} must be one series; choose a column, or draw panels by plot_panel"
        )
    if len(data) == 0:
        raise ValueError(f"{name} is empty; give the rows to be seen")
    return data if isinstance(data, pd.Series) else data.iloc[:, 0]


def plot_panel(
    history: pd.DataFrame | pd.Series,
    forecast: pd.DataFrame | pd.Series,
    intervals: pd.DataFrame | None = None,
    n_steps: int | None = None,
    n_series: int = 12,
) -> Figure:
    """Draw the forecasts of a panel or hierarchy, series by series.

    Parameters
    ----------
    history : DataFrame or Series with a row MultiIndex
        Observed values up to the forecast; the last level is time, the ones before it
        tell the series.
    forecast : DataFrame or Series
        What `predict` returned, in which the series are found by the same keys.
    intervals : DataFrame, optional
        What `predict_interval` returned for the same steps.
    n_steps : int, optional
        Number of newest steps of every history to draw; all if not given.
    n_series : int, default=12
        The largest number of pictures: one for each series and column, in the order
        of `forecast`.

    Returns
    -------
    figure : matplotlib Figure
        Two pictures side by side; each has its own vertical axis.

    Raises
    ------
    ValueError
        If there is no series to draw, or `history` lacks one.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sklrnn import RNNForecaster
    >>> from sklrnn.plotting import plot_panel
    >>> from sktime.utils._testing.hierarchical import _make_hierarchical
    >>> y = _make_hierarchical((4,), min_timepoints=40, max_timepoints=40)
    >>> forecaster = RNNForecaster(max_epochs=1, random_state=0).fit(y, fh=range(1, 8))
    >>> figure = plot_panel(y, forecaster.predict(), forecaster.predict_interval())
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['h0_0', 'h0_1', 'h0_2', 'h0_3']
    """
    history, forecast = pd.DataFrame(history), pd.DataFrame(forecast)
    if not isinstance(forecast.index, pd.MultiIndex):
        raise ValueError(
            "forecast must be of a panel, its rows named by series and time; for one "
            "series there is plot_forecast"
        )
    rows: Any = history.index
    keys, known = forecast.index.droplevel(-1).unique(), rows.droplevel(-1).unique()
    chosen = [(key, name) for key in keys for name in forecast.columns][:n_series]
    if not chosen:
        raise ValueError("forecast must hold a series to draw, but it has no rows")
    axes = new_axes((12, 2.4 * -(-len(chosen) // 2) + 0.4), 2, -(-len(chosen) // 2))
    for ax, (key, name) in zip(axes.flat, chosen, strict=False):
        if key not in known:
            raise ValueError(f"history lacks the series {key!r} of forecast")
        past = history.loc[key][name].tail(n_steps or len(history))
        bounds = None if intervals is None else intervals.loc[key][[name]]
        _draw(ax, past, forecast.loc[key][name], bounds)
        names = key if isinstance(key, tuple) else (key,)
        column = (name,) if forecast.shape[1] > 1 else ()
        ax.set_title(plainly(", ".join(map(str, (*names, *column)))), loc="left")
        ax.set_xlabel("")
    for ax in axes.flat[len(chosen) :]:
        ax.remove()
    figure = axes.flat[0].figure
    handles: dict[str, Any] = {}
    for ax in figure.axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(
        handles.values(), handles, loc="outside upper left", ncols=6, frameon=False
    )
    return figure


def _draw(
    ax: Axes,
    history: pd.Series,
    forecast: pd.Series,
    intervals: pd.DataFrame | None = None,
    backtest: Backtested | None = None,
) -> None:
    times = axis_values(history.index.append(forecast.index))
    past, future = times[: len(history)], times[len(history) :]
    values = history.to_numpy(dtype=float)
    _shade_gaps(ax, past, values)
    ax.plot(past, values, color=OBSERVED, lw=1.3, label="observed", zorder=3)
    alone = find_alone(values)
    ax.plot(past[alone], values[alone], ".", color=OBSERVED, ms=4, zorder=3)
    if backtest is not None:
        _draw_backtest(ax, backtest, history.index, past)
    ax.plot(
        future,
        forecast.to_numpy(dtype=float),
        color=PREDICTED,
        lw=2,
        marker="." if len(forecast) < 3 else None,
        label="forecast",
        zorder=5,
    )
    if intervals is not None:
        draw_bands(ax, future, intervals.droplevel(0, axis="columns"))
    # Halfway between the last row and the first forecast, where the cutoff is.
    ax.axvline(past[-1] + (future[0] - past[-1]) / 2, color="#999999", lw=0.8, ls=":")
    label_time(ax, history.index)
    draw_frame(ax)


def _draw_backtest(
    ax: Axes, backtest: Backtested, shown: pd.Index, past: np.ndarray
) -> None:
    table = backtest.forecasts
    label: str | None = "backtest forecasts"
    for _, fold in table[table.index.isin(shown)].groupby("fold"):
        at = past[shown.get_indexer(fold.index)]
        line = fold[backtest.model].to_numpy(dtype=float)
        ax.plot(
            at,
            line,
            color=COMPARED,
            lw=1.2,
            marker="o",
            markevery=[0],  # where a fold begins
            ms=3,
            label=label,
            zorder=4,
        )
        label = None


def _shade_gaps(ax: Axes, past: np.ndarray, values: np.ndarray) -> None:
    label: str | None = "not observed"
    for first, end in find_gaps(np.isnan(values)):
        # From the last value seen to the next one.
        left, right = past[max(first - 1, 0)], past[min(end, len(past) - 1)]
        ax.axvspan(left, right, color=GAP, lw=0, label=label, zorder=0)
        label = None
