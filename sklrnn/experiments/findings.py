"""What a comparison of architectures found, and the tables that tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from sklrnn.experiments import statistics
from sklrnn.experiments.protocol import Protocol
from sklrnn.experiments.statistics import Ranks
from sklrnn.experiments.trials import Settings


@dataclass
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    results : DataFrame
        As `compare` returns it.
    records : list of dict
        One for each row, with all that the report draws.
    protocol : Protocol
    settings : Settings
    lines : list of str
        What was read, and what was left out.
    skipped : list of str
        What was left out, of `lines`.
    seeds : list of int
    command : str
    """

    results: pd.DataFrame
    records: list[dict[str, Any]]
    protocol: Protocol
    settings: Settings
    lines: list[str]
    skipped: list[str]
    seeds: list[int]
    command: str
    machine: dict[str, str] = field(default_factory=dict)


class Findings(NamedTuple):
    """What is told of a comparison, in tables.

    Attributes
    ----------
    summary, effects, teachers, tasks : DataFrame
        As `sklrnn.experiments.statistics` makes them.
    ranks : dict from (task, view) to Ranks
    """

    summary: pd.DataFrame
    effects: pd.DataFrame
    teachers: pd.DataFrame
    tasks: pd.DataFrame
    ranks: dict[tuple[str, str], Ranks]

    @classmethod
    def of(cls, found: Comparison) -> Findings:
        """Work out what there is to tell."""
        results = found.results
        ranks = {
            place: statistics.rank(found.records, *place) for place in places(results)
        }
        return cls(
            summary=statistics.summarise(results),
            effects=statistics.find_effects(results),
            teachers=statistics.compare_teacher(results),
            tasks=statistics.compare_tasks(results),
            ranks={place: each for place, each in ranks.items() if each is not None},
        )


def places(results: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the pairs of task and view that networks were scored in."""
    trained = results[results["seed"].notna()]
    return [
        (task, view)
        for task in trained["task"].unique()
        for view, score in (("online", "micro_mse"), ("offline", "offline_micro_mse"))
        if trained.loc[trained["task"] == task, score].notna().any()
    ]
