"""Parameters of a forecaster: what they may be, and what is chosen for None."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from torch import nn

from sklrnn import registry
from sklrnn.data.series import GridSeries, repeats_one_value
from sklrnn.data.timegrid import season_length
from sklrnn.interfaces.parameters import (
    check_choice,
    check_integer,
    check_window_length,
)
from sklrnn.network.cells.base import takes
from sklrnn.network.decoders import DECODERS
from sklrnn.network.likelihoods import LIKELIHOODS
from sklrnn.network.losses import MaskedHuber, MaskedMAE, MaskedMSE
from sklrnn.training.parameters import LAYER_PARAMS, TRAINING_ONLY

STRATEGIES = ("direct", "recursive")
NORMALIZATIONS = ("standard", "window", "last", None)
CHANNELS = ("joint", "independent")
DISTRIBUTIONS = ("point", *LIKELIHOODS)
LOSSES = {"mse": MaskedMSE, "mae": MaskedMAE, "huber": MaskedHuber}
CHOSEN = ("window_length", "horizon", "segment_length")
"""Parameters of the shape that are chosen where they are None; so is the loss."""

SHAPE_PARAMS = (
    "normalize",
    "channels",
    "channel_embedding",
    "decoder",
    "shortcut",
    "distribution",
)
"""Parameters of the forecaster that its network takes as they are."""

_LONGEST_BY_STEPS = 192
_SEGMENT = 24


def choose_shape(
    params: Any, series: list[GridSeries], steps_ahead: int
) -> tuple[int, ...]:
    """Return what a new network has of `CHOSEN`."""
    longest = max(one.end for one in series)
    season = season_length(series[0].step)
    horizon = params.horizon
    if horizon is None:
        horizon = min(steps_ahead or season or 12, max(longest // 2, 1))
    window_length = params.window_length
    if window_length is None:
        wanted = max(2 * season, horizon) if season else max(2 * horizon, 24)
        window_length = min(wanted, max(longest // 3, 1))
    check_window_length(window_length, longest)
    segment_length = params.segment_length
    if segment_length is None:
        by_steps = window_length <= _LONGEST_BY_STEPS or params.bptt_steps is not None
        fits = season is not None and 4 <= season <= 2 * _SEGMENT
        segment_length = season if fits else _SEGMENT
        if by_steps or _obstacle_to_segments(params):
            segment_length = 1
    elif segment_length > window_length:
        given = "" if params.window_length else ", which was chosen for these rows"
        raise ValueError(
            f"segment_length is {segment_length}, but a window has {window_length} "
            f"steps (window_length{given}); lower it, or leave it out"
        )
    return window_length, horizon, int(segment_length)


def choose_loss(params: Any, series: list[GridSeries]) -> str | None:
    """Return the loss of a new network; None if its distribution has one."""
    if params.distribution != "point":
        return None
    return "mae" if repeats_one_value(series) else "huber"


def criterion(distribution: str, loss: str | None) -> type[nn.Module]:
    """Return what a network minimises."""
    return LIKELIHOODS[distribution] if loss is None else LOSSES[loss]


def architecture(params: Any) -> dict[str, Any]:
    """Return the parameters that a network is built by."""
    names = [name for name in LAYER_PARAMS if name not in TRAINING_ONLY]
    names += ["strategy", "n_members", "past_only", *SHAPE_PARAMS]
    return {name: getattr(params, name) for name in names}


def check_forecast_params(params: Any) -> None:
    """Check the parameters that a forecaster has of its own.

    Raises
    ------
    ValueError, TypeError
        Naming the parameter, its value and what would be right.
    """
    check_choice("strategy", params.strategy, STRATEGIES)
    check_choice("normalize", params.normalize, NORMALIZATIONS)
    check_choice("channels", params.channels, CHANNELS)
    check_choice("decoder", params.decoder, DECODERS)
    check_choice("loss", params.loss, (*LOSSES, None))
    check_choice("distribution", params.distribution, DISTRIBUTIONS)
    if params.distribution != "point" and params.loss is not None:
        raise ValueError(
            f"loss is {params.loss!r}, but distribution={params.distribution!r} has a "
            "loss of its own; leave loss out"
        )
    if params.distribution == "negative_binomial" and params.normalize == "standard":
        raise ValueError(
            "normalize must be 'window', 'last' or None with distribution="
            "'negative_binomial', which is one of counts; got 'standard'"
        )
    check_integer("n_members", params.n_members, low=1)
    for name in ("channel_embedding", "calibrate", "shortcut"):
        value = getattr(params, name)
        if value not in (True, False):
            raise TypeError(f"{name} must be True or False, got {value!r}")
    if params.channel_embedding and params.channels == "joint":
        raise ValueError(
            "channel_embedding tells channels='independent' which column it reads; "
            "leave it out with channels='joint'"
        )
    if params.segment_length is not None:
        check_integer("segment_length", params.segment_length, low=1)
        obstacle = _obstacle_to_segments(params)
        if params.segment_length > 1 and obstacle:
            raise ValueError(
                f"segment_length must be 1 with {obstacle}; got {params.segment_length}"
            )


def _obstacle_to_segments(params: Any) -> str:
    """Return what needs single steps, and why; "" if nothing does."""
    cell = registry.find_cell(params.cell)
    reads = {
        "masked": "reads how long ago every value was seen",
        "n_targets": "is fed back its own output at every step",
    }
    for name, why in reads.items():
        if takes(cell, name):
            return f"the cell {cell.__name__}, which {why}"
    if params.direction == "decoupled":
        return "direction='decoupled', whose two networks are matched step by step"
    return ""


def read_past_only(
    params: Any, exogenous: tuple[Hashable, ...]
) -> tuple[Hashable, ...]:
    """Return the columns that `past_only` names.

    Raises
    ------
    ValueError
        If X has no such column.
    """
    names = params.past_only
    if names is None:
        return ()
    if isinstance(names, str) or not isinstance(names, Iterable):
        names = [names]
    strange = [name for name in names if name not in exogenous]
    if strange:
        raise ValueError(
            f"past_only has {strange[0]!r}, but X has the columns {list(exogenous)}"
        )
    return tuple(name for name in exogenous if name in names)
