"""Pieces of the report's page: figures, tables, numbers, paragraphs, as HTML."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from sklrnn.experiments.pictures import to_svg


def write_figure(figure: Any, name: str, caption: str) -> str:
    """Return a figure with its caption, which scrolls where it is too wide."""
    return (
        f'<figure><div class="scroll" tabindex="0" role="group" '
        f'aria-label="{escape(name, quote=True)}">{to_svg(figure, name)}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def write_number(value: Any, digits: int = 3) -> str:
    """Return a number with that many digits; nothing for one that is missing."""
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, (int, np.integer)) or float(value).is_integer():
        return f"{int(value):,}"
    if abs(value) >= 1e-4:
        places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
        return f"{value:.{places}f}"
    return f"{value:.{digits - 1}e}"


def write_cell(value: Any, text: str | None = None) -> str:
    """Return a cell of numbers that sorts by its value."""
    known = not (value is None or pd.isna(value))
    shown = write_number(value) if text is None else text
    key = f"{float(value):.9g}" if known else ""
    return f'<td data-value="{key}">{escape(shown)}</td>'


def write_table(table: pd.DataFrame, heads: dict[str, str], caption: str) -> str:
    """Return a plain table of the columns of `heads`."""
    texts = {n for n in heads if table[n].dtype == object or table[n].dtype == "str"}
    head = "".join(
        f'<th scope="col"{text_class(n in texts)}>{escape(title)}</th>'
        for n, title in heads.items()
    )
    rows = []
    for row in table.to_dict("records"):
        cells = []
        for i, name in enumerate(heads):
            text = row[name] if name in texts else write_number(row[name])
            text = "" if not isinstance(text, str) else escape(text)
            tag = 'th scope="row"' if i == 0 else f"td{text_class(name in texts)}"
            cells.append(f"<{tag}>{text}</{tag.split()[0]}>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        "</div>"
    )


def text_class(is_text: bool) -> str:
    """Return the attribute of cells that hold text."""
    return ' class="text"' if is_text else ""


def write_paragraphs(*texts: str) -> str:
    """Return a paragraph for each text that is not empty."""
    return "\n".join(f"<p>{escape(text)}</p>" for text in texts if text)
