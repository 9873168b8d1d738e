"""Files of estimators: after loading, everything gives the same bits."""

import datetime
import io
import json
import os
import pickle
import subprocess
import sys
import textwrap
import zipfile
from fractions import Fraction

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import EarlyStopping
from sktime.datasets import load_airline

import sklrnn
from sklrnn import (
    HopfieldMemory,
    RNNClassifier,
    RNNForecaster,
    RNNGenerator,
    RNNImputer,
    RNNLabeler,
    RNNRegressor,
    RNNSeq2Seq,
)
from sklrnn.network.cells.gru import GRU

QUICK = {"max_epochs": 2, "hidden_size": 5, "random_state": 0}
FH = [1, 2, 4]
AIR = load_airline()
DRAWN = np.random.default_rng(0)


def same(one, other):
    """Assert that two results are the same, to the last bit and the last name."""
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True, check_freq=True)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other, check_exact=True, check_freq=True)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            same(first, second)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        same(list(one.values()), list(other.values()))
    else:
        assert one == other or (one != one and other != other)


def copy_of(estimator, tmp_path):
    path = tmp_path / "one.sklrnn"
    sklrnn.save(estimator, path, overwrite=True)
    return sklrnn.load(path)


# ---- the forecaster ---------------------------------------------------------------


def series(index, n_columns=1, seed=0):
    rng = np.random.default_rng(seed)
    values = np.sin(np.arange(len(index)) / 3)[:, None] + rng.normal(
        scale=0.3, size=(len(index), n_columns)
    )
    frame = pd.DataFrame(values, index=index)
    frame.columns = [f"y{n}" for n in range(n_columns)]
    return frame


def dates(freq, n=60, tz=None):
    return pd.date_range("2021-03-01", periods=n, freq=freq, tz=tz)


def panel(n_members=2, levels=1):
    members = {
        (f"r{n % 2}", f"s{n}")[-levels:] if levels > 1 else f"s{n}": series(
            dates("D", 40), seed=n
        )
        for n in range(n_members)
    }
    return pd.concat(members)


BUSINESS = pd.offsets.CustomBusinessDay(
    weekmask="Sun Mon Tue Wed", holidays=["2021-03-08"]
)
GAPPY = series(dates("D", 60), 2)
GAPPY.iloc[5:9, 0] = np.nan
FORECASTERS = {
    "default": ({}, AIR, None),
    "several targets": ({}, series(dates("h"), 3), None),
    "gaps": ({"cell": "grud"}, GAPPY, None),
    "missing times": ({}, series(dates("D")).drop(dates("D")[[7, 8, 30]]), None),
    "integers": ({}, series(pd.RangeIndex(5, 65)), None),
    "even integers": ({}, series(pd.Index(range(0, 120, 2))), None),
    "array": ({}, np.sin(np.arange(60.0)), None),
    "time zone": ({}, series(dates("D", tz="Europe/Lisbon")), None),
    "offset": (
        {},
        series(dates("D", tz=datetime.timezone(datetime.timedelta(hours=2)))),
        None,
    ),
    "weeks": (
        {},
        series(pd.period_range("2020-01-06", periods=60, freq="W-SUN")),
        None,
    ),
    "custom week": ({}, series(dates(BUSINESS)), None),
    "end of month": ({}, series(dates("BME")), None),
    "half hours": ({}, series(dates("30min")), None),
    "months": ({}, series(dates(pd.DateOffset(months=1))), None),
    "panel": ({}, panel(), None),
    "large panel": ({}, panel(11), None),
    "hierarchy": ({}, panel(4, levels=2), None),
    "exogenous": (
        {"past_only": ["c"]},
        AIR,
        pd.DataFrame(
            {
                "a": np.arange(148.0),
                "b": pd.Categorical(list("xyzx") * 37),
                "c": np.arange(148) % 7,
                "d": ["u", "v"] * 74,
            },
            index=pd.period_range("1949-01", periods=148, freq="M"),
        ),
    ),
    "recursive": ({"strategy": "recursive", "cell": "jordan"}, AIR, None),
    "decoupled": ({"direction": "decoupled", "cell": "lstm"}, AIR, None),
    "coupled": ({"direction": "coupled", "fusion": "gated"}, AIR, None),
    "student": ({"distribution": "student_t"}, AIR, None),
    "quantiles": ({"distribution": "quantiles", "calibrate": False}, AIR, None),
    "counts": ({"distribution": "negative_binomial", "normalize": None}, AIR, None),
    "ensemble": ({"n_members": 3}, AIR, None),
    "segments": ({"window_length": 24, "segment_length": 4}, AIR, None),
    "recurrent decoder": ({"decoder": "recurrent", "num_layers": 2}, AIR, None),
    "no validation": ({"validation_fraction": None}, AIR, None),
    "own optimiser": (
        {"optimizer": torch.optim.Adamax, "lr": np.float64(0.01)},
        AIR,
        None,
    ),
    "plateau": ({"schedule": "plateau", "patience": None, "refit": False}, AIR, None),
    "class of cells": ({"cell": GRU, "cell_params": {"reset": "before"}}, AIR, None),
    "generator": ({"random_state": np.random.default_rng(7)}, AIR, None),
    "state": ({"random_state": np.random.RandomState(7)}, AIR, None),
    "constant": ({}, pd.Series(7.0, index=dates("D"), name="still"), None),
    "warm": ({"warm_start": True}, AIR, None),
}


