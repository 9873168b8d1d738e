"""What the command writes: checked first, safe for spreadsheets, quiet in a pipe."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sklrnn.commands.main import main
from sklrnn.data.columns import index_rows, put_on_grid
from sklrnn.data.csv import read_table
from sklrnn.data.texts import without_formulas

QUICK = ("--max-epochs", "1", "--hidden-size", "2")


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "table.csv"
    days = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
    values = np.sin(np.arange(60) / 3).round(3)
    pd.DataFrame({"t": days, "load": values}).to_csv(path, index=False)
    return path


def fails(capsys, *words):
    assert main([str(word) for word in words]) == 2
    told = capsys.readouterr()
    assert told.out == "" or "backtest" not in told.out
    assert len(told.err.splitlines()) == 1
    return told.err


@pytest.mark.skipif(sys.platform != "linux", reason="devices of Linux")
@pytest.mark.parametrize("out", ["/dev/full", "/proc/forecast.csv", "/dev"])
def test_what_cannot_be_written_is_found_first(csv, capsys, out):
    options = ("--target", "load", "--horizon", 3, "--out", out)
    assert f"cannot write {out}" in fails(capsys, "forecast", csv, *options)


@pytest.mark.parametrize("command", ["forecast", "impute"])
def test_an_unknown_cell_is_found_before_training(csv, capsys, command):
    options = ("--target", "load", "--horizon", 3) if command == "forecast" else ()
    told = fails(capsys, command, csv, *options, "--cell", "lsmt")
    assert "did you mean 'lstm'" in told


def test_infinite_values_are_named_with_their_row(csv, capsys):
    text = csv.read_text().splitlines()
    text[5] = text[5].rpartition(",")[0] + ",inf"
    csv.write_text("\n".join(text))
    told = fails(capsys, "forecast", csv, "--target", "load", "--horizon", 3)
    assert '"load" is not finite: inf in row 5' in told


def test_two_columns_of_one_name_are_refused(tmp_path, capsys):
    path = tmp_path / "twice.csv"
    path.write_text("t,a,a\n2024-01-01,1,2\n2024-01-02,3,4\n")
    assert 'has the column "a" more than once' in fails(capsys, "impute", path)


@pytest.mark.skipif(sys.platform != "linux", reason="devices of Linux")
def test_a_file_without_end_is_refused(capsys):
    told = fails(capsys, "forecast", "/dev/zero", "--target", "y", "--horizon", 3)
    assert "its first line has 1048576 characters or more" in told


def test_a_reader_that_has_enough_is_no_error():
    program = "from sklrnn.commands.main import main; import sys; sys.exit(main())"
    command = f"{sys.executable} -c '{program}' plugins | head -1"
    found = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert found.stdout.startswith("KIND") and found.stderr == ""


@pytest.mark.parametrize("command", ["forecast", "impute"])
def test_outputs_that_a_spreadsheet_does_not_compute(tmp_path, command, capsys):
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = [f"2024-01-{d:02d},{d % 5 - 2},=1+{d}" for d in range(1, 31)]
    rows[9] = "2024-01-10,,@x"
    path.write_text("\n".join(["=t,load,note", *rows]) + "\n")
    options = ("--target", "load", "--horizon", "2", "--backtest", "0")
    words = [command, str(path), *(options if command == "forecast" else ())]
    words += [*QUICK, "--out", str(out), "--time", "=t", "--spreadsheet-safe"]
    assert main(words) == 0
    assert out.read_text().startswith("'=t,")
    if command == "impute":
        assert ",'=1+1\n" in out.read_text() and ",'@x\n" in out.read_text()
        assert "2024-01-01,-1," in out.read_text()


def test_numbers_are_no_formulas():
    table = pd.DataFrame({"+a": ["-1.5", "+x", "=1", None], "b": [-1.0, 2, 3, 4]})
    safe = without_formulas(table)
    assert list(safe.columns) == ["'+a", "b"]
    assert safe["'+a"].tolist()[:3] == ["-1.5", "'+x", "'=1"]
    assert safe["'+a"].isna().tolist() == [False, False, False, True]
    assert safe["b"].tolist() == [-1, 2, 3, 4]


# ---- days, months, offsets -----------------------------------------------------------


@pytest.mark.parametrize("freq", ["MS", "D", "7D"])
@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y"])
def test_days_and_months_are_told_by_what_makes_a_series(freq, form):
    times = pd.date_range("2010-01-01", periods=40, freq=freq)
    table = pd.DataFrame({"t": times.strftime(form), "y": np.arange(40.0)})
    on_grid, _ = put_on_grid(table, ["y"], "t")
    assert list(on_grid.index) == list(times)


def test_dates_that_make_a_series_either_way_are_refused():
    days = [f"0{d}/02/2024" for d in range(1, 10)]
    table = pd.DataFrame({"t": days, "y": np.arange(9.0)})
    with pytest.raises(ValueError, match="month first or the day first.*2024-01-31"):
        put_on_grid(table, ["y"], "t")


def test_times_are_written_with_the_offset_of_the_file(tmp_path):
    path = tmp_path / "offsets.csv"
    hours = pd.date_range("2024-03-30 12:00", periods=30, freq="h", tz="Europe/Berlin")
    texts = [str(hour) for hour in hours]
    pd.DataFrame({"t": texts, "y": np.arange(30.0)}).to_csv(path, index=False)
    for read in (put_on_grid, index_rows):
        found, _ = read(read_table(path), ["y"], "t")
        assert str(found.index[-1]) == texts[-1]
        assert list(found.index) == list(hours)
