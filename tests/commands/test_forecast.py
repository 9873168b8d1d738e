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

from sklrnn.commands.main import main

QUICK = ("--max-epochs", "1", "--hidden-size", "4", "--window-length", "12")


def run(*args):
    """Run ``sklrnn forecast`` on what is given; return its exit status."""
    try:
        return main(["forecast", *map(str, args)])
    except SystemExit as leaving:
        return leaving.code


@pytest.fixture
def table():
    """Hourly rows with a gap in the target, and four hours left out."""
    time = pd.date_range("2024-03-01", periods=200, freq="h", name="time")
    phase = np.arange(200) * 2 * np.pi / 24
    noise = np.random.default_rng(0).normal(size=200)
    frame = pd.DataFrame(
        {"load": 50 + 10 * np.sin(phase) + noise, "price": np.cos(phase), "site": "A"},
        index=time,
    )
    frame.loc[frame.index[60:70], "load"] = np.nan
    return frame.drop(frame.index[100:104])


@pytest.fixture
def csv(table, tmp_path):
    path = tmp_path / "table.csv"
    table.reset_index().to_csv(path, index=False)
    return path


@pytest.fixture
def with_future(table, tmp_path):
    """The same, with the prices of six hours after the last load."""
    table.loc[table.index[-6:], "load"] = np.nan
    path = tmp_path / "future.csv"
    table.reset_index().to_csv(path, index=False)
    return path


# ---- what it does -----------------------------------------------------------------


def test_forecast_with_everything(csv, tmp_path, capsys):
    out, plot = tmp_path / "forecast.csv", tmp_path / "forecast.png"
    args = ("--target", "load", "--horizon", 6, "--backtest", 2, *QUICK)
    assert run(csv, *args, "--out", out, "--plot", plot) == 0
    stdout, stderr = capsys.readouterr()
    assert stderr == ""  # no progress bar, no warning
    assert 'time: column "time"; season: 24' in stdout
    assert "load: 200 steps (h) from 2024-03-01 00:00:00" in stdout
    assert "7.0 % missing" in stdout  # ten values and four rows
    assert "backtest: 2 folds of 6 steps from 2024-03-08 20:00:00, 12 of 12" in stdout
    assert re.search(r"^ +MAE +RMSE +MASE$", stdout, re.MULTILINE)
    for model in ("lstm", "last value", "seasonal naive"):
        assert re.search(rf"^{model}( +\d+\.\d+){{3}}$", stdout, re.MULTILINE)
    forecast = pd.read_csv(out, parse_dates=["time"])
    assert list(forecast.columns) == [
        *("time", "forecast"),
        *("lower_80", "upper_80", "lower_95", "upper_95"),
    ]
    expected = pd.date_range("2024-03-09 08:00", periods=6, freq="h")
    assert list(forecast["time"]) == list(expected)
    assert forecast.notna().all(axis=None)
    assert (forecast["lower_95"] <= forecast["lower_80"]).all()
    assert (forecast["lower_80"] <= forecast["forecast"]).all()
    assert (forecast["forecast"] <= forecast["upper_80"]).all()
    assert (forecast["upper_80"] <= forecast["upper_95"]).all()
    assert plot.read_bytes().startswith(b"\x89PNG")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"table.csv", "forecast.csv", "forecast.png"}


def test_without_out_the_forecast_is_printed(csv, capsys):
    args = ("--target", "load", "--horizon", 2, "--backtest", 0, *QUICK)
    assert run(csv, *args) == 0
    stdout = capsys.readouterr().out
    assert "MAE" not in stdout
    assert re.search(r"^ *time +forecast +lower_80 .* upper_95$", stdout, re.MULTILINE)
    assert "2024-03-09 08:00:00" in stdout and "2024-03-09 09:00:00" in stdout


def test_seed_makes_it_repeatable(csv, capsys):
    args = (csv, "--target", "load", "--horizon", 3, "--backtest", 1, *QUICK)
    printed = []
    for seed in (1, 1, 2):
        assert run(*args, "--seed", seed) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != printed[2]