def split(y):
    """Return a series, or a panel, without its last six rows, and those."""
    if isinstance(y, pd.DataFrame) and isinstance(y.index, pd.MultiIndex):
        levels = list(range(y.index.nlevels - 1))
        tail = y.groupby(level=levels).tail(6)
        return y.drop(tail.index), tail
    return y[:-6], y[-6:]


@pytest.mark.parametrize("name", FORECASTERS)
def test_a_forecaster_goes_on_as_it_was(name, tmp_path):
    given, y, X = FORECASTERS[name]
    fh = [2, 4, 8] if name == "even integers" else FH
    first, then = split(y)
    forecaster = RNNForecaster(**QUICK | given, update_epochs=1)
    forecaster.fit(y=first, X=X, fh=fh)
    loaded = copy_of(forecaster, tmp_path)
    assert loaded.get_params().keys() == forecaster.get_params().keys()
    same(loaded.predict(X=X), forecaster.predict(X=X))
    for call in ("predict_interval", "predict_quantiles", "predict_var"):
        same(getattr(loaded, call)(X=X), getattr(forecaster, call)(X=X))
    same(list(loaded.history_), list(forecaster.history_))
    for trained in (False, True):
        rows, then = (then[:3], then[3:]) if y is AIR else (then, then)
        for each in (loaded, forecaster):
            each.update(rows, X=X, update_params=trained)
        again = copy_of(loaded, tmp_path)
        same(loaded.predict(X=X), forecaster.predict(X=X))
        same(again.predict_interval(X=X), forecaster.predict_interval(X=X))
    if "random_state" not in given:
        same(
            loaded.fit(y=y, X=X, fh=fh).predict(X=X),
            forecaster.fit(y=y, X=X, fh=fh).predict(X=X),
        )


def test_warm_start_goes_on_with_the_moments(tmp_path):
    forecaster = RNNForecaster(warm_start=True, **QUICK).fit(AIR, fh=FH)
    loaded = copy_of(forecaster, tmp_path)
    assert loaded.net_.optimizer_.state_dict()["state"]
    same(loaded.fit(AIR, fh=FH).predict(), forecaster.fit(AIR, fh=FH).predict())
    cold = RNNForecaster(**QUICK).fit(AIR, fh=FH)
    assert not copy_of(cold, tmp_path).net_.optimizer_.state_dict()["state"]


@pytest.mark.parametrize("epochs", [0, 2])
def test_what_was_pretrained_is_fitted_later(epochs, tmp_path):
    forecaster = RNNForecaster(fine_tune_epochs=epochs, **QUICK)
    forecaster.pretrain(panel(3), fh=FH)
    loaded = copy_of(forecaster, tmp_path)
    assert loaded.state == "pretrained"
    y = series(dates("D", 40), seed=9)
    same(loaded.fit(y, fh=FH).predict(), forecaster.fit(y, fh=FH).predict())


def test_distributions_and_rolling_forecasts(tmp_path):
    forecaster = RNNForecaster(distribution="gaussian", **QUICK).fit(AIR, fh=FH)
    loaded = copy_of(forecaster, tmp_path)
    ours, theirs = loaded.predict_proba(), forecaster.predict_proba()
    same(ours.mean(), theirs.mean())
    same(ours.ppf(0.9), theirs.ppf(0.9))
    same(loaded.predict_rolling(AIR), forecaster.predict_rolling(AIR))


def test_as_a_regressor_of_scikit_learn(tmp_path):
    X = pd.DataFrame({"a": np.arange(60.0), "b": np.arange(60.0) % 5})
    y = np.sin(np.arange(60.0))
    forecaster = RNNForecaster(**QUICK).fit(X, y)
    loaded = copy_of(forecaster, tmp_path)
    same(loaded.predict(X[:4]), forecaster.predict(X[:4]))
    same(loaded.feature_names_in_, forecaster.feature_names_in_)


