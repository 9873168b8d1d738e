"""The comparison of architectures: asked for, checked, run, and put into a table."""

from __future__ import annotations

import inspect
import os
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace
from typing import Any

import pandas as pd

from sklrnn import __version__
from sklrnn.experiments.findings import Comparison
from sklrnn.experiments.grid import FULL_GRID, QUICK_GRID, TASKS, expand, plain
from sklrnn.experiments.page import write_report
from sklrnn.experiments.protocol import Protocol, load, split
from sklrnn.experiments.runner import Runner, silent
from sklrnn.experiments.statistics import tabulate
from sklrnn.experiments.storage import Folder
from sklrnn.experiments.trials import Settings, run_naive
from sklrnn.interfaces.parameters import LARGEST_SEED, check_integer

_QUICK_ROWS = 1500


def compare(
    data: Any,
    task: str = "both",
    grid: Any = None,
    seeds: int | Sequence[int] | None = None,
    n_jobs: int | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    columns: str | Sequence[str] | None = None,
    time: str | None = None,
    start: Any = None,
    end: Any = None,
    window_length: int | None = None,
    n_after: int | None = None,
    stride: int | None = None,
    hidden_size: int | None = None,
    max_epochs: int | None = None,
    batch_size: int = 64,
    quick: bool = False,
    overwrite: bool = False,
    verbose: int = 0,
) -> pd.DataFrame:
    """Compare architectures on prediction and reconstruction of one table.

    All are trained on the first 60 % of the rows (in time order), choose their epoch on
    the next 20 %, and are scored once on the rest, on the same entries for both tasks:
    the values observed at the last step of every test window. Prediction sees the
    window up to the step before; reconstruction sees all of it after absence was
    applied to it, by masks that are fixed, with what is scored always removed.

    Parameters
    ----------
    data : DataFrame, path-like, or "compressor"
        Rows in time order; a path of a CSV or Parquet table. Times that are left out
        count as missing values.
    task : {"both", "prediction", "reconstruction"}, default="both"
    grid : dict or list of dict, optional
        From parameters of `RNNForecaster` and `RNNImputer` to lists of values, as
        scikit-learn's ``ParameterGrid`` takes it; plug-in cells and fusions join by
        name. With ``prediction__`` or ``reconstruction__`` before its name a parameter
        is for that task alone, and what a task's estimator does not have makes no
        difference to it.
        By default the grid of the source of this project: elman, lstm and gru,
        forward, coupled and decoupled, the three fusions, with and without layer
        normalisation, and for reconstruction with and without absence diffusion and
        with two losses.
    seeds : int or list of int, optional
        How many (0, 1, ...), or which. By default 5, or 2 with `quick`.
    n_jobs : int or None, default=None
        Trainings at a time, as for joblib; None is 1, or what a surrounding
        ``joblib.parallel_config`` says. That also chooses the backend, such as "dask"
        for a cluster.
    out : path-like, optional
        Folder for the report (``index.html``, ``results.csv``, ``results.json``) and
        for every finished training. Started again with the same folder, the
        comparison goes on where it was. None: nothing is written.
    columns : list of str, optional
        Columns to compare on; by default all columns of numbers.
    time : str, optional
        Column of times: dates or integers. By default the index, or the first column
        of dates, or else the row number.
    start, end : str, timestamp or int, optional
        First and last time to use.
    window_length : int, optional
        Steps of a window. By default 48, or 24 with `quick`.
    n_after : int, optional
        Steps after the window that offline reconstructions see. By default half a
        window.
    stride : int, optional
        Steps from one test window to the next. By default so many that there are at
        most 1000 windows.
    hidden_size : int, optional
        Features of the hidden state, unless the grid says. By default 32, or 16 with
        `quick`.
    max_epochs : int, optional
        Passes over the training windows, at most: training stops after 20 epochs, or
        100 steps if those are more (prediction), or 50 epochs (reconstruction) without
        improvement. By default as many as the estimators choose, or 5 with `quick`.
    batch_size : int, default=64
        Windows in a batch.
    quick : bool, default=False
        A small grid on at most the newest 1500 rows, in two minutes on two cores.
    overwrite : bool, default=False
        Whether another comparison in the folder `out` is deleted.
    verbose : int, default=0
        1 says on stdout what is done and how long it will take, and draws a progress
        bar on stderr if that is a terminal.

    Returns
    -------
    results : DataFrame
        One row per task, architecture and seed, and one for each naive answer (without
        seed). Scores are in units of the training part's deviations. "micro_mse" is
        the sum of squared errors over all scored entries divided by their number,
        "macro_mse" the mean over columns of each one's, "micro_mae" and "macro_mae"
        the same of absolute errors. With ``removed_`` before them they count all that
        was removed from the windows, with ``offline_`` the steps after the window were
        seen.
        "best_epoch" and "epochs" count from 1; "fit_seconds" and "epoch_seconds" (of
        the processor, mean over epochs), "latency_ms" (from a new row to the answer)
        and "peak_memory_mb" (growth of the process in `fit`) are measured,
        "parameters", "layer_parameters" and "formula_parameters" (None where the
        formulas of the papers do not apply) and "multiply_adds" (of one window)
        counted. "failed" says if training diverged.

    Raises
    ------
    ValueError
        If the data, a column, the task, the grid or a number is unusable, if nothing
        of the grid can be trained, or if `out` holds another comparison.
    OSError
        If the report cannot be written; what is finished is kept.

    See Also
    --------
    sklrnn.experiments.backtest.backtest : One forecaster beside naive forecasts.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklrnn.experiments import compare
    >>> steps = np.arange(400)
    >>> noise = np.random.default_rng(0).normal(size=400)
    >>> data = pd.DataFrame({"wave": np.sin(steps / 5) + 0.1 * noise})
    >>> results = compare(
    ...     data, task="prediction", grid={"cell": ["elman", "gru"]}, seeds=2,
    ...     window_length=12, max_epochs=2,
    ... )
    >>> results.groupby("architecture", sort=False)["micro_mse"].count().to_dict()
    {'elman forward': 2, 'gru forward': 2, 'last value': 1, 'linear interpolation': 0,
     'mean': 1}
    """
    asked = dict(locals())
    command, say = _call(asked), _say if asked.pop("verbose") else silent
    return run_comparison(**asked, say=say, command=command).results


