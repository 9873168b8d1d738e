"""What a network costs: weights, multiply-adds, latency, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sklrnn.network.directions import Branch, Coupled
from sklrnn.training.threads import suitable_threads

_GATES = {"Elman": 1, "GRU": 3, "LSTM": 4}
_REPEATS = 30
_WARM_UP = 3


def formula(layers: Any) -> int | None:
    r"""Count the weights of recurrent layers by the formulas of the papers.

    A cell with g gates (1, 3, 4 for Elman's network, GRU and LSTM) has

    .. math:: g n (m + n + 2)

    of them for m inputs and n units, two biases of each gate as in torch, and 2 g n
    gains more with layer normalisation. The gate between two directions has
    n (2 n + 1), a recurrent fusion is a GRU of 2 n inputs.

    Parameters
    ----------
    layers : RecurrentLayers

    Returns
    -------
    int or None
        None for cells and fusions that the formulas do not speak of.
    """
    total = 0
    for layer in layers.layers:
        if isinstance(layer, Coupled):
            parts = [
                _of_branch(layer.forward_branch),
                _of_branch(layer.backward_branch),
            ]
            parts.append(_of_fusion(layer.fusion, layer.forward_branch.cell))
        else:
            parts = [_of_branch(layer.branch)]
        if None in parts:
            return None
        total += sum(parts)  # type: ignore[arg-type]
    return total


def _of_branch(branch: Branch) -> int | None:
    cell: Any = branch.cell
    gates = _GATES.get(type(cell).__name__)
    if gates is None or not type(cell).__module__.startswith("sklrnn."):
        return None
    n, m = cell.hidden_size, cell.input_size
    count = gates * n * (m + n + 2)
    if getattr(cell, "norm_x", None) is not None:
        count += 2 * gates * n
    if getattr(cell, "peephole", None) is not None:
        count += 3 * n
    if getattr(cell, "initial_hidden", None) is not None:
        count += n
    return count


def _of_fusion(fusion: nn.Module, cell: Any) -> int | None:
    n = cell.hidden_size
    name = type(fusion).__name__
    if not type(fusion).__module__.startswith("sklrnn."):
        return None
    if name == "Concat":
        return 0
    if name == "Gated":
        return n * (2 * n + 1)
    fused: Any = fusion
    gates = _GATES.get(type(getattr(fused, "cell", None)).__name__)
    return None if gates is None else gates * n * (2 * n + n + 2)


def multiply_adds(module: Any, n_steps: int, *, offline: bool = False) -> int:
    """Count the multiply-adds of one window: of its steps, then of the head, once.

    Every entry of a matrix that is used at a step counts once for the step.

    Parameters
    ----------
    module : ForecastNetwork or ReconstructionNetwork
    n_steps : int
        Steps of the window.
    offline : bool, default=False
        Whether the fusion of a decoupled network answers, which runs both branches.
    """
    encoder: Any = module.encoder
    if not _is_decoupled(module):
        count = n_steps * _matrices(encoder) + _matrices(module.head)
        top = encoder.layers[-1]
        if _forecasts(module) and isinstance(top, Coupled):
            # It fuses at the last step alone, if the fusion allows.
            if getattr(top.fusion, "stepwise", False):
                count -= (n_steps - 1) * _matrices(top.fusion)
        return count
    student = getattr(encoder, "forward_layers", encoder)
    if not offline:
        return n_steps * _matrices(student) + _matrices(module.head)
    both = _matrices(student) + _matrices(module.teacher) + _matrices(module.fusion)
    return n_steps * both + _matrices(module.offline_head)


def _forecasts(module: Any) -> bool:
    return hasattr(module, "horizon")


def _is_decoupled(module: Any) -> bool:
    return bool(
        module.decoupled if _forecasts(module) else module.direction == "decoupled"
    )


def _matrices(module: nn.Module) -> int:
    return sum(
        weight.numel()
        for name, weight in module.named_parameters()
        if weight.dim() >= 2 and "norm" not in name
    )


def latency(estimator: Any, n_steps: int) -> float:
    """Measure the milliseconds from a new row to the answer for one series.

    A causal network reads the row with its state carried on; one that reads a window
    from both ends reads all of it again.

    Parameters
    ----------
    estimator : RNNForecaster or RNNImputer
        Fitted.
    n_steps : int
        Steps of the window.
    """
    module: Any = estimator.net_.module_.eval()
    with torch.no_grad(), suitable_threads(module.hidden_size):
        return _median_time(_answer(module, n_steps))


def _answer(module: Any, n_steps: int) -> Callable[[], Any]:
    """Return what a network does when a row comes."""
    if _forecasts(module):
        past = torch.zeros(1, n_steps, module.n_channels)
        if any(isinstance(part, Coupled) for part in module.modules()):
            return lambda: module(past)
        _, carry = module.start(past)
        return lambda: module.advance(past[:, -1], carry)
    one_side = 7 * module.n_columns + 1
    if module.direction == "coupled":
        window = torch.ones(1, n_steps, 2 * one_side)
        return lambda: module(window)
    rows = torch.ones(1, n_steps, one_side)
    _, states = module.advance(rows, None)
    return lambda: module.advance(rows[:, -1:], states)


def _median_time(run: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(_WARM_UP + _REPEATS):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return 1000 * float(np.median(seconds[_WARM_UP:]))


@contextmanager
def peak_memory() -> Iterator[dict[str, float | None]]:
    """Measure by how much the process grows at most, in MB; None where Linux is not.

    The measure is kept by the system for the whole process: run one at a time.
    """
    found: dict[str, float | None] = {"peak_memory_mb": None}
    before = _status("VmRSS") if _forget_peak() else None
    yield found
    peak = _status("VmHWM")
    if before is not None and peak is not None:
        found["peak_memory_mb"] = max(peak - before, 0.0)


def _forget_peak() -> bool:
    from sklrnn.training.memory import trim

    trim()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status(name: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(f"{name}:"):
            return float(line.split()[1]) / 1024
    return None
