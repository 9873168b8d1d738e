"""Running a comparison: the trainings of a grid, several at a time, each kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from joblib import Parallel, delayed
from tqdm import tqdm

from sklrnn.experiments.grid import Architecture, counted
from sklrnn.experiments.protocol import Protocol
from sklrnn.experiments.storage import Folder
from sklrnn.experiments.trials import Settings, pace, refusal, run_trial


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
            # What tells an architecture from the others depends on the others.
            record["architecture"] = cells[key][0].name
        return kept

    def _check(self, architectures: list[Architecture]) -> list[str]:
        """Return why architectures cannot be trained, "" for those that can."""
        tried = [(each, self.protocol, self.settings) for each in architectures]
        return Parallel(self.n_jobs)(delayed(refusal)(*each) for each in tried)

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
            delayed(_run_cell)(key, architecture, self.protocol, self.settings, seed)
            for key, (architecture, seed) in cells.items()
        )
        hidden = True if self.say is silent else None  # None: unless on a terminal
        done = Parallel(self.n_jobs, return_as="generator_unordered")(jobs)
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


def _kind(architecture: Architecture) -> tuple[str, str, str]:
    params = architecture.params
    return architecture.task, str(params["cell"]), params["direction"]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(round(seconds), 1)} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