def test_data_that_sktime_remembers(tmp_path):
    forecaster = RNNForecaster(**QUICK).set_config(remember_data=True).fit(AIR, fh=FH)
    loaded = copy_of(forecaster, tmp_path)
    same(loaded._y, forecaster._y)
    same(loaded.predict(), forecaster.predict())


# ---- the imputer ------------------------------------------------------------------

TABLE = pd.DataFrame(DRAWN.normal(size=(80, 3)), columns=list("abc"))
TABLE.iloc[10:14, 1] = TABLE.iloc[40:47, 0] = np.nan
TIMES = dates("h", 80)
UNEVEN = TIMES + pd.to_timedelta(DRAWN.integers(0, 40, size=80), unit="min")
HOLES = panel(3)
HOLES.iloc[3:7] = np.nan
IMPUTERS = {
    "table": ({}, TABLE),
    "array": ({"direction": "decoupled"}, TABLE.to_numpy()),
    "single precision": ({"direction": "forward"}, TABLE.to_numpy(np.float32)),
    "hours": ({"direction": "forward"}, TABLE.set_axis(TIMES)),
    "uneven times": ({"direction": "forward", "cell": "grud"}, TABLE.set_axis(UNEVEN)),
    "column": ({}, TABLE["a"].set_axis(TIMES)),
    "panel": ({"loss": "mse"}, HOLES),
    "empty column": (
        {"keep_empty_features": True, "direction": "forward"},
        TABLE.assign(d=np.nan),
    ),
}


@pytest.mark.parametrize("name", IMPUTERS)
def test_an_imputer_fills_as_it_did(name, tmp_path):
    given, X = IMPUTERS[name]
    imputer = RNNImputer(**QUICK | given).fit(X)
    loaded = copy_of(imputer, tmp_path)
    same(loaded.transform(X), imputer.transform(X))
    same(tuple(loaded.impute_proba(X)), tuple(imputer.impute_proba(X)))
    same(loaded.impute_interval(X), imputer.impute_interval(X))
    same(loaded.validation_error_, imputer.validation_error_)
    if given.get("direction") in ("forward", "decoupled"):
        same(loaded.partial_transform(X[:9]), imputer.partial_transform(X[:9]))
        again = copy_of(loaded, tmp_path)
        same(again.partial_transform(X[9:20]), imputer.partial_transform(X[9:20]))


# ---- sequences, symbols, memories -------------------------------------------------

SEQUENCES = DRAWN.normal(size=(16, 2, 12))
UNEQUAL = [pd.DataFrame(DRAWN.normal(size=(n, 2))) for n in range(5, 21)]
LABELS = np.array(["u", "v"] * 8)


@pytest.mark.parametrize("X", [SEQUENCES, UNEQUAL], ids=["equal", "unequal"])
@pytest.mark.parametrize("labels", [LABELS, np.arange(16) % 3, LABELS == "u"])
def test_a_classifier_answers_as_it_did(X, labels, tmp_path):
    classifier = RNNClassifier(**QUICK).fit(X, labels)
    loaded = copy_of(classifier, tmp_path)
    same(loaded.predict_proba(X), classifier.predict_proba(X))
    same(loaded.predict(X), classifier.predict(X))
    same(loaded.classes_, classifier.classes_)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_regressor_answers_as_it_did(n_outputs, tmp_path):
    y = pd.DataFrame(DRAWN.normal(size=(16, n_outputs))).add_prefix("out")
    y = y.iloc[:, 0].to_numpy() if n_outputs == 1 else y
    regressor = RNNRegressor(direction="coupled", **QUICK).fit(SEQUENCES, y)
    loaded = copy_of(regressor, tmp_path)
    same(loaded.predict(SEQUENCES), regressor.predict(SEQUENCES))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_labeler_answers_as_it_did(task, tmp_path):
    y = [np.arange(len(one)) % 2 for one in UNEQUAL]
    labeler = RNNLabeler(task=task, **QUICK).fit(UNEQUAL, y)
    loaded = copy_of(labeler, tmp_path)
    same(loaded.predict(UNEQUAL), labeler.predict(UNEQUAL))
    assert loaded.score(UNEQUAL, y) == labeler.score(UNEQUAL, y)


TEXT = ["the cat sat on the mat"] * 4
TOKENS = [[(1, "a"), (2, "b"), (1, "a")] * 4] * 4


