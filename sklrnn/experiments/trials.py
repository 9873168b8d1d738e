"""Trials: one architecture with one seed, trained, scored and measured."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sktime.forecasting.base import ForecastingHorizon

from sklrnn.experiments.costs import formula, latency, multiply_adds, peak_memory
from sklrnn.experiments.grid import Architecture, estimator_class, plain
from sklrnn.experiments.protocol import (
    Protocol,
    gap_lengths,
    gap_scores,
    naive_errors,
    score,
    segment_scores,
)
from sklrnn.imputation.filling import estimate_windows
from sklrnn.registry import PluginError
from sklrnn.training import DivergenceError

_GATE_WINDOWS = 16
_PROBE_BATCHES = 6
_DIGITS = 6


@dataclass(frozen=True)
class Settings:
    """What the networks of a comparison have in common, unless the grid sets it.

    Attributes
    ----------
    hidden_size : int
    max_epochs : int or None
    batch_size : int
    """

    hidden_size: int
    max_epochs: int | None
    batch_size: int


def make_estimator(
    architecture: Architecture,
    protocol: Protocol,
    settings: Settings,
    seed: int,
    **changes: Any,
) -> Any:
    """Return the untrained estimator of a trial."""
    params: dict[str, Any] = {
        "hidden_size": settings.hidden_size,
        "max_epochs": settings.max_epochs,
        "batch_size": settings.batch_size,
        "validation_fraction": protocol.validation_fraction,
        "refit": False,
        "random_state": seed,
    }
    if architecture.task == "prediction":
        # A forecast reads up to the step before the one that is scored.
        params |= {"horizon": 1, "window_length": protocol.window_length - 1}
        params |= {"normalize": "last", "loss": "mse"}
    else:
        params["window_length"] = protocol.window_length
    params |= architecture.params | changes
    return estimator_class(architecture.task)(**params)


def fit(estimator: Any, task: str, table: pd.DataFrame) -> Any:
    """Fit the estimator of a task."""
    return (
        estimator.fit(table, fh=[1]) if task == "prediction" else estimator.fit(table)
    )


def refusal(architecture: Architecture, protocol: Protocol, settings: Settings) -> str:
    """Say why an architecture cannot be trained; nothing if it can."""
    try:
        _try(architecture, protocol, settings, 2 * protocol.window_length + 16, 1)
    except (ValueError, TypeError, PluginError) as error:
        return " ".join(str(error).split())
    except DivergenceError:
        pass
    return ""


def pace(architecture: Architecture, protocol: Protocol, settings: Settings) -> float:
    """Train on a few batches, and reckon the seconds that all epochs take at most."""
    n_rows = 4 * protocol.window_length + _PROBE_BATCHES * settings.batch_size
    n_rows = min(protocol.n_learned, n_rows)
    try:
        tried = _try(architecture, protocol, settings, n_rows, 2)
    except DivergenceError:
        return 0.0
    # The first epoch may have compiled something.
    seconds = sum(min(history[:, "dur"]) for history in _histories(tried))
    estimator = make_estimator(architecture, protocol, settings, 0)
    epochs = _epochs(estimator, architecture, protocol)
    begin = time.perf_counter()
    score_trial(tried, architecture.task, protocol)
    scoring = time.perf_counter() - begin
    return scoring + seconds * epochs * protocol.n_learned / n_rows


def _try(
    architecture: Architecture,
    protocol: Protocol,
    settings: Settings,
    n_rows: int,
    n_epochs: int,
) -> Any:
    table = protocol.learned()
    known = table.notna()
    starts = range(0, max(len(table) - n_rows, 0) + 1, max(n_rows // 2, 1))
    fullest = max(starts, key=lambda i: int(known[i : i + n_rows].any().sum()))
    part = table[fullest : fullest + n_rows].reset_index(drop=True)
    # A column without value stays out of the way of a test of the network.
    part = part.where(part.notna().any(), 0.0)
    changes = {"max_epochs": n_epochs, "validation_fraction": 0.25}
    estimator = make_estimator(architecture, protocol, settings, 0, **changes)
    return fit(estimator, architecture.task, part)


def _epochs(estimator: Any, architecture: Architecture, protocol: Protocol) -> float:
    """Return about how many times the windows are gone through at most."""
    if estimator.max_epochs is not None:
        return float(estimator.max_epochs)
    from sklrnn.training.stopping import default_batch_size, default_epochs

    n_windows = max(protocol.n_train - protocol.window_length, 1)
    if architecture.task == "prediction":
        batch = estimator.batch_size or default_batch_size(n_windows)
        epochs, size = default_epochs(n_windows, batch)
    else:
        batch = estimator.batch_size or default_batch_size(n_windows, largest=64)
        epochs, size = default_epochs(n_windows, batch, (4000, 256_000))
    return epochs * size / n_windows


def _histories(estimator: Any) -> Iterator[Any]:
    if estimator.teacher_history_ is not None:
        yield estimator.teacher_history_
    yield estimator.history_


# ---- one trial ----------------------------------------------------------------------


def run_trial(
    architecture: Architecture, protocol: Protocol, settings: Settings, seed: int
) -> dict[str, Any]:
    """Train an architecture, score it on the test part, and measure what it costs.

    Returns
    -------
    record : dict
        As JSON can hold it; see `describe`. If the training diverged it has "failed",
        which says so, and no scores.
    """
    record: dict[str, Any] = {
        "task": architecture.task,
        "architecture": architecture.name,
        "params": plain(architecture.params),
        "seed": seed,
        "failed": "",
    }
    estimator = make_estimator(architecture, protocol, settings, seed)
    begin = time.process_time()
    try:
        with peak_memory() as memory:
            fit(estimator, architecture.task, protocol.learned())
    except (DivergenceError, PluginError) as error:
        return record | {"failed": str(error), "scores": {}}
    # Of the processor: other trials run beside this one.
    record["fit_seconds"] = time.process_time() - begin
    record |= memory
    record |= score_trial(estimator, architecture.task, protocol)
    record |= _measure(estimator, protocol)
    record["epoch_seconds"] = record["fit_seconds"] / record["trained_epochs"]
    record["history"] = [
        [{n: row.get(n) for n in ("train_loss", "valid_loss")} for row in history]
        for history in _histories(estimator)
    ]
    return rounded(record)


def score_trial(estimator: Any, task: str, protocol: Protocol) -> dict[str, Any]:
    """Score a fitted estimator on the test part; see `describe`."""
    if task == "prediction":
        return _predict(estimator, protocol)
    return _reconstruct(estimator, protocol)


def run_naive(protocol: Protocol) -> list[dict[str, Any]]:
    """Return the records of the simple answers."""
    records = []
    for (task, name), errors in naive_errors(protocol).items():
        record: dict[str, Any] = {
            "task": task,
            "architecture": name,
            "params": {},
            "seed": None,
        }
        record |= {"failed": "", **describe(errors, protocol, task)}
        records.append(rounded(record))
    return records


def describe(
    errors: dict[str, np.ndarray], protocol: Protocol, task: str
) -> dict[str, Any]:
    """Return all scores of errors, as `naive_errors` returns them.

    Returns
    -------
    dict
        "scores" of names such as "micro_mse", "offline_micro_mse",
        "removed_micro_mse"; for "online" and "offline", as far as there are errors,
        "segments", "gaps" and, by column, "columns".
    """
    found: dict[str, Any] = {"scores": {}, "segments": {}, "gaps": {}, "columns": {}}
    prefixes = {"online": ""}
    last = protocol.window_length - 1
    for name, error in errors.items():
        prefix = prefixes.get(name, f"{name}_")
        for key, value in score(error).items():
            found["scores"][prefix + key] = value
        if name not in ("online", "offline"):
            continue
        found["segments"][name] = segment_scores(error, protocol.segments)
        found["columns"][name] = [
            score(error[:, [i]])["micro_mse"] for i in range(error.shape[1])
        ]
        found["gaps"][name] = gap_scores(error, _gaps(task, name, last, protocol))
    return found


def _gaps(task: str, view: str, last: int, protocol: Protocol) -> np.ndarray:
    """Return how long each scored entry's gap is, as an architecture sees it."""
    unseen = np.isnan(protocol.seen if task == "reconstruction" else protocol.whole)
    unseen[:, last] = True
    if view == "online":
        unseen = unseen[:, : last + 1]
    return gap_lengths(unseen, last)


