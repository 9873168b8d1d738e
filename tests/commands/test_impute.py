import inspect
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import sklrnn
from sklrnn.commands.main import main

QUICK = ("--max-epochs", "1", "--hidden-size", "4", "--window-length", "12")


def run(*args):
    """Run ``sklrnn impute`` on what is given; return its exit status."""
    try:
        return main(["impute", *map(str, args)])
    except SystemExit as leaving:
        return leaving.code


@pytest.fixture
def table():
    """Rows at irregular times, with gaps in two columns."""
    hours = np.cumsum(np.where(np.arange(200) % 7 == 3, 5, 1))
    phase = hours * 2 * np.pi / 24
    noise = np.random.default_rng(0).normal(size=200)
    frame = pd.DataFrame(
        {
            "t": pd.Timestamp("2024-03-01 00:00") + hours * pd.Timedelta(hours=1),
            "load": (50 + 10 * np.sin(phase) + noise).round(2),
            "site": ["A", None] * 100,
            "price": np.cos(phase).round(2),
            "count": range(200),
        }
    )
    frame.loc[60:69, "load"] = np.nan
    frame.loc[[5, 120, 199], "load"] = np.nan
    frame.loc[65:66, "price"] = np.nan
    return frame


@pytest.fixture
def csv(table, tmp_path):
    path = tmp_path / "table.csv"
    table.to_csv(path, index=False, float_format="%.3f")
    return path


@pytest.fixture
def untrained(monkeypatch):
    """Fail as soon as an imputer is made."""

    def imputer(**params):
        raise AssertionError("this should have been an error before any training")

    monkeypatch.setattr(sklrnn, "RNNImputer", imputer, raising=False)


# ---- what it does -----------------------------------------------------------------


def test_impute_with_everything(csv, table, tmp_path, capsys):
    out, plot = tmp_path / "filled.csv", tmp_path / "gaps.png"
    cells = tmp_path / "cells.csv"
    files = ("--out", out, "--intervals", cells, "--plot", plot)
    assert run(csv, "--time", "t", *QUICK, *files) == 0
    stdout, stderr = capsys.readouterr()
    assert stderr == ""  # no progress bar, no warning
    assert "table.csv: 200 rows from 2024-03-01 01:00:00 to 2024-03-14 0" in stdout
    assert 'time: column "t"; columns: load, price, count;' in stdout
    assert "left as they are: site\n" in stdout
    head = r"^ +missing +filled +longest gap +expected error$"
    assert re.search(head, stdout, re.MULTILINE)
    number = r"\d[\d.e+-]*"
    for row in (
        rf"load +13 +13 +10 rows \(\d\d:00:00\) +{number}",
        rf"price +2 +2 +2 rows \(0\d:00:00\) +({number}|-)",
        rf"count +0 +0 +- +({number}|-)",
    ):
        assert re.search(rf"^{row}$", stdout, re.MULTILINE), row
    assert f"{out}: 200 rows, 15 cells filled\n" in stdout
    assert f"{cells}: 15 filled cells\n{plot}: picture\n" in stdout
    before, after = csv.read_text().split("\n"), out.read_text().split("\n")
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        for cell, filled in zip(old.split(","), new.split(","), strict=True):
            assert filled == cell or cell == ""
    filled = pd.read_csv(out, parse_dates=["t"])
    assert list(filled) == list(table)
    assert filled.drop(columns="site").notna().all(axis=None)
    assert filled["site"].isna().sum() == 100
    assert plot.read_bytes().startswith(b"\x89PNG")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"table.csv", "filled.csv", "cells.csv", "gaps.png"}


