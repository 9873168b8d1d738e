"""Running a comparison: the trainings of a grid, several at a time, each kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from multiprocessing import current_process
from threading import Event, Thread
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from sklrnn.experiments.grid import Architecture, counted
from sklrnn.experiments.protocol import Protocol
from sklrnn.experiments.storage import Folder, is_record, not_a_record
from sklrnn.experiments.trials import Settings, pace, refusal, run_trial
from sklrnn.registry import describe, find_cell, find_fusion


def silent(text: str) -> None:
    """Say nothing."""
    pass


class Runner:
    """Runs the cells of a grid that are not finished, and keeps each as it comes."""

    def __init__(
        self,
        protocol: Protocol,
        settings: Settings,
        folder: Folder | None,
        n_jobs: int | None,
        say: Callable[[str], None],
    ) -> None:
        self.protocol = protocol
        self.settings = settings
        self.folder = folder
        self.n_jobs = n_jobs
        self.say = say

    def run(
        self, architectures: list[Architecture], seeds: list[int]
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the records of all cells, and lines on what could not be built."""
        cells = {a.key(seed): (a, seed) for seed in seeds for a in architectures}
        found = self._finished(cells)
        if found:
            self.say(f"{len(found)} of {len(cells)} trainings are finished already")
        waiting = [key for key in cells if key not in found]
        distinct = list({id(a): a for a, _ in (cells[k] for k in waiting)}.values())
        reasons = self._check(distinct)
        refused = _refused(distinct, reasons)
        if all(reasons) and waiting and not found:
            raise ValueError(f"nothing of the grid can be trained: {refused[0]}")
        for line in refused:
            self.say(line)
        bad = {id(a) for a, r in zip(distinct, reasons, strict=True) if r}
        waiting = [key for key in waiting if id(cells[key][0]) not in bad]
        if waiting:
            self._announce([cells[key][0] for key in waiting])
        for key, record in self._train({key: cells[key] for key in waiting}):
            if self.folder is not None:
                self.folder.keep(key, record)
            if record["failed"]:
                self.say(
                    f"failed: {record['architecture']} ({record['task']}, seed "
                    f"{record['seed']}): {record['failed']}"
                )
            found[key] = record
        return [found[key] for key in cells if key in found], refused

    def _finished(self, cells: dict[str, Any]) -> dict[str, dict[str, Any]]:
        if self.folder is None:
            return {}
        found = {key: self.folder.read(key) for key in cells}
        kept = {key: record for key, record in found.items() if record is not None}
        for key, record in kept.items():
            if not is_record(record):
                raise ValueError(not_a_record(self.folder.file(key)))
        for key, record in kept.items():
            # What tells an architecture from the others depends on the others.
            record["architecture"] = cells[key][0].name
        return kept

    def _check(self, architectures: list[Architecture]) -> list[str]:
        """Return why architectures cannot be trained, "" for those that can."""
        asked = (self.protocol, self.settings)
        jobs = [
            delayed(_watched)(os.getpid(), refusal, a, *asked) for a in architectures
        ]
        with _named(architectures):
            return Parallel(self.n_jobs)(jobs)

    def _announce(self, waiting: list[Architecture]) -> None:
        """Say how long it will take, by what a few batches of each kind take."""
        kinds = {_kind(a): a for a in waiting}
        seconds = dict(
            zip(
                kinds,
                (pace(a, self.protocol, self.settings) for a in kinds.values()),
                strict=True,
            )
        )
        workers = Parallel(self.n_jobs)._effective_n_jobs()
        total = sum(seconds[_kind(a)] for a in waiting) / workers
        self.say(
            f"{len(waiting)} trainings, {workers} at a time: at most about "
            f"{_duration(total)}"
        )

    def _train(
        self, cells: dict[str, tuple[Architecture, int]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        jobs = (
            delayed(_watched)(
                os.getpid(),
                _run_cell,
                key,
                architecture,
                self.protocol,
                self.settings,
                seed,
            )
            for key, (architecture, seed) in cells.items()
        )
        hidden = True if self.say is silent else None  # None: unless on a terminal
        done = Parallel(self.n_jobs, return_as="generator_unordered")(jobs)
        with _named([architecture for architecture, _ in cells.values()]):
            yield from tqdm(
                done, total=len(cells), desc="compare", unit="training", disable=hidden
            )


def _refused(architectures: list[Architecture], reasons: list[str]) -> list[str]:
    """Say what cannot be trained, a line for each reason."""
    lines: dict[str, list[str]] = {}
    for each, reason in zip(architectures, reasons, strict=True):
        if reason:
            lines.setdefault(reason, []).append(f"{each.name} ({each.task})")
    return [
        f"skipped {counted(len(names))}: {reason} ({names[0]}"
        f"{', ...' if len(names) > 1 else ''})"
        for reason, names in lines.items()
    ]


def _run_cell(
    key: str,
    architecture: Architecture,
    protocol: Protocol,
    settings: Settings,
    seed: int,
) -> tuple[str, dict[str, Any]]:
    return key, run_trial(architecture, protocol, settings, seed)


def _watched(parent: int, job: Callable[..., Any], *args: Any) -> Any:
    """Do a job, in a worker that ends when its parent is gone."""
    if os.getpid() != parent and not _watching.is_set():
        is_loky = type(current_process()).__module__.startswith("joblib.externals")
        if is_loky or os.getppid() == parent:  # not a server's that lives on
            _watching.set()
            Thread(target=_end_with, args=(parent,), daemon=True).start()
    return job(*args)


_watching = Event()


def _end_with(parent: int) -> None:
    """Wait until the parent is gone, however it ended, and end this process."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


@contextmanager
def _named(architectures: list[Architecture]) -> Iterator[None]:
    """Say of a worker that died which plug-ins it may have died in."""
    try:
        yield
    except BrokenExecutor as error:
        names = sorted(
            {
                str(a.params[part])
                for a in architectures
                for part, find in (("cell", find_cell), ("fusion", find_fusion))
                if a.params.get(part) is not None and describe(find(a.params[part]))
            }
        )
        whose = f"perhaps in a plug-in ({', '.join(names)}), or " if names else ""
        raise OSError(
            f"a worker process died: {whose}because the memory was used up or somebody "
            "ended it; what is finished is kept where there is a folder (out=, --out): "
            "start the same comparison again, with n_jobs=1 to see where it ends"
        ) from error


def _kind(architecture: Architecture) -> tuple[str, str, str]:
    params = architecture.params
    return architecture.task, str(params["cell"]), params["direction"]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(round(seconds), 1)} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
