"""A trial of a module: what it is fed, and a report on the properties it lacks."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.gradcheck import GradcheckError, gradcheck

BATCH = 3
N_STEPS = 6
HIDDEN_SIZE = 5  # unlike any other size here

_TORCH = str(Path(torch.__file__).parent)

# Far above rounding, far below what any mistake changes.
_TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4}


class Lacking(AssertionError):
    """A property does not hold; says what was seen and what to mend."""


class Trial(ABC):
    """A class under check, with its parameters, and how to run it.

    Parameters
    ----------
    cls : class
    keywords : dict
        For the constructor.

    Attributes
    ----------
    n_values : int
        How many features of each input are numbers to differentiate by; after them
        come masks and times.
    """

    n_values: int

    def __init__(self, cls: Any, keywords: dict[str, Any]) -> None:
        self.cls = cls
        self.keywords = keywords

    @abstractmethod
    def construct(self) -> Any:
        """Return a new module."""

    @abstractmethod
    def inputs(self, dtype: torch.dtype = torch.float64, seed: int = 0) -> list[Tensor]:
        """Return what `run` takes: tensors of shape (BATCH, N_STEPS, features)."""

    @abstractmethod
    def run(self, module: Any, *inputs: Tensor, **context: Any) -> Tensor:
        """Return the outputs, (batch, steps, features)."""

    @abstractmethod
    def output_size(self, module: Any) -> int:
        """Return how many features the module says that its outputs have."""

    @abstractmethod
    def causal(self, module: Any) -> bool:
        """Tell whether the past must not depend on the future of the first input."""

    def learned_from(self, module: Any, outputs: Tensor) -> list[Tensor]:
        """Return what a loss may be computed from."""
        return [outputs]

    def build(self, dtype: torch.dtype = torch.float64) -> Any:
        """Return the same module every time, in evaluation mode.

        Its weights are moved a little, since initial zeros would hide what they do.
        """
        torch.manual_seed(0)
        module = self.construct().to(dtype).eval()
        with torch.no_grad():
            for weight in module.parameters():
                noise = torch.randn(weight.shape, dtype=torch.float64)
                weight.add_(noise.to(weight), alpha=0.1)
        return module


class Property(NamedTuple):
    """What every module of a kind should have.

    Attributes
    ----------
    title : str
    examine : callable
        Takes a `Trial`, and raises `Lacking` if the property is lacking.
    """

    title: str
    examine: Callable[[Any], None]


def titled(title: str) -> Callable[[Callable[[Any], None]], Property]:
    """Make a property of a function."""
    return lambda examine: Property(title, examine)


def check(
    kind: str,
    trials: Mapping[str, Trial],
    properties: Sequence[Property],
    expected_failed_checks: Mapping[str, str] | None,
) -> None:
    """Look for all properties, and raise one AssertionError that lists what is lacking.

    Parameters
    ----------
    kind : {"cell", "fusion"}
    trials : dict of str to Trial
        By what is particular about them; the first one, "", is the plain one.
    properties : list of Property
    expected_failed_checks : dict of str to str or None
        Titles of properties that are left out, and why.
    """
    titles = [title for title, _ in properties]
    for title in expected_failed_checks or ():
        if title not in titles:
            raise ValueError(
                f"expected_failed_checks must have keys from {titles}, got {title!r}"
            )
    left_out = set(expected_failed_checks or ())
    lacking: dict[str, str] = {}
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        for particular, trial in trials.items():
            known = left_out | set(lacking)  # what is lacking plainly is said once
            for title, text in _find_lacking(trial, properties, known):
                lacking[f"{title}, with {particular}" if particular else title] = text
    if lacking:
        titles_of: dict[str, list[str]] = {}
        for title, text in lacking.items():
            titles_of.setdefault(text, []).append(title)
        listed = "".join(f"\n- {'; '.join(t)}: {text}" for text, t in titles_of.items())
        raise AssertionError(
            f"{trials[''].cls.__name__} lacks {len(lacking)} of the properties of a "
            f"{kind}:{listed}"
        )


def _find_lacking(
    trial: Trial, properties: Sequence[Property], known: set[str]
) -> Iterator[tuple[str, str]]:
    problem = _problem(lambda trial: trial.build(), trial)
    if problem is not None:
        yield "it can be constructed", problem
        return
    for title, examine in properties:
        problem = None if title in known else _problem(examine, trial)
        if problem is not None:
            yield title, problem


def _problem(examine: Callable[[Any], None], trial: Trial) -> str | None:
    """Return what is wrong, or None."""
    try:
        examine(trial)
    except Lacking as lack:
        return str(lack)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if not frame.filename.startswith(_TORCH)]
        where, text = ours[-1], " ".join(str(error).split())
        return (
            f"{type(error).__name__}: {text} ({where.filename}, line {where.lineno}, "
            f"in {where.name})"
        )
    return None


# ---- what properties are written in -----------------------------------------------


def expect(condition: bool, text: str) -> None:
    """Raise `Lacking` with `text` unless the condition holds."""
    if not condition:
        raise Lacking(text)


def expect_equal(found: Tensor, wanted: Tensor, text: str) -> None:
    """Raise `Lacking` with `text` and the largest difference if two tensors differ.

    NaN equals NaN; a difference that rounding explains is none.
    """
    expect(
        found.shape == wanted.shape,
        f"{text} (the shapes are {tuple(found.shape)} and {tuple(wanted.shape)})",
    )
    expect(
        not differ(found, wanted), f"{text} (by up to {difference(found, wanted):.2g})"
    )


def differ(found: Tensor, wanted: Tensor) -> bool:
    """Tell whether two tensors of one shape differ by more than rounding."""
    scale = wanted.detach().nan_to_num().abs().max().clamp(min=1.0).item()
    return not difference(found, wanted) <= _TOLERANCE[wanted.dtype] * scale


def difference(found: Tensor, wanted: Tensor) -> float:
    """Return the largest difference; NaN where only one of the two is NaN."""
    same = found.isnan() & wanted.isnan()
    return torch.where(same, 0.0, (found - wanted).abs()).max().item()


def from_step(step: int, first: Tensor, then: Tensor) -> Tensor:
    """Return the steps of `first` before a step, and those of `then` from it on."""
    return torch.cat([first[:, :step], then[:, step:]], dim=1)


def modes(module: nn.Module) -> Iterator[str]:
    """Put a module into evaluation, then into training mode; yield the mode's name."""
    for training in (False, True):
        module.train(training)
        yield "training" if training else "evaluation"
    module.eval()


def seeded(function: Callable[..., Tensor], *args: Any, **keywords: Any) -> Tensor:
    """Call a function with the random numbers it had before."""
    torch.manual_seed(1)
    return function(*args, **keywords)


def check_gradient(trial: Trial, **context: Any) -> None:
    """Compare the gradients in double precision with differences of the outputs."""
    module = trial.build()
    inputs = trial.inputs()
    values = [x[..., : trial.n_values].clone().requires_grad_() for x in inputs]
    weights = [weight for weight in module.parameters() if weight.requires_grad]

    def run(*_: Tensor) -> Tensor:
        # gradcheck moves the weights in place.
        joined = [
            torch.cat([value, x[..., trial.n_values :]], dim=-1)
            for value, x in zip(values, inputs, strict=True)
        ]
        return trial.run(module, *joined, **context)

    try:
        gradcheck(run, (*values, *weights), fast_mode=True)
    except GradcheckError as error:
        text = " ".join(str(error).split("\n\n")[0].split())
        raise Lacking(
            "the gradient is not the derivative of the output; mend the backward pass, "
            f"or what detaches a tensor ({text})"
        ) from error