def test_compressor(monkeypatch, capsys, tmp_path):
    import sklrnn.datasets

    load_compressor = sklrnn.datasets.load_compressor
    monkeypatch.setattr(
        sklrnn.datasets,
        "load_compressor",
        lambda **options: load_compressor(**options).iloc[-300:],
    )
    plot = tmp_path / "forecast.svg"
    args = ("--target", "suction_pressure", "--horizon", 6, "--backtest", 1)
    assert run("compressor", *args, *QUICK, "--plot", plot) == 0
    stdout = capsys.readouterr().out
    assert "to 2023-08-30 12:00:00" in stdout
    assert "seasonal naive" in stdout
    assert "suction_pressure (bar)" in plot.read_text()


def test_network_options_reach_the_forecaster(csv, monkeypatch):
    import sklrnn

    class Stop(Exception):
        pass

    given = {}

    def forecaster(**params):
        given.update(params)
        raise Stop

    monkeypatch.setattr(sklrnn, "RNNForecaster", forecaster)
    options = {
        "cell": "gru",
        "hidden_size": 5,
        "direction": "coupled",
        "window_length": 7,
        "strategy": "recursive",
        "normalize": "none",
        "max_epochs": 3,
    }
    for name, value in options.items():
        options[name] = (f"--{name.replace('_', '-')}", value)
    flat = [part for option in options.values() for part in option]
    with pytest.raises(Stop):  # a bug keeps its traceback
        run(csv, "--target", "load", "--horizon", 3, "--seed", 9, *flat)
    assert {k: v for k, v in given.items() if k != "callbacks"} == {
        "cell": "gru",
        "hidden_size": 5,
        "direction": "coupled",
        "window_length": 7,
        "strategy": "recursive",
        "normalize": None,
        "max_epochs": 3,
        "random_state": 9,
    }


def test_defaults_and_choices_are_those_of_the_forecaster():
    from sklrnn import RNNForecaster
    from sklrnn.commands.arguments import make_parser
    from sklrnn.forecasting.parameters import NORMALIZATIONS, STRATEGIES

    args = ["forecast", "t.csv", "--target", "a", "--horizon", "1"]
    defaults = vars(make_parser().parse_args(args))
    signature = inspect.signature(RNNForecaster.__init__).parameters
    shared = set(defaults) & set(signature) - {"horizon", "refit"}
    assert len(shared) == 7
    for name in shared:
        assert defaults[name] == signature[name].default
    for name in ("--strategy", *STRATEGIES), ("--normalize", *NORMALIZATIONS):
        for choice in name[1:]:
            make_parser().parse_args([*args, name[0], str(choice).lower()])


@pytest.mark.parametrize("refit", [False, True])
def test_exogenous_columns(with_future, capsys, refit):
    args = ("--target", "load", "--exog", "price", "--horizon", 6, "--backtest", 2)
    options = ["--refit"] if refit else []
    assert run(with_future, *args, *QUICK, *options) == 0
    stdout = capsys.readouterr().out
    assert "to 2024-03-09 01:00:00" in stdout  # the last load
    assert "2024-03-09 07:00:00" in stdout


def test_exogenous_values_matter(with_future, tmp_path, capsys):
    args = ("--target", "load", "--exog", "price", "--horizon", 6, "--backtest", 0)
    assert run(with_future, *args, *QUICK) == 0
    first = capsys.readouterr().out
    table = pd.read_csv(with_future)
    table.loc[table.index[-6:], "price"] = 5.0
    table.to_csv(with_future, index=False)
    assert run(with_future, *args, *QUICK) == 0
    assert capsys.readouterr().out != first


def test_fold_without_observed_values_is_named(table, tmp_path, capsys):
    table.loc[table.index[-8:-4], "load"] = np.nan
    path = tmp_path / "table.csv"
    table.reset_index().to_csv(path, index=False)
    args = ("--target", "load", "--horizon", 4, "--backtest", 2)
    assert run(path, *args, *QUICK) == 0
    stdout = capsys.readouterr().out
    assert "4 of 8 values observed\nfold 1 has no observed value and is left out" in (
        stdout
    )


