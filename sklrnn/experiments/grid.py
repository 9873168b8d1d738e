"""Grids: from lists of parameter values to the architectures that are compared."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from sklrnn import registry

TASKS = ("prediction", "reconstruction")

FULL_GRID = (
    {
        "cell": ["elman", "lstm", "gru"],
        "direction": ["forward", "coupled", "decoupled"],
        "fusion": ["concat", "gated", "recurrent"],
        "layer_norm": [False, True],
        "absence_pattern": ["point", "mixed"],
        "reconstruction__loss": ["gaussian_nll"],
        "reconstruction__score_steps": ["last"],
    },
    {
        "cell": ["elman", "lstm", "gru"],
        "direction": ["forward", "coupled", "decoupled"],
        "fusion": ["concat", "gated", "recurrent"],
        "absence_pattern": ["mixed"],
        "reconstruction__loss": ["mse"],
        "reconstruction__score_steps": ["last"],
    },
    {
        "cell": ["elman", "lstm", "gru"],
        "direction": ["forward", "coupled", "decoupled"],
        "fusion": ["concat"],
        "absence_pattern": ["mixed"],
        "recurrent_dropout": [0.2],
        "reconstruction__loss": ["gaussian_nll"],
        "reconstruction__score_steps": ["last"],
    },
    {
        "cell": ["elman", "lstm", "gru"],
        "direction": ["forward", "coupled", "decoupled"],
        "fusion": ["concat"],
        "absence_pattern": ["mixed"],
        "reconstruction__loss": ["gaussian_nll"],
        "reconstruction__score_steps": ["all"],
    },
)
"""The grid of the source of this project: see `sklrnn.experiments.compare`.