def test_intervals_are_those_of_the_filled_cells(csv, table, tmp_path):
    out, cells = tmp_path / "filled.csv", tmp_path / "cells.csv"
    assert run(csv, "--out", out, "--intervals", cells, *QUICK) == 0
    found = pd.read_csv(cells, parse_dates=["t"])
    assert list(found) == ["t", "column", "value", "std", "lower_90", "upper_90"]
    filled = pd.read_csv(out, parse_dates=["t"]).set_index("t")
    observed = table.set_index("t")[["load", "price"]]
    expected = [
        (t, name, filled.loc[t, name])
        for t, row in observed.iterrows()
        for name in row.index[row.isna()]
    ]
    assert list(found.iloc[:, :3].itertuples(index=False, name=None)) == expected
    assert (found["lower_90"] < found["value"]).all()
    assert (found["value"] < found["upper_90"]).all()
    assert (found["std"] > 0).all()


def test_without_files_the_report_is_all(csv, tmp_path, capsys):
    assert run(csv, *QUICK) == 0
    stdout = capsys.readouterr().out
    assert stdout.count("\n") == 6 and "load" in stdout
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_files_that_are_asked_for_change_no_value(csv, tmp_path):
    alone, one_of_three = tmp_path / "alone.csv", tmp_path / "filled.csv"
    files = ("--intervals", tmp_path / "cells.csv", "--plot", tmp_path / "gaps.svg")
    assert run(csv, "--out", alone, *QUICK) == 0
    assert run(csv, "--out", one_of_three, *files, *QUICK) == 0
    assert alone.read_text() == one_of_three.read_text()


def test_seed_makes_it_repeatable(csv, tmp_path):
    written = []
    for seed in (1, 1, 2):
        out = tmp_path / "filled.csv"
        assert run(csv, "--out", out, "--seed", seed, *QUICK) == 0
        written.append(out.read_text())
    assert written[0] == written[1] != written[2]


def test_compressor(monkeypatch, capsys, tmp_path):
    import sklrnn.datasets

    part = sklrnn.datasets.load_compressor().loc["2018-05-20":"2018-06-03"]

    def load_compressor(regular=False):
        assert not regular  # its own rows
        return part

    monkeypatch.setattr(sklrnn.datasets, "load_compressor", load_compressor)
    out, plot = tmp_path / "filled.csv", tmp_path / "gaps.svg"
    columns = ("--columns", "suction_temperature, suction_pressure")
    columns += ("--columns", "discharge_temperature")
    assert run("compressor", *columns, *QUICK, "--out", out, "--plot", plot) == 0
    stdout = capsys.readouterr().out
    assert f"compressor: {len(part)} rows from 2018-05-20 00:00:00 to " in stdout
    assert "left as they are: discharge_pressure, cooling_supply_temp" in stdout
    filled = pd.read_csv(out, parse_dates=["time"], index_col="time")
    assert list(filled.index) == list(part.index)
    assert list(filled) == list(part)
    filled.index = part.index
    known = filled.astype("float32").where(part.notna())
    pd.testing.assert_frame_equal(known, part)
    assert filled["discharge_temperature"].notna().all()
    assert "suction_temperature (degC)" in plot.read_text()


def test_rows_keep_their_times(csv, table, monkeypatch):
    import sklrnn

    class Stop(Exception):
        pass

    class Watching:
        def __init__(self, **params):
            pass

        def fit(self, X):
            index = pd.DatetimeIndex(table["t"])
            pd.testing.assert_index_equal(X.index, index, exact="equiv")
            assert list(X) == ["price", "load"]
            raise Stop

    monkeypatch.setattr(sklrnn, "RNNImputer", Watching)
    with pytest.raises(Stop):  # a bug keeps its traceback
        run(csv, "--columns", "price,load")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "40 rows from 0 to 39; time: row number; columns: n, y"),
        (("--time", "n"), '40 rows from 0 to 1521; time: column "n"; columns: y'),
    ],
)
def test_times_that_are_no_dates(tmp_path, capsys, options, expected):
    path = tmp_path / "table.csv"
    values = np.sin(np.arange(40.0))
    values[20:23] = np.nan
    squares = np.arange(40) ** 2
    pd.DataFrame({"n": squares, "y": values}).to_csv(path, index=False)
    cells = tmp_path / "cells.csv"
    assert run(path, *options, "--intervals", cells, *QUICK) == 0
    stdout = capsys.readouterr().out
    assert expected in stdout.splitlines()[0]
    assert re.search(r"^y +3 +3 +3 rows +\S+$", stdout, re.MULTILINE)
    times = pd.read_csv(cells).iloc[:, 0]
    assert list(times) == (list(squares[20:23]) if options else [20, 21, 22])