def test_without_dates_rows_are_counted(tmp_path, capsys):
    path = tmp_path / "table.csv"
    pd.DataFrame({"y": np.sin(np.arange(40.0)), "name": "x"}).to_csv(path, index=False)
    assert run(path, "--target", "y", "--horizon", 2, "--backtest", 0, *QUICK) == 0
    report = capsys.readouterr().out.splitlines()[0]
    assert "from 0 to 39, 0.0 % missing; time: row number; season: none" in report


def test_season_is_that_of_the_step(tmp_path, capsys):
    path = tmp_path / "table.csv"
    table = pd.DataFrame({"y": np.sin(np.arange(40))})
    table["day"] = pd.date_range("2020-01-01", periods=40)
    table.to_csv(path, index=False)
    assert run(path, "--target", "y", "--horizon", 2, "--backtest", 0, *QUICK) == 0
    assert 'column "day"; season: 7' in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    ("season", "expected"), [((), 24), (("--season", 1), "none"), (("--season", 6), 6)]
)
def test_season(csv, capsys, season, expected):
    args = ("--target", "load", "--horizon", 2, "--backtest", 1, *QUICK)
    assert run(csv, *args, *season) == 0
    stdout = capsys.readouterr().out
    assert f"season: {expected}\n" in stdout
    assert ("seasonal naive" in stdout) == (expected != "none")


# ---- errors -----------------------------------------------------------------------


def test_file_that_does_not_exist(fails, tmp_path):
    error = fails(tmp_path / "no.csv", "--target", "a", "--horizon", 1)
    assert re.match('there is no file ".*no.csv" \\(the bundled data is', error)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--target", "lode"), 'no column "lode"; did you mean "load"?'),
        (("--target", "xyzzy"), 'no column "xyzzy"; it has time, load, price, site'),
        (("--target", "load", "--time", "tme"), 'did you mean "time"?'),
        (("--target", "load", "--exog", "price,prise"), 'did you mean "price"?'),
        (("--target", "load", "--exog", "load"), '"load" is named more than once'),
        (("--target", "site"), "\"site\" is not numeric: 'A' in row 1"),
        (("--target", "load", "--time", "site"), '"site" does not parse as dates'),
        (("--target", "load", "--season", "190"), "season is 190, but only 185 steps"),
        (("--target", "load", "--cell", "lsmt"), "did you mean 'lstm'?"),
        (("--target", "load", "--out", "no/where.csv"), "there is no directory no"),
        (("--target", "load", "--out", "."), "it is a directory"),
        (("--target", "load", "--plot", "plot.doc"), "its name must end in one of"),
    ],
)
def test_unusable_arguments(fails, csv, options, expected):
    assert expected in fails(csv, "--horizon", 3, *options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "the following arguments are required: --target, --horizon"),
        (("--target", "load", "--horizon", "0"), "must be an integer of at least 1"),
        (("--target", "load", "--horizon", "soon"), "got 'soon'"),
        (("--target", "load", "--horizon", "1", "--direction", "up"), "invalid choice"),
        (("--target", "load", "--horizon", "1", "--hidden", "4"), "unrecognized"),
    ],
)
def test_arguments_that_do_not_parse(fails, csv, options, expected):
    assert expected in fails(csv, *options)


@pytest.mark.parametrize(("horizon", "backtest"), [(101, 0), (30, 5)])
def test_horizon_longer_than_the_data_allows(fails, csv, horizon, backtest):
    args = ("--target", "load", "--horizon", horizon, "--backtest", backtest)
    needed = (backtest + 2) * horizon
    assert f"needs at least {needed} steps" in fails(csv, *args)


def test_a_time_column_named_as_a_forecast_is_refused(fails, csv):
    csv.write_text(csv.read_text().replace("time", "forecast", 1))
    found = fails(csv, "--target", "load", "--horizon", 3)
    assert 'the time column is named "forecast"' in found and "rename it" in found