Its own settings, reconstruction scored at the last step of a window, then variational
dropout and reconstruction scored at all steps beside them.
"""

QUICK_GRID = (
    {
        "cell": ["elman", "lstm", "gru"],
        "direction": ["forward", "coupled", "decoupled"],
        "fusion": ["concat"],
        "reconstruction__loss": ["gaussian_nll"],
        "reconstruction__score_steps": ["last"],
    },
    {
        "cell": ["gru"],
        "direction": ["coupled"],
        "fusion": ["gated"],
        "reconstruction__loss": ["gaussian_nll"],
        "reconstruction__score_steps": ["last"],
    },
)

_WORDS = {
    ("absence_pattern", "point"): "no diffusion",
    ("absence_pattern", "mixed"): "diffusion",
    ("layer_norm", False): "",
    ("layer_norm", True): "layer norm",
    ("loss", "gaussian_nll"): "likelihood",
    ("loss", "mse"): "mse",
    ("recurrent_dropout", 0.0): "",
    ("recurrent_dropout", 0.2): "dropout",
    ("score_steps", "last"): "",
    ("score_steps", "all"): "all steps",
}
"""Values that need no name of their parameter beside them."""

_FIRST = ("cell", "direction", "fusion")
_PROTOCOL = (
    "window_length",
    "horizon",
    "strategy",
    "random_state",
    "validation_fraction",
    "refit",
    "warm_start",
    "callbacks",
    "verbose",
)
"""What the comparison sets itself, alike for all."""


@dataclass(frozen=True)
class Architecture:
    """One point of the grid, for one task.

    Attributes
    ----------
    task : {"prediction", "reconstruction"}
    params : dict
        Parameters of the estimator that the grid sets, and cell, direction, fusion.
    name : str
        Short name, the same for both tasks where they share the parameters.
    """

    task: str
    params: dict[str, Any]
    name: str

    def value(self, name: str) -> Any:
        """Return a parameter's value as it is written in tables; None without it."""
        return plain(self.params.get(name))

    def key(self, seed: int) -> str:
        """Return the name of the cell of the grid that this is with a seed."""
        text = json.dumps([self.task, plain(self.params), seed], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return f"{self.task}-{digest}-{seed}"


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; classes go by their names."""
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if hasattr(value, "item"):  # a number of numpy's
        return value.item()
    return value


def expand(grid: Any, tasks: Sequence[str]) -> tuple[list[Architecture], list[str]]:
    """Return the architectures of a grid, and lines on what it does not hold.

    Parameters
    ----------
    grid : dict, or list of dict
        From parameters of the estimators to lists of values; with "prediction__" or
        "reconstruction__" before its name a parameter is for that task alone.
    tasks : sequence of str

    Returns
    -------
    architectures : list of Architecture
        In the order of the tasks, then of the grid.
    lines : list of str
        What was left out, and why.

    Raises
    ------
    ValueError
        If the grid is empty, or names a parameter, a cell or a fusion that there is
        not.
    TypeError
        If it is not made of dicts of lists.
    """
    points = _points(grid)
    known = {task: _defaults(task) for task in tasks}
    names = dict.fromkeys([*_FIRST, *(name for point in points for name in point)])
    for name in names:
        _check_name(name)
    finders = {"cell": registry.find_cell, "fusion": registry.find_fusion}
    for point in points:
        for name, value in point.items():
            if (finder := finders.get(name.split("__")[-1])) is not None:
                finder(value)
    lines: dict[str, int] = {}
    architectures = []
    for task in tasks:
        chosen: dict[str, dict[str, Any]] = {}
        for point in points:
            params, line = _for_task(point, task, names, known[task])
            text = json.dumps(plain(params), sort_keys=True)
            if params is not None and text not in chosen:
                chosen[text] = params
            else:
                lines[line] = lines.get(line, 0) + 1
        architectures += [Architecture(task, p, "") for p in chosen.values()]
    told = [f"skipped {counted(count)}: {line}" for line, count in lines.items()]
    if not architectures:
        raise ValueError(f"the grid leaves nothing to compare: {'; '.join(told)}")
    return _named(architectures), told


def counted(count: int) -> str:
    """Write a number of combinations."""
    return "1 combination" if count == 1 else f"{count} combinations"


def _points(grid: Any) -> list[dict[str, Any]]:
    parts = [grid] if isinstance(grid, Mapping) else grid
    if isinstance(parts, str) or not isinstance(parts, Iterable):
        raise TypeError(
            f"grid must be a dict of lists, or a list of them, got {grid!r}"
        )
    points = []
    for part in list(parts):
        if not isinstance(part, Mapping):
            raise TypeError(f"grid must be made of dicts, got {part!r} in it")
        for name, values in part.items():
            if isinstance(values, str) or not isinstance(values, Sequence):
                raise TypeError(
                    f"the grid has {values!r} for {name!r}; give a list of values, "
                    f"such as [{values!r}]"
                )
            if not values:
                raise ValueError(f"the grid is empty: it has no value for {name!r}")
        if part:
            combinations = product(*part.values())
            points += [dict(zip(part, values, strict=True)) for values in combinations]
    if not points:
        raise ValueError(
            "the grid is empty; give a dict from parameters to lists of values, such "
            "as {'cell': ['lstm', 'gru']}"
        )
    return points


def _defaults(task: str) -> dict[str, Any]:
    signature = inspect.signature(estimator_class(task).__init__).parameters
    return {name: each.default for name, each in signature.items() if name != "self"}


def estimator_class(task: str) -> Any:
    """Return the estimator of a task."""
    from sklrnn import RNNForecaster, RNNImputer

    return RNNForecaster if task == "prediction" else RNNImputer


def _check_name(name: str) -> None:
    tasks: tuple[str, ...] = TASKS
    own = name
    if name.startswith(tuple(f"{task}__" for task in TASKS)):
        task, own = name.split("__", 1)
        tasks = (task,)
    if own in _PROTOCOL:
        raise ValueError(
            f"the grid has {name!r}, which the comparison sets alike for all; leave it "
            "out"
        )
    # A grid for both tasks may be used for one of them.
    if not any(own in _defaults(task) for task in tasks):
        classes = " or ".join(estimator_class(task).__name__ for task in tasks)
        raise ValueError(f"the grid has {name!r}, which is no parameter of {classes}")


def _for_task(
    point: dict[str, Any],
    task: str,
    names: Iterable[str],
    defaults: dict[str, Any],
) -> tuple[dict[str, Any] | None, str]:
    """Return a point's parameters for a task, and why others may stand for it."""
    own = {name.removeprefix(f"{task}__"): value for name, value in point.items()}
    mine = dict.fromkeys(name.removeprefix(f"{task}__") for name in names)
    params = {n: own.get(n, defaults[n]) for n in mine if n in defaults}
    direction, fusion = params["direction"], params["fusion"]
    if direction == "forward" and fusion != "concat":
        return None, (
            f"fusion={_short(fusion)!r} with direction='forward', which leaves "
            "nothing to fuse"
        )
    if direction == "forward" and "fusion_params" in params:
        params["fusion_params"] = None
    if task == "prediction" and direction == "decoupled":
        # The fusion reconstructs beside the forward branch, which forecasts alone.
        params["fusion"] = "concat"
        params.pop("fusion_params", None)
        if fusion != "concat":
            return params, (
                "a forecast with direction='decoupled' is that of the forward branch "
                "alone, the same with every fusion"
            )
    dropped = [name.split("__")[-1] for name in own if name not in defaults]
    if dropped:
        return params, f"{' and '.join(dropped)} make no difference to the {task}"
    return params, f"given twice for the {task}"


def _named(architectures: list[Architecture]) -> list[Architecture]:
    """Name architectures by what tells them from the others of their task."""
    named = []
    for each in architectures:
        alike = [a for a in architectures if a.task == each.task]
        varied = [n for n in each.params if len({_text(a, n) for a in alike}) > 1]
        named.append(Architecture(each.task, each.params, _name(each, varied)))
    return named


def _text(architecture: Architecture, name: str) -> str:
    return json.dumps(architecture.value(name))


def _name(architecture: Architecture, varied: list[str]) -> str:
    params = architecture.params
    words = [_short(params["cell"]), params["direction"]]
    alone = architecture.task == "prediction" and params["direction"] == "decoupled"
    if params["direction"] != "forward" and not alone:
        words.append(_short(params["fusion"]))
    for name, value in params.items():
        if name in varied and name not in _FIRST:
            words.append(
                _WORDS.get((name, _hashable(value)), f"{name} {_short(value)}")
            )
    return " ".join(word for word in words if word)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, (str, bool, int, float)) else None


def _short(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else str(plain(value))
