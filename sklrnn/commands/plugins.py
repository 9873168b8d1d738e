"""The command ``sklrnn plugins``: the table of cells and fusions, and their check."""

from __future__ import annotations

import argparse

from sklrnn.registry import Plugin, plugins


def run(args: argparse.Namespace) -> int:
    """Print the cells and fusions that can be named; 1 if one is found broken."""
    found, reports = plugins(load=args.check), []
    if args.check:
        checked = [_check(plugin) for plugin in found]
        found = [plugin for plugin, _ in checked]
        reports = [report for _, report in checked if report]
    header = tuple(name.upper() for name in found[0]._fields)
    rows = [header, *(tuple(text or "-" for text in plugin) for plugin in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(n) for text, n in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    for report in reports:
        print(f"\n{report}")
    return int(any(plugin.status.startswith("broken") for plugin in found))


def _check(plugin: Plugin) -> tuple[Plugin, str]:
    """Run a plug-in's check, and return it with what it lacks, if it can be loaded."""
    loaded = not plugin.status.startswith("broken")
    if plugin.distribution in (None, "sklrnn") or not loaded:
        return plugin, ""
    from sklrnn.testing import check_cell, check_fusion

    name = f"{plugin.distribution}:{plugin.name}"
    try:
        (check_cell if plugin.kind == "cell" else check_fusion)(name)
    except AssertionError as error:
        status = "broken: its check fails, see below"
        return plugin._replace(status=status), f"{name}: {error}"
    except ValueError:  # declared twice by its distribution, as its status says
        return plugin, ""
    return plugin, ""
