"""What is expected of a recurrent cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from sklrnn.network.cells.base import Cell, State, can_drop_hidden, detached, takes
from sklrnn.registry import find_cell
from sklrnn.testing.shared import SHARED
from sklrnn.testing.trial import (
    BATCH,
    HIDDEN_SIZE,
    N_STEPS,
    Property,
    Trial,
    check,
    check_gradient,
    differ,
    expect,
    expect_equal,
    from_step,
    titled,
)

_N_VALUES = 3
_N_TARGETS = 2


def check_cell(
    cell: str | type[Cell],
    *,
    expected_failed_checks: Mapping[str, str] | None = None,
    **cell_params: Any,
) -> None:
    """Check that a recurrent cell keeps the contract.

    The cell is built small and run on random numbers, for a second or two: as it is,
    and, where its constructor takes ``layer_norm`` or ``masked``, with each of them.
    Randomness of the caller is left as it was.

    Parameters
    ----------
    cell : str or class
        As the parameter `cell` of the estimators; a class inherits from
        `sklrnn.network.cells.base.Cell`. By name, the entry point and the API number
        of a plug-in are checked as well.
    expected_failed_checks : dict of str to str, optional
        Names of properties that this cell cannot have, each with the reason.
    **cell_params
        For the constructor, as the parameter `cell_params` of the estimators.

    Raises
    ------
    AssertionError
        If properties are lacking: each by its name, with what was seen and what to
        mend.
    ValueError
        If no cell of that name is known, or `expected_failed_checks` has a name that
        is none of a property.
    PluginError
        If the plug-in of that name cannot be used.

    Examples
    --------
    >>> from sklrnn.testing import check_cell
    >>> check_cell("elman", nonlinearity="relu")
    """
    try:
        cls = find_cell(cell)
    except TypeError as error:
        raise AssertionError(f"{cell!r} is no cell: {error}") from None
    trials: dict[str, Trial] = {"": CellTrial(cls, cell_params)}
    for option in ("layer_norm", "masked"):
        if takes(cls, option) and option not in cell_params:
            keywords = cell_params | {option: True}
            trials[f"{option}=True"] = CellTrial(cls, keywords)
    check(
        "cell",
        trials,
        (*SHARED, *PROPERTIES),
        expected_failed_checks,
    )


class CellTrial(Trial):
    """A class of cells, with its parameters, and how to run it."""

    n_values = _N_VALUES

    @property
    def masked(self) -> bool:
        """Whether the input rows hold masks and times after the values."""
        return bool(self.keywords.get("masked"))

    def construct(self, input_size: int = 0, hidden_size: int = HIDDEN_SIZE) -> Any:
        """Return a new cell, told what it asks for as the estimators tell it."""
        offers = {
            "layer_norm": False,
            "masked": False,
            "n_targets": _N_TARGETS,
            "window_length": N_STEPS,
        }
        keywords = {k: v for k, v in offers.items() if takes(self.cls, k)}
        n_inputs = _N_VALUES * (3 if self.masked else 1)
        return self.cls(input_size or n_inputs, hidden_size, **keywords | self.keywords)

    def inputs(self, dtype: torch.dtype = torch.float64, seed: int = 0) -> list[Tensor]:
        """Return one tensor: values and, if masked, the mask and the time since."""
        generator = torch.Generator().manual_seed(seed)
        shape = (BATCH, N_STEPS, _N_VALUES)
        values = torch.randn(shape, generator=generator, dtype=torch.float64)
        if not self.masked:
            return [values.to(dtype)]
        mask = (torch.rand(shape, generator=generator) < 0.6).double()
        mask[:, 0] = mask[1, 2] = 1.0
        gap = torch.zeros_like(mask)
        for step in range(1, N_STEPS):
            gap[:, step] = (gap[:, step - 1] + 0.1) * (1 - mask[:, step])
        return [torch.cat([values, mask, gap], dim=-1).to(dtype)]

    def run(self, module: Any, *inputs: Tensor, **context: Any) -> Tensor:
        """Return the outputs of a whole sequence."""
        return module.sequence(inputs[0], **context)[0]

    def output_size(self, module: Any) -> int:
        """Return the hidden size."""
        return HIDDEN_SIZE

    def causal(self, module: Any) -> bool:
        """Every cell is causal."""
        return True

    def learned_from(self, module: Any, outputs: Tensor) -> list[Tensor]:
        """Return the outputs and, if the cell is taught, what it reads from them."""
        return [outputs, module.readout(outputs)] if self.taught else [outputs]

    @property
    def can_drop(self) -> bool:
        """Whether the cell takes a hidden mask."""
        return can_drop_hidden(self.cls)

    @property
    def taught(self) -> bool:
        """Whether the cell takes a teacher."""
        return takes(self.cls.sequence, "teacher")


# ---- every cell -------------------------------------------------------------------


@titled("the constructor takes input_size and hidden_size, and keeps them")
def _constructor(trial: CellTrial) -> None:
    cell = trial.construct()
    n_inputs = trial.inputs()[0].shape[-1]
    for name, wanted in ("input_size", n_inputs), ("hidden_size", HIDDEN_SIZE):
        found = getattr(cell, name, None)
        expect(
            found == wanted,
            f"{name} was {wanted}, the attribute is {found}; call "
            "super().__init__(input_size, hidden_size) first",
        )
    if not trial.masked:
        output, _ = trial.construct(1, 1).sequence(torch.ones(1, 2, 1))
        expect(
            tuple(output.shape) == (1, 2, 1),
            f"with both sizes 1, a batch of 1 and 2 steps the output has the shape "
            f"{tuple(output.shape)}",
        )


@titled("a sequence in two parts equals it whole")
def _halves(trial: CellTrial) -> None:
    cell = trial.build()
    (x,) = trial.inputs()
    whole, _ = cell.sequence(x)
    expect_equal(
        cell.sequence(x, cell.initial_state(BATCH))[0],
        whole,
        "from initial_state(batch) the outputs are others than without a state",
    )
    for n in (1, N_STEPS // 2):
        first, state = cell.sequence(x[:, :n])
        second, _ = cell.sequence(x[:, n:], state)
        expect_equal(
            torch.cat([first, second], dim=1),
            whole,
            f"split after step {n} the outputs differ; the state must carry all that "
            "the next step needs",
        )
        expect_equal(
            cell.sequence(x[:, n:], state)[0],
            second,
            "going on from a state changes it, so that the second time differs; do not "
            "write into a state",
        )


@titled("a sequence equals its steps")
def _steps(trial: CellTrial) -> None:
    cell = trial.build()
    (x,) = trial.inputs()
    whole, last = cell.sequence(x)
    after_whole, _ = cell.step(x[:, 0], last)
    for name, (outputs, state) in _by_step(cell, x).items():
        for n, (found, wanted) in enumerate(zip(outputs, whole.unbind(1), strict=True)):
            expect_equal(
                found, wanted, f"{name} and sequence differ in the output of step {n}"
            )
        expect_equal(
            cell.step(x[:, 0], state)[0],
            after_whole,
            f"{name} and sequence end in other states",
        )
    long = torch.cat([trial.inputs(seed=seed)[0] for seed in range(12)], dim=1)
    whole, _ = cell.sequence(long)
    for name, (outputs, _) in _by_step(cell, long).items():
        found = torch.stack(outputs, dim=1)
        text = f"{name} and sequence differ over {long.shape[1]} steps"
        expect_equal(found, whole, text)


def _by_step(
    cell: Any, x: Tensor, **context: Any
) -> dict[str, tuple[list[Tensor], State]]:
    """Run each of the ways to take a step that the cell has, over all steps."""
    ways = {"repeated step": (cell.step, x)}
    if type(cell).advance is not Cell.advance:
        ways["repeated advance"] = (cell.advance, cell.project(x))
    found = {}
    for name, (take, rows) in ways.items():
        outputs, state = [], cell.initial_state(len(x))
        for row in rows.unbind(1):
            output, state = take(row, state, **context)
            outputs.append(output)
        found[name] = outputs, state
    return found


@titled("the summary is the last output")
def _summary(trial: CellTrial) -> None:
    cell = trial.build()
    (x,) = trial.inputs()
    expect_equal(
        cell.summary(x), cell.sequence(x)[0][:, -1], "summary and last output differ"
    )


@titled("a detached state goes on without the gradient")
def _detaching(trial: CellTrial) -> None:
    cell = trial.build()
    (x,) = trial.inputs()
    before = x[:, :3].clone().requires_grad_()
    _, state = cell.sequence(before)
    wanted, _ = cell.sequence(x[:, 3:], state)
    found, _ = cell.sequence(x[:, 3:], detached(state))
    expect_equal(found, wanted, "from the detached state the outputs are others")
    if found.requires_grad:
        (leak,) = torch.autograd.grad(found.sum(), before, allow_unused=True)
        expect(
            leak is None,
            "the gradient flows through a detached state; a state may be a tensor, or "
            "tensors in tuples, lists or dicts, and nothing else may be kept",
        )


# ---- cells that take a hidden mask ------------------------------------------------


def _mask(trial: CellTrial) -> Tensor:
    """Return zeros and twos, some of each for every item."""
    mask = torch.zeros(BATCH, HIDDEN_SIZE, dtype=torch.float64)
    mask[0, ::2] = mask[1, 1::2] = mask[2, :2] = 2.0
    return mask


@titled("a hidden mask of ones changes nothing")
def _mask_of_ones(trial: CellTrial) -> None:
    if not trial.can_drop:
        return
    cell = trial.build()
    (x,) = trial.inputs()
    ones = torch.ones(BATCH, HIDDEN_SIZE, dtype=torch.float64)
    expect_equal(
        cell.sequence(x, hidden_mask=ones)[0],
        cell.sequence(x)[0],
        "with a mask of ones the outputs are others than with none; multiply h_{t-1} "
        "by the mask as it is",
    )


@titled("a hidden mask means the same in sequence, step and summary")
def _mask_everywhere(trial: CellTrial) -> None:
    if not trial.can_drop:
        return
    cell = trial.build()
    (x,) = trial.inputs()
    mask = _mask(trial)
    whole, _ = cell.sequence(x, hidden_mask=mask)
    for name, (outputs, _) in _by_step(cell, x, hidden_mask=mask).items():
        found = torch.stack(outputs, dim=1)
        expect_equal(found, whole, f"with a mask {name} and sequence differ")
    expect_equal(
        cell.summary(x, hidden_mask=mask),
        whole[:, -1],
        "summary and last output differ with a mask",
    )
    other = mask.clone()
    other[1:] = 1.0
    expect_equal(
        cell.sequence(x, hidden_mask=other)[0][0],
        whole[0],
        "the outputs of one item change with the mask of another",
    )
    check_gradient(trial, hidden_mask=mask)


@titled("a hidden mask drops what recurrent weights read, and nothing else")
def _mask_cuts(trial: CellTrial) -> None:
    if not trial.can_drop:
        return
    cell = trial.build()
    (x,) = trial.inputs()
    mask = _mask(trial)
    masked, _ = cell.sequence(x, hidden_mask=mask)
    expect(
        differ(masked, cell.sequence(x)[0]),
        "a mask of zeros and twos makes no difference; multiply by it what the "
        "recurrent weights read",
    )
    silent = (masked == 0).all(dim=1) & (mask == 0)
    free = (cell.sequence(x)[0] == 0).all(dim=1)
    expect(
        not bool((silent & ~free).any()),
        "a unit with a mask of 0 puts out zeros; mask what recurrent weights read of "
        "it, not its output",
    )
    if trial.keywords.get("layer_norm"):
        return  # where the normalisation of a state couples its units
    _, state = cell.sequence(x[:, :3])
    for unit in range(HIDDEN_SIZE):
        one = torch.ones(BATCH, HIDDEN_SIZE, dtype=torch.float64)
        one[:, unit] = 0.0
        before = cell.sequence(x[:, 3:4], state, hidden_mask=one)[0]
        moved = _moved(state, unit)
        after = cell.sequence(x[:, 3:4], moved, hidden_mask=one)[0]
        rest = [n for n in range(HIDDEN_SIZE) if n != unit]
        expect_equal(
            after[..., rest],
            before[..., rest],
            f"with unit {unit} masked, the next output of other units still changes "
            f"with what the state holds of unit {unit}",
        )


def _moved(state: State, unit: int) -> State:
    """Return a state whose tensors with one number per unit are moved at one unit."""
    if isinstance(state, Tensor):
        if state.shape[-1:] != (HIDDEN_SIZE,) or not state.is_floating_point():
            return state
        moved = state.clone()
        moved[..., unit] += 0.5
        return moved
    if isinstance(state, dict):
        return {key: _moved(value, unit) for key, value in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return type(state)(*(_moved(part, unit) for part in state))
    if isinstance(state, (tuple, list)):
        return type(state)(_moved(part, unit) for part in state)
    return state


# ---- cells that take a teacher ----------------------------------------------------


@titled("a cell taught its own outputs runs as if it were free")
def _own_teacher(trial: CellTrial) -> None:
    if not trial.taught:
        return
    cell = trial.build()
    (x,) = trial.inputs()
    free, _ = cell.sequence(x)
    own = cell.readout(free)
    wanted = (BATCH, N_STEPS, _N_TARGETS)
    expect(
        tuple(own.shape) == wanted,
        f"readout(outputs) should have the shape {wanted}, (batch, steps, n_targets), "
        f"and has {tuple(own.shape)}",
    )
    expect_equal(
        cell.sequence(x, teacher=own)[0],
        free,
        "taught what it reads from its own outputs, it puts out something else",
    )
    unknown = torch.full_like(own, torch.nan)
    partly = own.detach().clone()
    partly[:, 1::2] = partly[1, 2, 0] = torch.nan
    for teacher in (unknown, partly):
        expect_equal(
            cell.sequence(x, teacher=teacher)[0],
            free,
            "NaN in the teacher should leave the cell free at that entry",
        )
    cell.sequence(x, teacher=partly)[0].sum().backward()
    odd = [
        name
        for name, weight in cell.named_parameters()
        if weight.grad is not None and not weight.grad.isfinite().all()
    ]
    expect(
        not odd,
        f"with NaN in the teacher the gradient of {', '.join(odd)} is NaN; choose with "
        "torch.where before any arithmetic",
    )


@titled("a teacher changes what comes after it, and nothing before")
def _teacher_in_time(trial: CellTrial) -> None:
    if not trial.taught:
        return
    cell = trial.build()
    (x,) = trial.inputs()
    own = cell.readout(cell.sequence(x)[0]).detach()
    before, _ = cell.sequence(x, teacher=own)
    after, _ = cell.sequence(x, teacher=from_step(2, own, own + 1.0))
    expect_equal(
        after[:, :3],
        before[:, :3],
        "what is taught from step 2 on should not change outputs up to step 2",
    )
    expect(
        differ(after[:, 3], before[:, 3]),
        "what is taught at step 2 makes no difference to step 3",
    )
    teacher = own + 1.0
    first, state = cell.sequence(x[:, :3], teacher=teacher[:, :3])
    second, _ = cell.sequence(x[:, 3:], state, teacher=teacher[:, 3:])
    expect_equal(
        torch.cat([first, second], dim=1),
        cell.sequence(x, teacher=teacher)[0],
        "taught in two parts the outputs differ; the state must carry what was taught "
        "at the last step",
    )
    check_gradient(trial, teacher=teacher)


PROPERTIES: tuple[Property, ...] = (
    _constructor,
    _halves,
    _steps,
    _summary,
    _detaching,
    _mask_of_ones,
    _mask_everywhere,
    _mask_cuts,
    _own_teacher,
    _teacher_in_time,
)