def _predict(estimator: Any, protocol: Protocol) -> dict[str, Any]:
    rest = pd.DataFrame(
        protocol.values[protocol.n_learned :], columns=list(protocol.columns)
    )
    rest.index += protocol.n_learned
    estimator.update(rest, update_params=False)
    horizon = ForecastingHorizon(pd.Index(protocol.ends), is_relative=False)
    estimate = estimator.predict(horizon).to_numpy()
    error = estimate - protocol.truth
    windows = protocol.whole[:, : protocol.window_length]
    shown = np.full_like(windows, np.nan)
    shown[:, -1] = estimate
    nothing = np.zeros(windows.shape, dtype=bool)
    found = describe({"online": error}, protocol, "prediction")
    return found | {
        "windows": _extremes(error, windows, nothing, shown, protocol),
        "gate": _forecast_gate(estimator, protocol),
    }


def _reconstruct(estimator: Any, protocol: Protocol) -> dict[str, Any]:
    length, last = protocol.window_length, protocol.window_length - 1
    fitted, columns = estimator._fitted, estimator._columns
    center, scale = columns.center, columns.scale
    seen = (protocol.seen - center) / scale
    direction = fitted.net.module_.direction
    gone = protocol.removed[:, :length]
    whole = protocol.whole

    def fill(windows: np.ndarray, online: bool) -> np.ndarray:
        return estimate_windows(fitted, windows, online=online) * scale + center

    def missed(estimate: np.ndarray) -> dict[str, np.ndarray]:
        error = estimate[:, :length] - whole[:, :length]
        at_last = estimate[:, last] - protocol.truth
        return {"at_last": at_last, "removed": np.where(gone, error, np.nan)}

    with _gates_of(fitted.net.module_) as gates:
        online = fill(seen[:, :length], direction != "coupled")
        if direction == "decoupled":
            fill(seen[:, :length], False)
    errors = missed(online)
    named = {"online": errors["at_last"], "removed": errors["removed"]}
    shown, n_shown = online, length
    if direction != "forward":
        shown, n_shown = fill(seen, False), seen.shape[1]
        errors = missed(shown)
        named |= {"offline": errors["at_last"], "offline_removed": errors["removed"]}
    view = "online" if direction == "forward" else "offline"
    windows, removed = whole[:, :n_shown], protocol.removed[:, :n_shown]
    return describe(named, protocol, "reconstruction") | {
        "windows": _extremes(named[view], windows, removed, shown, protocol),
        "gate": _mean_gate(gates),
    }


