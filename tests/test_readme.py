"""The README's examples run and print what it says."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.S)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_example(code, output, capsys):
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    # Numbers differ a little from one processor to another; everything else is exact.
    number = r"-?\d+\.\d+"
    assert re.sub(number, "#", printed) == re.sub(number, "#", output)
    found, expected = (re.findall(number, text) for text in (printed, output))
    for a, b in zip(found, expected, strict=True):
        assert float(a) == pytest.approx(float(b), rel=0.1)


def test_there_are_examples():
    assert len(EXAMPLES) == 2
