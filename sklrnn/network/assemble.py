"""Recurrent layers put together from cells, directions and fusions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypedDict

import torch
from torch import nn

from sklrnn import registry
from sklrnn.network.cells.base import Cell, takes
from sklrnn.network.decoupled import Decoupled
from sklrnn.network.directions import Branch, Coupled, Forward
from sklrnn.network.layers import RecurrentLayers
from sklrnn.network.plugged import check_plugged_cell, check_plugged_fusion


class LayerParams(TypedDict):
    """The parameters of an estimator that describe recurrent layers."""

    cell: str | type[Cell]
    cell_params: dict[str, Any] | None
    hidden_size: int
    num_layers: int
    direction: str
    fusion: str | type[nn.Module]
    fusion_params: dict[str, Any] | None
    dropout: float
    recurrent_dropout: float
    layer_norm: bool
    bptt_steps: int | None
    matching_weight: float
    matching_schedule: str


class Rows(NamedTuple):
    """What the rows of the input sequences hold, and how many there are."""

    n_channels: int
    n_targets: int
    masked: bool
    window_length: int | None


def build_encoder(params: LayerParams, rows: Rows) -> RecurrentLayers | Decoupled:
    """Build the recurrent layers that an estimator's parameters describe."""
    if params["direction"] != "decoupled":
        return build_layers(params, rows, params["direction"])
    forward_layers = build_layers(params, rows, "forward")
    # Drawn apart, so that the forward branch starts as it would without a teacher, and
    # the teacher as it would with another fusion.
    with other_draws(1):
        backward_layers = build_layers(params, rows, "forward")
        with other_draws(2):
            fusion = build_fusion(params)
        return Decoupled(
            forward_layers,
            backward_layers,
            fusion,
            n_targets=rows.n_targets,
            matching_weight=params["matching_weight"],
            matching_schedule=params["matching_schedule"],
        )


@contextmanager
def other_draws(number: int) -> Iterator[None]:
    """Draw initial weights that leave those drawn outside as they are."""
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would seed the generators of GPUs as well.
        torch.default_generator.manual_seed(torch.initial_seed() + number)
        yield


def build_layers(params: LayerParams, rows: Rows, direction: str) -> RecurrentLayers:
    """Build the layers of one direction, or of both at once."""
    cell_class = registry.find_cell(params["cell"])
    layers: list[Forward | Coupled] = []
    input_size = rows.n_channels
    for number in range(params["num_layers"]):
        offers = {
            "layer_norm": params["layer_norm"],
            "n_targets": rows.n_targets,
            "masked": rows.masked and number == 0,
            "window_length": rows.window_length if number == 0 else 1,
        }
        keywords = {
            name: value
            for name, value in offers.items()
            if value is not None and takes(cell_class, name)
        }
        if params["layer_norm"] and "layer_norm" not in keywords:
            raise ValueError(
                f"layer_norm must be False with the cell {cell_class.__name__}, which "
                "has no gates to normalise"
            )
        keywords |= params["cell_params"] or {}

        def branch(size: int = input_size, keywords: dict = keywords) -> Branch:
            cell = cell_class(size, params["hidden_size"], **keywords)
            return Branch(
                check_plugged_cell(cell, bool(keywords.get("masked"))),
                recurrent_dropout=params["recurrent_dropout"],
                bptt_steps=params["bptt_steps"],
            )

        if direction == "forward":
            layers.append(Forward(branch()))
        else:
            layers.append(Coupled(branch(), branch(), build_fusion(params)))
        input_size = layers[-1].output_size
    return RecurrentLayers(layers, params["dropout"])


def build_fusion(params: LayerParams) -> nn.Module:
    """Build what joins two directions."""
    fusion_class = registry.find_fusion(params["fusion"])
    fusion = fusion_class(params["hidden_size"], **(params["fusion_params"] or {}))
    return check_plugged_fusion(fusion, params["hidden_size"])


def count_weights(network: nn.Module, layers: nn.Module, head: nn.Module) -> dict:
    """Count the weights of a network, by what they are for; what is left teaches."""
    total, in_layers, in_head = (
        sum(weight.numel() for weight in module.parameters())
        for module in (network, layers, head)
    )
    teacher = total - in_layers - in_head
    return {"layers": in_layers, "teacher": teacher, "head": in_head, "total": total}
