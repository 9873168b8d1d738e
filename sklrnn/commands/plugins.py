"""The command ``sklrnn plugins``: the table of cells and fusions."""

from __future__ import annotations

import argparse

from sklrnn.registry import plugins


def run(args: argparse.Namespace) -> int:
    """Print the cells and fusions that can be named; 1 if one is found broken."""
    found = plugins(load=args.check)
    header = tuple(name.upper() for name in found[0]._fields)
    rows = [header, *(tuple(text or "-" for text in plugin) for plugin in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(n) for text, n in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    return int(any(plugin.status.startswith("broken") for plugin in found))
