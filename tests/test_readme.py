"""Examples of the README and of some pages run and print as told."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def find_examples(path):
    """Return pairs of code and what it prints, "" where the page does not show it."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", text, re.S)


def check_example(code, output, names, capsys):
    exec(compile(code, "example", "exec"), names)
    printed = capsys.readouterr().out
    # Numbers differ a little from one processor to another; everything else is exact.
    number = r"-?\d+\.\d+"
    assert re.sub(number, "#", printed) == re.sub(number, "#", output)
    found, expected = (re.findall(number, text) for text in (printed, output))
    for a, b in zip(found, expected, strict=True):
        assert float(a) == pytest.approx(float(b), rel=0.1)


README = find_examples("README.md")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("code", "output"), README)
def test_example(code, output, capsys):
    check_example(code, output, {}, capsys)


def test_there_are_examples():
    assert len(README) == 3


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "page",
    [
        "association",
        "comparing",
        "compressor",
        "forecasting",
        "imputing",
        "memories",
        "recognising",
        "saving",
        "scale",
        "symbols",
    ],
)
def test_page_runs_from_top_to_bottom(page, capsys):
    names = {}
    examples = find_examples(f"docs/{page}.md")
    assert len(examples) >= 3
    for code, output in examples:
        check_example(code, output, names, capsys)
