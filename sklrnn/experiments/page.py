"""The report of a comparison: one page that needs nothing else, and its numbers."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import pandas as pd

from sklrnn.experiments.findings import Comparison, Findings
from sklrnn.experiments.sections import write_sections
from sklrnn.experiments.storage import Folder


def write_report(found: Comparison, folder: Folder) -> None:
    """Write index.html, results.csv and results.json.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    findings = Findings.of(found)
    folder.write("results.csv", found.results.to_csv(index=False))
    folder.write("results.json", json.dumps(to_json(found, findings), indent=1))
    folder.write("index.html", to_html(found, findings))


def to_json(found: Comparison, findings: Findings) -> dict[str, Any]:
    """Return all that the page tells, as JSON can hold it."""
    protocol = found.protocol
    return {
        "command": found.command,
        "machine": found.machine,
        "seeds": found.seeds,
        "data": {
            "sha256": protocol.checksum,
            "columns": list(protocol.columns),
            "rows": len(protocol.values),
            "first": str(protocol.index[0]),
            "last": str(protocol.index[-1]),
        },
        "protocol": {
            "training_rows": protocol.n_train,
            "validation_rows": protocol.n_learned - protocol.n_train,
            "test_windows": len(protocol.ends),
            "window_length": protocol.window_length,
            "n_after": protocol.n_after,
            **vars(found.settings),
        },
        "lines": found.lines,
        "skipped": found.skipped,
        "results": _rows(found.results),
        "summary": _rows(findings.summary),
        "effects": _rows(findings.effects),
        "teachers": _rows(findings.teachers),
        "tasks": _rows(findings.tasks),
        "ranks": [
            {
                "task": task,
                "view": view,
                "average": {str(n): float(r) for n, r in ranks.average.items()},
                "critical_difference": ranks.difference,
                "friedman_p": ranks.friedman,
                "segments": ranks.n_segments,
                "left_out": ranks.n_left_out,
            }
            for (task, view), ranks in findings.ranks.items()
        ],
    }


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, None where there is nothing."""
    return [
        {
            str(name): None if pd.isna(value) else _plain(value)
            for name, value in zip(table.columns, row, strict=True)
        }
        for row in table.itertuples(index=False)
    ]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


# ---- the page -----------------------------------------------------------------------


def to_html(found: Comparison, findings: Findings) -> str:
    """Return the page."""
    assets = files("sklrnn.experiments").joinpath("assets")
    texts = {
        name: assets.joinpath(name).read_text(encoding="utf-8")
        for name in ("page.html", "style.css", "table.js")
    }
    sections = write_sections(found, findings)
    return Template(texts["page.html"]).substitute(
        title="Comparison of recurrent architectures",
        lead=escape(found.lines[0]),
        style=texts["style.css"],
        script=texts["table.js"],
        links="\n".join(
            f'<li><a href="#{name}">{escape(title)}</a></li>'
            for name, title, _ in sections
        ),
        sections="\n".join(
            f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(title)}</h2>\n'
            f"{body}\n</section>"
            for name, title, body in sections
        ),
    )


# ---- sections -----------------------------------------------------------------------
