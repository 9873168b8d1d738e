"""The picture of gradients on their way back through the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sklrnn.plotting.axes import SEVERAL, draw_frame, draw_legend, new_axes, plainly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes


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
        axes = new_axes(figsize=(10, 4), ncols=2)
    panels = (("gradient", "norm of dL / dh(t)"), ("jacobian", "norm of dh(T) / dh(t)"))
    for ax, (column, title) in zip(axes, panels, strict=True):
        for number, (name, flow) in enumerate(flows.items()):
            color, name = SEVERAL[number % len(SEVERAL)], plainly(name)
            ax.plot(
                flow.index,
                _above_zero(flow[column]),
                color=color,
                lw=2,
                label=name,
            )
            if column == "jacobian" and flow["bound"].notna().any():
                bound = _above_zero(flow["bound"])
                label = f"bound of {name}"
                ax.plot(flow.index, bound, color=color, lw=1, ls="--", label=label)
        ax.set_yscale("log")
        ax.set_xlabel("step t of the window (0 is the newest, T)")
        ax.set_title(title, loc="left", pad=26)
        draw_frame(ax)
        draw_legend(ax)
    return axes


def _above_zero(norms: pd.Series) -> pd.Series:
    """Leave out what a logarithmic axis cannot show."""
    return norms.where(norms > 0)
