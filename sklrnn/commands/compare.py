"""The command ``sklrnn compare``: architectures beside each other, and the report."""

from __future__ import annotations

import argparse
import json
import shlex
from typing import Any


def run(args: argparse.Namespace) -> int:
    """Compare architectures on a table, and write the report."""
    grid = _grid(args.grid) if args.grid else None

    from sklrnn.experiments.comparison import run_comparison
    from sklrnn.experiments.report import describe_comparison

    found = run_comparison(
        args.data,
        task=args.task,
        grid=grid,
        seeds=args.seeds,
        n_jobs=args.n_jobs or (2 if args.quick else 1),
        out=args.out,
        columns=args.columns or None,
        time=args.time,
        start=args.start,
        end=args.end,
        window_length=args.window_length,
        stride=args.stride,
        hidden_size=args.hidden_size,
        max_epochs=args.max_epochs,
        quick=args.quick,
        overwrite=args.overwrite,
        say=_say,
        command=shlex.join(["sklrnn", "compare", *args.words]),
    )
    print(f"\n{describe_comparison(found.results)}")
    if args.out is not None:
        print(f"\n{args.out / 'index.html'}: report")
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


def _grid(entries: list[str]) -> dict[str, list[Any]]:
    """Return the grid of entries such as ``"cell=gru,lstm"``."""
    grid: dict[str, list[Any]] = {}
    for entry in entries:
        name, equals, values = entry.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise ValueError(
                f"--grid must be a parameter and its values, such as cell=gru,lstm, "
                f"got {entry!r}"
            )
        words = [word.strip() for word in values.split(",")]
        grid.setdefault(name, []).extend(_value(word) for word in words if word)
    return grid


def _value(word: str) -> Any:
    """Return a number, true, false or null as such, all else as a word."""
    try:
        return json.loads(word.lower() if word in ("True", "False") else word)
    except ValueError:
        return None if word == "None" else word