def _call(asked: dict[str, Any]) -> str:
    """Write the call of `compare` down, with what is not by default."""
    signature = inspect.signature(compare).parameters
    data = asked["data"]
    words = [repr(str(data)) if isinstance(data, (str, os.PathLike)) else "data"]
    for name, value in asked.items():
        default = signature[name].default
        if name != "data" and value is not default and value != default:
            shown = str(value) if isinstance(value, os.PathLike) else plain(value)
            words.append(f"{name}={shown!r}")
    return f"sklrnn.experiments.compare({', '.join(words)})"


def _say(text: str) -> None:
    print(text, flush=True)


def run_comparison(
    data: Any,
    *,
    say: Callable[[str], None] = silent,
    command: str = "",
    **asked: Any,
) -> Comparison:
    """Do what `compare` describes, and return all that the report holds.

    Parameters
    ----------
    data : DataFrame, path-like, or "compressor"
    say : callable
        Takes what is told, a line at a time.
    command : str
        How the comparison was asked for, for the report.
    **asked
        Arguments of `compare`; what is not given is as by default.
    """
    bound = inspect.signature(compare).bind(data, **asked)
    bound.apply_defaults()
    ask = SimpleNamespace(**bound.arguments)
    tasks, seeds = _tasks(ask.task), _seeds(ask.seeds, ask.quick)
    settings = _settings(ask)
    grid = (QUICK_GRID if ask.quick else FULL_GRID) if ask.grid is None else ask.grid
    architectures, skipped = expand(grid, tasks)
    protocol, lines = _protocol(ask)
    folder = None
    if ask.out is not None:
        _check_report()
        identity = _identity(protocol, settings, ask.stride)
        folder = Folder(ask.out, identity, ask.overwrite)
    for line in [*lines, *skipped]:
        say(line)
    runner = Runner(protocol, settings, folder, ask.n_jobs, say)
    records, refused = runner.run(architectures, seeds)
    records += [r for r in run_naive(protocol) if r["task"] in tasks]
    found = Comparison(
        results=tabulate(records),
        records=records,
        protocol=protocol,
        settings=settings,
        lines=lines,
        skipped=[*skipped, *refused],
        seeds=seeds,
        command=command,
        machine=_machine(),
    )
    if folder is not None:
        write_report(found, folder)
    return found