@pytest.mark.parametrize("X", [TEXT, TOKENS, [[1, 2, 3] * 5] * 3], ids=str)
def test_a_generator_goes_on_as_it_did(X, tmp_path):
    generator = RNNGenerator(**QUICK).fit(X)
    loaded = copy_of(generator, tmp_path)
    asked = {"length": 12, "random_state": 3}
    same(loaded.generate(**asked), generator.generate(**asked))
    same(loaded.score(X), generator.score(X))
    same(loaded.symbols_, generator.symbols_)


def test_a_translator_translates_as_it_did(tmp_path):
    words = ["ab", "ba", "aab", "bab"] * 3
    translator = RNNSeq2Seq(**QUICK).fit(words, [word[::-1] for word in words])
    loaded = copy_of(translator, tmp_path)
    same(loaded.predict(words), translator.predict(words))


@pytest.mark.parametrize("given", [{}, {"kind": "classic", "rule": "storkey"}], ids=str)
def test_a_memory_recalls_as_it_did(given, tmp_path):
    patterns = np.sign(DRAWN.normal(size=(3, 30)))
    memory = HopfieldMemory(random_state=0, **given).fit(patterns)
    loaded = copy_of(memory, tmp_path)
    cue = patterns * np.where(np.arange(30) < 5, -1, 1)
    same(loaded.predict(cue), memory.predict(cue))


# ---- the file ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    return RNNForecaster(**QUICK).fit(AIR, fh=FH)


@pytest.fixture(scope="module")
def path(fitted, tmp_path_factory):
    return sklrnn.save(fitted, tmp_path_factory.mktemp("files") / "air.sklrnn")


def test_a_file_is_a_zip_without_pickle(path):
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        document = json.loads(archive.read("model.json"))
    assert names == {"model.json", "weights.safetensors", "arrays.safetensors"}
    assert document["format"] == 1
    assert document["sklrnn"] == sklrnn.__version__
    assert document["estimator"] == "RNNForecaster"
    assert set(document["members"]) == names - {"model.json"}


def test_weights_are_there_for_others_to_read(path, fitted):
    from safetensors.numpy import load

    with zipfile.ZipFile(path) as archive:
        weights = load(archive.read("weights.safetensors"))
    for name, value in fitted.net_.module_.state_dict().items():
        (found,) = (weights[key] for key in weights if key.endswith(f".{name}"))
        np.testing.assert_array_equal(found, value.numpy())


def test_the_same_content_gives_the_same_file(path, fitted, tmp_path):
    again = sklrnn.save(fitted, tmp_path / "again.sklrnn")
    assert again.read_bytes() == path.read_bytes()
    loaded = sklrnn.save(sklrnn.load(path), tmp_path / "loaded.sklrnn")
    assert loaded.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "given",
    [{}, {"cell": "lstm"}, {"direction": "decoupled"}, {"n_members": 3}],
    ids=str,
)
def test_a_file_is_hardly_larger_than_its_weights(given, tmp_path):
    forecaster = RNNForecaster(max_epochs=40, random_state=0, **given).fit(AIR, fh=FH)
    written = sklrnn.save(forecaster, tmp_path / "one.sklrnn")
    weights = forecaster.net_.module_.state_dict().values()
    n_bytes = sum(one.numel() * one.element_size() for one in weights)
    assert written.stat().st_size <= 1.1 * n_bytes + 20_000


def test_nothing_is_overwritten_unasked(path, fitted):
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        sklrnn.save(fitted, path)
    assert path.read_bytes() == before
    sklrnn.save(fitted, path, overwrite=True)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_write_that_fails_leaves_what_was(fitted, path, monkeypatch):
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        sklrnn.save(fitted, path, overwrite=True)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("callbacks", [EarlyStopping()], "skorch.callbacks.training.EarlyStopping"),
        ("accelerator", Fraction(1, 2), "fractions.Fraction"),
        ("cell", type("Own", (GRU,), {}), "register_cell"),
        ("cell_params", {"reset": Fraction(1, 2)}, "cell_params"),
    ],
)
def test_what_no_file_can_hold_is_refused_by_name(name, value, told, tmp_path):
    forecaster = RNNForecaster(**QUICK).fit(AIR, fh=FH)
    setattr(forecaster, name, value)
    with pytest.raises(
        TypeError, match=rf"(?s){name}.*which no file can hold"
    ) as error:
        sklrnn.save(forecaster, tmp_path / "one.sklrnn")
    assert told in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_callback_is_left_behind_when_told_so(tmp_path):
    callbacks = [EarlyStopping(patience=3)]
    forecaster = RNNForecaster(callbacks=callbacks, **QUICK).fit(AIR, fh=FH)
    forecaster.callbacks = None
    loaded = copy_of(forecaster, tmp_path)
    same(loaded.predict(), forecaster.predict())


