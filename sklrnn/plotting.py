"""Pictures of forecasts, gates and gradients; matplotlib is imported on use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from sklrnn.experiments.backtest import Backtest

_OBSERVED = "#333333"
_FORECAST = "#c1440e"
_BACKTEST = "#1f77b4"
_GAP = "#ececec"
_SEVERAL = ("#c1440e", "#1f77b4", "#2a9d5c", "#8450a8", "#8c6d1f", "#333333")


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
    ax = ax or _new_axes(figsize=(10, 4.5))
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


def plot_fusion_gates(gates: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how much of every step comes from the past and how much from the future.

    Parameters
    ----------
    gates : DataFrame of shape (n_steps, hidden_size)
        What `sklrnn.inspection.fusion_gates` returned for one series.
    ax : matplotlib Axes, optional
        Where to draw. None makes a new figure.

    Returns
    -------
    ax : matplotlib Axes
        The mean over the hidden units, and the range of the middle 80 % of them.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    ax = ax or _new_axes(figsize=(8, 3.5))
    steps = gates.index.to_numpy()
    low, high = gates.quantile([0.1, 0.9], axis=1).to_numpy()
    ax.fill_between(steps, low, high, color=_GAP, lw=0, label="80 % of the units")
    ax.plot(steps, gates.mean(axis=1), color=_BACKTEST, lw=2, label="mean")
    ax.axhline(0.5, color="#999999", lw=0.8, ls=":")
    ax.set_ylim(0, 1)
    ax.set_yticks([0, 0.5, 1], ["0: all future", "0.5", "1: all past"])
    ax.set_xlabel("step of the window (0 is the newest)")
    ax.set_title("Gate between past and future", loc="left", pad=26)
    _frame(ax)
    _legend(ax)
    return ax


def plot_gradient_flow(
    flows: dict[str, pd.DataFrame], axes: Sequence[Axes] | None = None
) -> Sequence[Axes]:
    """Draw how gradients shrink or grow on their way back through the steps.

    Parameters
    ----------
    flows : dict of str to DataFrame
        Names, and what `sklrnn.inspection.gradient_flow` returned for each.
    axes : two matplotlib Axes, optional
        Where to draw. None makes a new figure.

    Returns
    -------
    axes : two matplotlib Axes
        The gradients of the loss; the products of Jacobians, with their bounds dashed.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    if axes is None:
        axes = _new_axes(figsize=(10, 4), ncols=2)
    panels = (("gradient", "norm of dL / dh(t)"), ("jacobian", "norm of dh(T) / dh(t)"))
    for ax, (column, title) in zip(axes, panels, strict=True):
        for number, (name, flow) in enumerate(flows.items()):
            color = _SEVERAL[number % len(_SEVERAL)]
            ax.plot(
                flow.index, _above_zero(flow[column]), color=color, lw=2, label=name
            )
            if column == "jacobian" and flow["bound"].notna().any():
                bound = _above_zero(flow["bound"])
                label = f"bound of {name}"
                ax.plot(flow.index, bound, color=color, lw=1, ls="--", label=label)
        ax.set_yscale("log")
        ax.set_xlabel("step t of the window (0 is the newest, T)")
        ax.set_title(title, loc="left", pad=26)
        _frame(ax)
        _legend(ax)
    return axes


def _above_zero(norms: pd.Series) -> pd.Series:
    """Leave out what a logarithmic axis cannot show."""
    return norms.where(norms > 0)


def _new_axes(figsize: tuple[float, float], ncols: int = 1) -> Any:
    require_matplotlib()
    from matplotlib import pyplot

    return pyplot.subplots(ncols=ncols, figsize=figsize, layout="constrained")[1]


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
    _frame(ax)
    _legend(ax, last="not observed")


def _frame(ax: Axes) -> None:
    ax.margins(x=0.01)
    ax.grid(axis="y", color="#dddddd", lw=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _legend(ax: Axes, last: str | None = None) -> None:
    """Put the legend above the axes, below the title."""
    handles: Any
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i] == last)
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
