"""Plug-ins, looked at when a network is built: what else would fail far from them."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from sklrnn.network.cells.base import Cell, State
from sklrnn.registry import PluginError, describe

_BATCH, _STEPS = 3, 2  # unlike each other, and few


def check_plugged_cell(cell: Cell, masked: bool) -> Cell:
    """Run a cell for two steps, unless it is built in, and return it.

    Parameters
    ----------
    cell : Cell
    masked : bool
        Whether it reads masks and times since last seen after the values.

    Raises
    ------
    PluginError
        If it fails, if what it puts out has another shape than it should or is not
        finite, or if it writes into its input or its state.
    """
    name = describe(type(cell))
    if name is None or _on_meta(cell):
        return cell
    with _looked_at(cell, name, "check_cell"):
        _check_steps(cell, _some_input(cell, masked))
    return cell


def check_plugged_fusion(fusion: nn.Module, hidden_size: int) -> nn.Module:
    """Run a fusion over two steps, unless it is built in, and return it.

    Raises
    ------
    PluginError
        As `check_plugged_cell`.
    """
    name = describe(type(fusion))
    if name is None or _on_meta(fusion):
        return fusion
    with _looked_at(fusion, name, "check_fusion"):
        size: Any = getattr(fusion, "output_size", None)
        _expect(
            isinstance(size, int) and size > 0,
            f"has output_size={size!r}, which must be the number of its features",
        )
        inputs = [_draw((_BATCH, _STEPS, hidden_size), fusion, n) for n in (0, 1)]
        kept = [x.clone() for x in inputs]
        _check_output(fusion(*inputs), (_BATCH, _STEPS, size))
        _check_same(inputs, kept, "its input")
    return fusion


def blame(network: nn.Module, error: Exception) -> None:
    """Raise a PluginError that names a plug-in, if an error comes from its file."""
    files = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
    for part in _exchangeable(network):
        name = describe(type(part))
        if name is not None and _file(type(part)) in files:
            check = "check_cell" if isinstance(part, Cell) else "check_fusion"
            text = " ".join(f"{type(error).__name__}: {error}".split())
            raise PluginError(
                _advise(f"{name} fails in training with {text}", check)
            ) from error


def blamed(network: nn.Module) -> str:
    """Name the plug-ins that a network holds; "" if all is built in."""
    names = {describe(type(part)) for part in _exchangeable(network)}
    return " and ".join(sorted(name for name in names if name))


def _exchangeable(network: nn.Module) -> list[nn.Module]:
    """Return the cells and fusions of a network."""
    parts = list(network.modules())
    cells = [part for part in parts if isinstance(part, Cell)]
    fusions = [getattr(part, "fusion", None) for part in parts]
    return [*cells, *(part for part in fusions if isinstance(part, nn.Module))]


def _file(cls: type) -> str:
    module = sys.modules.get(cls.__module__)
    return getattr(module, "__file__", None) or ""


def _check_steps(cell: Cell, x: Tensor) -> None:
    kept = x.clone()
    outputs, _ = cell.sequence(x)
    _check_output(outputs, (_BATCH, _STEPS, cell.hidden_size))
    _check_same([x], [kept], "its input")
    _, state = cell.step(x[:, 0], cell.initial_state(_BATCH))
    before = [part.clone() for part in _tensors(state)]
    output, _ = cell.step(x[:, 1], state)
    _check_output(output, (_BATCH, cell.hidden_size))
    _check_same(list(_tensors(state)), before, "the state that it is given")


class _Lacking(Exception):
    """What a plug-in should not do."""


@contextmanager
def _looked_at(module: nn.Module, name: str, check: str) -> Iterator[None]:
    """Run a plug-in without a trace, and say of an error whose it is."""
    training = module.training
    module.eval()
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            yield
    except _Lacking as error:
        raise PluginError(_advise(f"{name} {error}", check)) from None
    # Strangers' code may raise anything.
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginError(_advise(f"{name} fails with {text}", check)) from error
    finally:
        module.train(training)


def _advise(text: str, check: str) -> str:
    return f"{text}; sklrnn.testing.{check} tells all that it lacks"


def _expect(condition: bool, text: str) -> None:
    if not condition:
        raise _Lacking(text)


def _check_output(output: Any, shape: tuple[int, ...]) -> None:
    found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    _expect(
        found == shape,
        f"puts out {found} where it should be {shape}, (batch, steps, features) "
        "(outputs have the size they should and the dtype of the input)",
    )
    _expect(
        bool(output.isfinite().all()),
        "puts out NaN or infinite numbers where its input is finite",
    )


def _check_same(found: list[Tensor], before: list[Tensor], what: str) -> None:
    same = all(torch.equal(a, b) for a, b in zip(found, before, strict=True))
    _expect(
        same,
        f"writes into {what}; it must work on a copy (the same input gives the same "
        "output)",
    )


def _tensors(state: State) -> Iterator[Tensor]:
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, (tuple, list, dict)):
        for part in state.values() if isinstance(state, dict) else state:
            yield from _tensors(part)


def _some_input(cell: Cell, masked: bool) -> Tensor:
    x = _draw((_BATCH, _STEPS, cell.input_size), cell, 0)
    if masked:
        n_values = cell.input_size // 3
        x[..., n_values : 2 * n_values] = 1.0  # observed
        x[..., 2 * n_values :] = 0.0  # just now
    return x


def _draw(shape: tuple[int, ...], like: nn.Module, seed: int) -> Tensor:
    weight = next(like.parameters(), torch.empty(0))
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return values.to(weight)


def _on_meta(module: nn.Module) -> bool:
    """Tell whether a network is but laid out, without numbers."""
    return any(w.is_meta for w in module.parameters()) or (
        torch.empty(0).device.type == "meta"
    )
