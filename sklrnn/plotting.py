"""Pictures of forecasts; matplotlib is imported on use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklrnn.experiments.backtest import Backtest

_OBSERVED = "#333333"
_FORECAST = "#c1440e"
_BACKTEST = "#1f77b4"
_GAP = "#ececec"


def plot_forecast(
    history: pd.Series,
    forecast: pd.Series,
    intervals: pd.DataFrame | None = None,
    backtest: Backtest | None = None,
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
    backtest : Backtest, optional
        Its forecasts that fall into `history` are drawn over the observed values.
    ax : matplotlib Axes, optional
        Where to draw. None makes a new figure.

    Returns
    -------
    ax : matplotlib Axes
        The name of `history` labels its vertical axis.

    Raises
    ------
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
    require_matplotlib()
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(10, 4.5), layout="constrained")
    times = _axis_values(history.index.append(forecast.index))
    past, future = times[: len(history)], times[len(history) :]
    values = history.to_numpy(dtype=float)
    _shade_gaps(ax, past, values)
    ax.plot(past, values, color=_OBSERVED, lw=1.3, label="observed", zorder=3)
    alone = _alone(values)
    ax.plot(past[alone], values[alone], ".", color=_OBSERVED, ms=4, zorder=3)
    if backtest is not None:
        _draw_backtest(ax, backtest, history.index, past)
    ax.plot(
        future,
        forecast.to_numpy(dtype=float),
        color=_FORECAST,
        lw=2,
        marker="." if len(forecast) < 3 else None,
        label="forecast",
        zorder=5,
    )
    if intervals is not None:
        _draw_intervals(ax, future, intervals)
    # Halfway between the last row and the first forecast, where the cutoff is.
    ax.axvline(past[-1] + (future[0] - past[-1]) / 2, color="#999999", lw=0.8, ls=":")
    _dress(ax, history, forecast, times)
    return ax


def require_matplotlib() -> None:
    """Raise an ImportError that says what to install if matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401  (asked for, to be used later)
    except ImportError as error:
        raise ImportError(
            'drawing needs matplotlib: pip install "sklrnn[plot]"'
        ) from error


def picture_formats() -> list[str]:
    """Return the formats in which matplotlib saves a picture, such as "png".

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    return sorted(Figure().canvas.get_supported_filetypes())


def _axis_values(index: pd.Index) -> np.ndarray:
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex):
        # As on the clock of the data: matplotlib would turn them to UTC.
        return index.tz_localize(None).to_numpy()
    return index.to_numpy()


def _draw_intervals(ax: Axes, future: np.ndarray, intervals: pd.DataFrame) -> None:
    from matplotlib.colors import to_rgb

    variable = intervals.columns.get_level_values(0)[0]
    coverages = sorted(set(intervals[variable].columns.get_level_values(0)))
    for place, coverage in enumerate(coverages):
        bounds = intervals[variable][coverage]
        # A tint that hides what is below, not alpha: bands that show through each
        # other would not have the colours of the legend.
        share = 0.5 / (place + 1)
        tint = [1 - share * (1 - part) for part in to_rgb(_FORECAST)]
        ax.fill_between(
            future,
            bounds["lower"].to_numpy(dtype=float),
            bounds["upper"].to_numpy(dtype=float),
            color=tint,
            lw=0,
            label=f"{100 * coverage:g} % interval",
            zorder=2 - place / len(coverages),
        )


def _draw_backtest(
    ax: Axes, backtest: Backtest, shown: pd.Index, past: np.ndarray
) -> None:
    table = backtest.forecasts
    label: str | None = "backtest forecasts"
    for _, fold in table[table.index.isin(shown)].groupby("fold"):
        at = past[shown.get_indexer(fold.index)]
        line = fold[backtest.model].to_numpy(dtype=float)
        ax.plot(
            at,
            line,
            color=_BACKTEST,
            lw=1.2,
            marker="o",
            markevery=[0],  # where a fold begins
            ms=3,
            label=label,
            zorder=4,
        )
        label = None


def _shade_gaps(ax: Axes, past: np.ndarray, values: np.ndarray) -> None:
    missing = np.isnan(values)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]])))
    label: str | None = "not observed"
    for first, end in edges.reshape(-1, 2):
        # From the last value seen to the next one.
        left, right = past[max(first - 1, 0)], past[min(end, len(past) - 1)]
        ax.axvspan(left, right, color=_GAP, lw=0, label=label, zorder=0)
        label = None


def _alone(values: np.ndarray) -> np.ndarray:
    """Tell which values have no neighbour that a line could join them to."""
    missing = np.isnan(np.concatenate([[np.nan], values, [np.nan]]))
    return ~missing[1:-1] & missing[:-2] & missing[2:]


def _dress(
    ax: Axes, history: pd.Series, forecast: pd.Series, times: np.ndarray
) -> None:
    if np.issubdtype(times.dtype, np.datetime64):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.set_xlabel(_time_name(history.index))
    name = "" if history.name is None else str(history.name)
    ax.set_ylabel(name)
    what = f"Forecast of {name}" if name else "Forecast"
    steps = "1 step" if len(forecast) == 1 else f"{len(forecast)} steps"
    ax.set_title(f"{what}: {steps} after {history.index[-1]}", loc="left", pad=26)
    ax.margins(x=0.01)
    ax.grid(axis="y", color="#dddddd", lw=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    handles: Any
    handles, labels = ax.get_legend_handles_labels()
    last = {"not observed": 1}
    order = sorted(range(len(labels)), key=lambda i: last.get(labels[i], 0))
    ax.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.99),
        ncols=len(order),
        frameon=False,
        fontsize="small",
    )


def _time_name(index: pd.Index) -> str:
    name = "time" if index.name is None else str(index.name)
    zone = getattr(index, "tz", None)
    return name if zone is None else f"{name} ({zone})"