def test_other_columns_stay_as_they_are(csv, table, tmp_path):
    out = tmp_path / "filled.csv"
    assert run(csv, "--columns", "load", "--out", out, *QUICK) == 0
    filled = pd.read_csv(out)
    assert filled["load"].notna().all()
    assert filled["price"].isna().sum() == 2


def test_semicolons_stay(csv, table, tmp_path):
    out = tmp_path / "filled.csv"
    table.to_csv(csv, index=False, sep=";")
    assert run(csv, "--out", out, *QUICK) == 0
    assert out.read_text().startswith("t;load;site;price;count\n2024-03-01 01:00:00;")


def test_nothing_missing(csv, table, tmp_path, untrained, capsys):
    table["load"] = table["load"].ffill()
    table["price"] = table["price"].ffill()
    table.to_csv(csv, index=False)
    out, plot = tmp_path / "filled.csv", tmp_path / "gaps.png"
    cells = tmp_path / "cells.csv"
    files = ("--out", out, "--intervals", cells, "--plot", plot)
    assert run(csv, *files) == 0
    stdout = capsys.readouterr().out
    assert "\nnothing is missing in these columns\n" in stdout
    assert f"{out}: 200 rows, 0 cells filled\n" in stdout
    assert out.read_text() == csv.read_text()
    assert cells.read_text() == "t,column,value,std,lower_90,upper_90\n"
    assert plot.read_bytes().startswith(b"\x89PNG")


# ---- the network ------------------------------------------------------------------


def test_network_options_reach_the_imputer(csv, monkeypatch):
    class Stop(Exception):
        pass

    given = {}

    def imputer(**params):
        given.update(params)
        raise Stop

    monkeypatch.setattr(sklrnn, "RNNImputer", imputer, raising=False)
    options = {
        "cell": "lstm",
        "hidden_size": 5,
        "direction": "decoupled",
        "window_length": 7,
        "max_epochs": 3,
    }
    flat = [
        part
        for name, value in options.items()
        for part in (f"--{name.replace('_', '-')}", value)
    ]
    with pytest.raises(Stop):
        run(csv, "--seed", 9, *flat)
    del given["callbacks"]
    assert given == {**options, "random_state": 9}


def test_defaults_are_those_of_the_imputer():
    from sklrnn.commands.arguments import make_parser

    defaults = vars(make_parser().parse_args(["impute", "t.csv"]))
    signature = inspect.signature(sklrnn.RNNImputer.__init__).parameters
    shared = set(defaults) & set(signature)
    assert len(shared) == 5
    for name in shared:
        assert defaults[name] == signature[name].default


# ---- errors -----------------------------------------------------------------------


def test_file_that_does_not_exist(fails, tmp_path):
    error = fails(tmp_path / "no.csv")
    assert re.match('there is no file ".*no.csv" \\(the bundled data is', error)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--columns", "lode"), 'no column "lode"; did you mean "load"?'),
        (("--columns", "xyzzy"), 'no column "xyzzy"; it has t, load, site, price'),
        (("--time", "tt"), 'no column "tt"; did you mean "t"?'),
        (("--columns", "load,load"), '"load" is named more than once in --time and'),
        (("--columns", "t", "--time", "t"), '"t" is named more than once'),
        (("--columns", "site"), "\"site\" is not numeric: 'A' in row 1"),
        (("--time", "site"), 'the time column "site" is empty in row 2'),
        (("--time", "price"), 'the time column "price" is empty in row 66'),
        (("--out", "no/where.csv"), "there is no directory no"),
        (("--intervals", "no/where.csv"), "there is no directory no"),
        (("--out", "."), "it is a directory"),
        (("--plot", "plot.doc"), "its name must end in one of"),
    ],
)
def test_unusable_arguments(fails, csv, untrained, options, expected):
    assert expected in fails(csv, *options)