def _extremes(
    error: np.ndarray,
    windows: np.ndarray,
    removed: np.ndarray,
    estimate: np.ndarray,
    protocol: Protocol,
) -> dict[str, Any]:
    """Return the windows of the smallest and of the largest error, to be drawn."""
    with np.errstate(invalid="ignore"):
        count = (~np.isnan(error)).sum(axis=1)
        mean = np.nansum(error**2, axis=1) / np.where(count, count, np.nan)
    # Of windows of which all columns are known, if there are any.
    rank = np.where(count == count.max(), mean, np.nan)
    chosen = {"best": int(np.nanargmin(rank)), "worst": int(np.nanargmax(rank))}
    return {
        name: {
            "end": int(protocol.ends[i]),
            "time": str(protocol.index[protocol.ends[i]]),
            "micro_mse": float(mean[i]),
            "values": windows[i].tolist(),
            "removed": removed[i].tolist(),
            "estimate": estimate[i].tolist(),
        }
        for name, i in chosen.items()
    }


# ---- gates --------------------------------------------------------------------------


@contextmanager
def _gates_of(module: Any) -> Iterator[list[np.ndarray]]:
    """Collect the means over units of the gates of a network that has any."""
    found: list[np.ndarray] = []
    fusions = [part for part in module.modules() if hasattr(part, "gate")]
    fusions = [part for part in fusions if callable(part.gate)][-1:]

    def read(fusion: Any, inputs: Any, output: Any) -> None:
        found.append(fusion.gate(*inputs).mean(dim=-1).cpu().numpy())

    handles = [fusion.register_forward_hook(read) for fusion in fusions]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _mean_gate(gates: list[np.ndarray]) -> list[float] | None:
    return np.concatenate(gates).mean(axis=0).tolist() if gates else None


def _forecast_gate(estimator: Any, protocol: Protocol) -> list[float] | None:
    """Return the gate of a forecaster over the steps of some test windows."""
    from sklrnn.inspection import fusion_gates

    top = estimator.net_.module_
    if estimator.direction != "coupled" or not any(
        callable(getattr(part, "gate", None)) for part in top.modules()
    ):
        return None
    gates = []
    some = np.linspace(0, len(protocol.ends) - 1, _GATE_WINDOWS).astype(int)
    for end in np.unique(protocol.ends[some]):
        rows = protocol.values[end - protocol.window_length + 1 : end]
        table = pd.DataFrame(rows, columns=list(protocol.columns))
        if table.notna().any().all():
            gates.append(fusion_gates(estimator, table).to_numpy().mean(axis=1))
    return np.mean(gates, axis=0).tolist() if gates else None


# ---- costs --------------------------------------------------------------------------


def _measure(estimator: Any, protocol: Protocol) -> dict[str, Any]:
    module = estimator.net_.module_
    forecasts = hasattr(module, "horizon")
    n_steps = protocol.window_length - int(forecasts)
    counts = estimator.count_parameters()
    layers = getattr(module.encoder, "forward_layers", module.encoder)
    losses = estimator.history_[:, "valid_loss"]
    offline = None
    if not forecasts and module.direction != "forward":
        n_whole = n_steps + protocol.n_after
        offline = multiply_adds(module, n_whole, offline=True)
    return {
        "best_epoch": int(np.argmin(losses)) + 1,
        "epochs": len(losses),
        "trained_epochs": sum(len(history) for history in _histories(estimator)),
        "latency_ms": latency(estimator, n_steps),
        "parameters": counts["total"],
        "layer_parameters": counts["layers"],
        "formula_parameters": formula(layers),
        "multiply_adds": multiply_adds(module, n_steps),
        "offline_multiply_adds": offline,
    }


def rounded(value: Any) -> Any:
    """Return a value as JSON can hold it, long lists with six digits.

    What is not a finite number is None.
    """
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [
            _short(each) if isinstance(each, float) else rounded(each) for each in value
        ]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value


def _short(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