# ---- arguments ----------------------------------------------------------------------


def _tasks(task: Any) -> tuple[str, ...]:
    if task == "both":
        return TASKS
    if task not in TASKS:
        raise ValueError(
            f"task must be 'prediction', 'reconstruction' or 'both', got {task!r}"
        )
    return (task,)


def _seeds(seeds: Any, quick: bool) -> list[int]:
    if seeds is None:
        seeds = 2 if quick else 5
    if isinstance(seeds, (list, tuple, range)):
        for seed in seeds:
            check_integer("seeds", seed, low=0)
            if seed > LARGEST_SEED:
                raise ValueError(f"seeds must be at most {LARGEST_SEED}, got {seed}")
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds must be different integers, got {seeds!r}")
        return [int(seed) for seed in seeds]
    check_integer("seeds", seeds, low=1)
    return list(range(seeds))


def _settings(ask: Any) -> Settings:
    quick, max_epochs = ask.quick, None
    if quick or ask.max_epochs is not None:
        max_epochs = _whole("max_epochs", ask.max_epochs, 5, 1)
    return Settings(
        hidden_size=_whole("hidden_size", ask.hidden_size, 16 if quick else 32, 1),
        max_epochs=max_epochs,
        batch_size=_whole("batch_size", ask.batch_size, 64, 1),
    )


def _protocol(ask: Any) -> tuple[Protocol, list[str]]:
    """Read the table; return how it is split, and lines that say so."""
    length = _whole("window_length", ask.window_length, 24 if ask.quick else 48, 4)
    n_after = _whole("n_after", ask.n_after, length // 2, 1)
    if ask.stride is not None:
        check_integer("stride", ask.stride, low=1)
    newest = _QUICK_ROWS if ask.quick else None
    table, lines = load(ask.data, ask.columns, ask.time, ask.start, ask.end, newest)
    found = split(table, window_length=length, n_after=n_after, stride=ask.stride)
    return found, [*lines, *_described(found)]


def _whole(name: str, value: Any, default: int, low: int) -> int:
    if value is None:
        return default
    check_integer(name, value, low=low)
    return int(value)


def _check_report() -> None:
    """Check, before hours of training, that the report can be drawn."""
    missing = []
    for module, extra in (
        ("matplotlib", "matplotlib"),
        ("scikit_posthocs", "scikit-posthocs"),
    ):
        try:
            __import__(module)
        except ImportError:
            missing.append(extra)
    if missing:
        raise ValueError(
            f"the report needs {' and '.join(missing)}: "
            'pip install "sklrnn[compare]", or leave out= (--out) away'
        )


def _identity(
    protocol: Protocol, settings: Settings, stride: int | None
) -> dict[str, Any]:
    return {
        "sklrnn": __version__,
        "data": protocol.checksum,
        "columns": list(protocol.columns),
        "rows": len(protocol.values),
        "window_length": protocol.window_length,
        "n_after": protocol.n_after,
        "stride": stride,
        "hidden_size": settings.hidden_size,
        "max_epochs": settings.max_epochs,
        "batch_size": settings.batch_size,
    }


def _described(protocol: Protocol) -> list[str]:
    index, n_rows = protocol.index, len(protocol.values)
    scored = int((~pd.isna(protocol.truth)).sum())
    return [
        f"training: {protocol.n_train} steps; validation: "
        f"{protocol.n_learned - protocol.n_train} from {index[protocol.n_train]}; "
        f"test: {n_rows - protocol.n_learned} from {index[protocol.n_learned]}, "
        f"{len(protocol.ends)} windows of {protocol.window_length} steps, "
        f"{scored} scored entries"
    ]


def _machine() -> dict[str, str]:
    names = ("numpy", "pandas", "scikit-learn", "scipy", "sktime", "skorch", "torch")
    found = {"sklrnn": __version__, "python": platform.python_version()}
    for name in (*names, "numba", "scikit-posthocs"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    processors = f"{os.cpu_count()} processors"
    found["machine"] = f"{platform.machine()}, {processors}, {platform.system()}"
    return found


# ---- running ------------------------------------------------------------------------