def test_names_that_no_file_can_hold(tmp_path):
    y = pd.DataFrame({Fraction(1, 2): np.arange(40.0)})
    forecaster = RNNForecaster(**QUICK).fit(y, fh=FH)
    with pytest.raises(TypeError, match="use strings, numbers, dates"):
        sklrnn.save(forecaster, tmp_path / "one.sklrnn")


def test_what_is_not_fitted_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        sklrnn.save(RNNForecaster(), tmp_path / "one.sklrnn")
    with pytest.raises(TypeError, match="estimator must be one of"):
        sklrnn.save({"a": 1}, tmp_path / "one.sklrnn")


def test_a_registered_cell_must_be_registered_again(tmp_path):
    from sklrnn import registry

    registry.register_cell("tests_own", type("Own", (GRU,), {}))
    try:
        path = sklrnn.save(
            RNNForecaster(cell="tests_own", **QUICK).fit(AIR, fh=FH), tmp_path / "one"
        )
        assert sklrnn.describe(path)["plugins"][0]["name"] == "tests_own"
        sklrnn.load(path)
    finally:
        del registry._REGISTERED["sklrnn.cells"]["tests_own"]
    with pytest.raises(registry.PluginError, match="tests_own.*register_cell"):
        sklrnn.load(path)


def test_another_device(path, fitted):
    assert sklrnn.load(path, device="cpu").device == "cpu"
    with pytest.raises((ValueError, RuntimeError, AssertionError)):
        sklrnn.load(path, device="no such thing")


def test_describe(path):
    found = sklrnn.describe(path)
    assert found["estimator"] == "RNNForecaster"
    assert found["parameters"] == {"hidden_size": 5, "max_epochs": 2, "random_state": 0}
    (column,) = found["columns"]
    assert column["name"] == "Number of airline passengers"
    assert column["role"] == "target"
    assert found["frequency"] == "ME"
    assert found["plugins"] == []


def run(code, *args, **env):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | env,
    ).stdout


def test_describe_loads_neither_torch_nor_sktime(path):
    code = """
        import sys, sklrnn
        sklrnn.describe(sys.argv[1])
        print(sorted({"torch", "sktime", "pandas", "sklearn"} & set(sys.modules)))
    """
    assert run(code, path).strip() == "[]"


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_fresh_process_gives_the_same_bits(path, fitted, threads):
    code = """
        import sys, sklrnn, torch
        torch.set_num_threads(int(sys.argv[2]))
        found = sklrnn.load(sys.argv[1]).predict_interval(coverage=[0.9])
        print([value.hex() for value in found.to_numpy().ravel()])
    """
    wanted = fitted.predict_interval(coverage=[0.9]).to_numpy().ravel()
    assert run(code, path, threads).strip() == str([value.hex() for value in wanted])


def test_a_newer_format_is_refused_with_both_versions(path, tmp_path):
    data = path.read_bytes()
    newer = tmp_path / "newer.sklrnn"
    newer.write_bytes(data.replace(b"sklrnn 1 ", b"sklrnn 9 "))
    with pytest.raises(ValueError, match=r"version 9 .* up to 1"):
        sklrnn.load(newer)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"\x80\x04K\x01."])
def test_a_foreign_file_is_told(content, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.write_bytes(content)
    with pytest.raises(ValueError, match="not a file of sklrnn"):
        sklrnn.load(foreign)
    with pytest.raises(FileNotFoundError):
        sklrnn.load(tmp_path / "nothing")
    with pytest.raises(ValueError, match="is a folder"):
        sklrnn.load(tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.json", "{}")
    foreign.write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match="not a file of sklrnn"):
        sklrnn.describe(foreign)


@pytest.mark.parametrize("library", ["joblib", "pickle"])
def test_pipelines_of_what_was_loaded_are_pickled(library, tmp_path):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X = DRAWN.normal(size=(20, 15))
    pipeline = make_pipeline(StandardScaler(), RNNClassifier(**QUICK))
    pipeline.fit(X, np.arange(20) % 2)
    path = sklrnn.save(pipeline[-1], tmp_path / "last")
    pipeline.steps[-1] = ("last", sklrnn.load(path))
    if library == "joblib":
        joblib.dump(pipeline, tmp_path / "all")
        again = joblib.load(tmp_path / "all")
    else:
        again = pickle.loads(pickle.dumps(pipeline))
    same(again.predict_proba(X), pipeline.predict_proba(X))