def test_one_file_does_not_overwrite_another(fails, csv, tmp_path):
    same = tmp_path / "same.png"
    for files in (("--out", csv), ("--out", same, "--plot", same)):
        before = csv.read_text()
        message = fails(csv, "--target", "load", "--horizon", 3, *files)
        assert "must be different files" in message
        assert csv.read_text() == before


def test_links_are_followed_and_devices_stay(csv, tmp_path):
    args = ("--target", "load", "--horizon", 3, "--backtest", 0, "--max-epochs", 1)
    link, real = tmp_path / "link.csv", tmp_path / "real.csv"
    link.symlink_to(real)
    assert run(csv, *args, "--out", link) == 0
    assert link.is_symlink() and len(pd.read_csv(real)) == 3
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run(csv, *args, "--out", pipe) == 0
        assert os.read(reader, 1000).startswith(b"time,forecast")
        assert pipe.is_fifo()
    finally:
        os.close(reader)


def test_too_few_exogenous_rows(fails, csv, with_future):
    args = ("--target", "load", "--exog", "price", "--horizon")
    assert "but only 0 rows with them follow" in fails(csv, *args, 3)
    error = fails(with_future, *args, 7)
    assert "for the 7 steps to forecast, but only 6 rows with them follow" in error
    assert "add rows" in error


def test_without_matplotlib(fails, csv, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    args = ("--target", "load", "--horizon", 1, "--plot", "plot.png")
    assert 'pip install "sklrnn[plot]"' in fails(csv, *args)


def test_divergence_is_one_line(fails, csv, monkeypatch):
    import sklrnn
    from sklrnn.training import DivergenceError

    class Diverging:
        def __init__(self, **params):
            pass

        def fit(self, **data):
            raise DivergenceError("training diverged in epoch 1\nlower lr")

    monkeypatch.setattr(sklrnn, "RNNForecaster", Diverging)
    args = ("--target", "load", "--horizon", 1, "--backtest", 0)
    assert fails(csv, *args) == "training diverged in epoch 1 lower lr"


def test_a_failed_write_leaves_the_old_file(csv, tmp_path, monkeypatch, fails):
    out = tmp_path / "forecast.csv"
    out.write_text("old")

    def full(self, path, **options):
        path.write_text("half")
        raise OSError("No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    args = ("--target", "load", "--horizon", 1, "--backtest", 0, *QUICK)
    assert "No space left on device" in fails(csv, *args, "--out", out)
    assert out.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"table.csv", "forecast.csv"}


# ---- on a terminal, as a process --------------------------------------------------


def test_help_names_every_option_and_default(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    options = re.split(r"\n  --", text)[1:]
    assert len(options) > 15
    for option in options:
        required = option.startswith(("target", "horizon"))
        assert ("default" in option) != required, option


def test_progress_on_a_terminal(csv, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    args = ("--target", "load", "--horizon", 2, "--backtest", 1, *QUICK)
    assert run(csv, *args) == 0
    stderr = capsys.readouterr().err
    for stage in ("backtest", "forecast"):
        assert f"{stage}: choosing the epoch" in stderr
        assert f"{stage}: learning all rows" in stderr


PROGRAM = (
    sys.executable,
    "-c",
    "import sklrnn.commands.main as c, sys; sys.exit(c.main())",
)


def test_as_a_process(csv, tmp_path):
    out = tmp_path / "forecast.csv"
    args = ["forecast", csv, "--target", "load", "--horizon", "2", "--backtest", "1"]
    ran = subprocess.run(
        [*PROGRAM, *args, *QUICK, "--out", out], capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(pd.read_csv(out)) == 2


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_interrupt(csv):
    args = ["--target", "load", "--horizon", "2", "--max-epochs", "100000"]
    process = subprocess.Popen(
        [*PROGRAM, "forecast", csv, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()  # the data is read, training follows
    time.sleep(5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, "")