def test_unknown_cell(fails, csv):
    assert "did you mean 'lstm'?" in fails(csv, "--cell", "lsmt")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "t,y\n2024-01-01,1\n2024-01-03,\n2024-01-02,3\n",
            "in the order of time",
        ),
        (
            "t,y\n2024-01-01,1\n2024-01-01,\n2024-01-02,3\n",
            "more than once",
        ),
        ("t,y,z\n2024-01-01,1,\n2024-01-02,,\n", '"z" has no value at all'),
        ("t,y\n2024-01-01,a\n2024-01-02,\n", "no column holds numbers"),
        ("y\n1\n", "has 1 rows below its header"),
    ],
    ids=["unsorted", "repeated", "empty column", "no numbers", "one row"],
)
def test_unusable_tables(fails, csv, tmp_path, untrained, content, expected):
    csv.write_text(content)
    assert expected in fails(csv, "--out", tmp_path / "filled.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--direction", "up"), "invalid choice"),
        (("--hidden-size", "0"), "must be an integer of at least 1"),
        (("--unit", "bar"), "unrecognized"),
    ],
)
def test_arguments_that_do_not_parse(fails, csv, options, expected):
    assert expected in fails(csv, *options)


@pytest.mark.parametrize("option", ["--out", "--intervals", "--plot"])
def test_no_file_overwrites_the_table(fails, csv, untrained, option):
    before = csv.read_text()
    message = fails(csv, option, csv)
    assert "the table, --out, --intervals and --plot must be different" in message
    assert csv.read_text() == before


def test_no_file_overwrites_another(fails, csv, tmp_path, untrained):
    same = tmp_path / "same.csv"
    assert "must be different files" in fails(csv, "--out", same, "--intervals", same)


def test_without_matplotlib(fails, csv, untrained, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert 'pip install "sklrnn[plot]"' in fails(csv, "--plot", "plot.png")


def test_divergence_is_one_line(fails, csv, monkeypatch):
    from sklrnn.training import DivergenceError

    class Diverging:
        def __init__(self, **params):
            pass

        def fit(self, X):
            raise DivergenceError("training diverged in epoch 1\nlower lr")

    monkeypatch.setattr(sklrnn, "RNNImputer", Diverging, raising=False)
    assert fails(csv) == "training diverged in epoch 1 lower lr"


def test_a_failed_write_leaves_the_old_file(csv, tmp_path, monkeypatch, fails):
    out = tmp_path / "filled.csv"
    out.write_text("old")

    def full(self, path, **options):
        path.write_text("half")
        raise OSError("No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    assert "No space left on device" in fails(csv, "--out", out, *QUICK)
    assert out.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"table.csv", "filled.csv"}


# ---- on a terminal, as a process --------------------------------------------------


def test_help_names_every_option_and_default(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    options = re.split(r"\n  --", text)[1:]
    assert len(options) == 12
    for option in options:
        assert "default" in option, option


def test_progress_on_a_terminal(csv, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert run(csv, *QUICK) == 0
    assert re.search("impute: (choosing|learning)", capsys.readouterr().err)


PROGRAM = (
    sys.executable,
    "-c",
    "import sklrnn.commands.main as c, sys; sys.exit(c.main())",
)


def test_as_a_process(csv, tmp_path):
    out = tmp_path / "filled.csv"
    ran = subprocess.run(
        [*PROGRAM, "impute", csv, *QUICK, "--out", out], capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(pd.read_csv(out)) == 200


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_interrupt(csv, tmp_path):
    out = tmp_path / "filled.csv"
    process = subprocess.Popen(
        [*PROGRAM, "impute", csv, "--max-epochs", "100000", "--out", out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()  # the data is read, training follows
    time.sleep(5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, "")
    assert not out.exists()
