import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback
from sktime.utils._testing.hierarchical import _make_hierarchical

from sklrnn import RNNImputer
from sklrnn.training import DivergenceError

DIRECTIONS = ("coupled", "forward", "decoupled")


def quick(**params):
    return RNNImputer(
        **{"max_epochs": 2, "hidden_size": 4, "random_state": 0, **params}
    )


def waves(n_steps=80, n_columns=2, seed=0, share=0.15):
    """Sines with noise and gaps."""
    rng = np.random.default_rng(seed)
    steps = np.arange(n_steps)[:, None]
    values = np.sin(steps / (4 + np.arange(n_columns))) + np.arange(n_columns)
    values = values + rng.normal(scale=0.1, size=values.shape)
    values[rng.random(values.shape) < share] = np.nan
    return values


def frame(n_steps=80, **index):
    """The same with names, hourly."""
    times = pd.date_range("2024-01-01", periods=n_steps, freq="h")
    return pd.DataFrame(waves(n_steps, **index), times, ["a", "b"])


def panel(*lengths, seed=0):
    keys = [f"s{i}" for i in range(len(lengths))]
    parts = [frame(n, seed=seed + i) for i, n in enumerate(lengths)]
    return pd.concat(parts, keys=keys, names=["id", "time"])


X = waves()
GAPS = np.isnan(X)


@pytest.fixture(scope="module")
def fitted():
    """An imputer of every direction, fitted to X."""
    return {name: quick(direction=name).fit(X) for name in DIRECTIONS}


@pytest.fixture
def streaming(fitted):
    """Of "forward" and "decoupled", at the beginning of a stream."""
    return {name: copy.deepcopy(fitted[name]) for name in DIRECTIONS[1:]}


def assert_filled(before, after):
    """Observed values came back bit for bit, and nothing is missing."""
    before, after = np.asarray(before), np.asarray(after)
    assert after.shape == before.shape and after.dtype == before.dtype
    seen = ~np.isnan(before)
    np.testing.assert_array_equal(after[seen], before[seen])
    assert (np.signbit(after) == np.signbit(before))[seen].all()
    assert np.isfinite(after).all()


# ---- what was observed stays, what was not is filled ---------------------------------


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        (1.0, np.float64),
        (1e300, np.float64),
        (1e-300, np.float64),
        (5e-324, np.float64),
        (1.0, np.float32),
        (1e37, np.float32),
        (1e-44, np.float32),
    ],
)
def test_observed_values_come_back_bit_for_bit(size, kind):
    values = (X * size).astype(kind)
    values[5] = -0.0
    assert_filled(values, quick().fit_transform(values))


def test_observed_values_far_from_0_come_back_bit_for_bit():
    assert_filled(X + 1e12, quick().fit_transform(X + 1e12))
    mixed = X.copy()
    mixed[:2] = [[1e308, -1e308], [-1e308, 1e308]]
    assert_filled(mixed, quick().fit_transform(mixed))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("size", [1e10, 1e30, 1e300])
def test_a_value_far_off_leaves_no_gap(fitted, direction, size):
    values = X.copy()
    values[40, 0] = size
    imputer = fitted[direction]
    assert_filled(values, imputer.transform(values))
    assert np.isfinite(imputer.impute_proba(values).std).all()


def unusual_tables():
    leading, trailing, empty_row, once = X.copy(), X.copy(), X.copy(), X.copy()
    leading[:30], trailing[-30:], empty_row[[10, 11]] = np.nan, np.nan, np.nan
    once[:, 1] = np.nan
    once[40, 1] = 3.0
    column = X.copy()
    column[:, 1] = np.nan
    return {
        "leading": leading,
        "trailing": trailing,
        "empty rows": empty_row,
        "a column seen once": once,
        "a column not seen": column,
        "a gap longer than a window": np.vstack([X[:5], np.full((150, 2), np.nan), X]),
        "nothing seen": np.full((20, 2), np.nan),
        "one row": X[:1],
        "one row, nothing seen": np.full((1, 2), np.nan),
        "no gaps": np.nan_to_num(X),
        "constant": np.where(GAPS, np.nan, 7.0),
    }


@pytest.mark.parametrize("name", unusual_tables())
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_transform_fills_every_gap(fitted, direction, name):
    values = unusual_tables()[name]
    imputer = fitted[direction]
    assert_filled(values, imputer.transform(values))
    mean, std = imputer.impute_proba(values)
    assert_filled(values, mean)
    gaps = np.isnan(values)
    assert (std[~gaps] == 0).all() and (std[gaps] > 0).all()
    assert np.isfinite(std).all()


@pytest.mark.parametrize(
    "name", ["leading", "trailing", "empty rows", "a column seen once", "constant"]
)
def test_fit_takes_unusual_tables(name):
    values = unusual_tables()[name]
    imputer = quick(window_length=12).fit(values)
    assert_filled(values, imputer.transform(values))
    assert np.isfinite(imputer.impute_interval(values)).all(axis=None)


@pytest.mark.parametrize("n_steps", [1, 2, 3, 5, 12])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"score_steps": "last"},
        {"score_steps": "last", "window_length": 10},
        {"direction": "decoupled", "window_length": 4},
        {"direction": "forward", "validation_fraction": None},
        {"window_length": 1},
        {"window_length": 30, "absence_pattern": "block"},
    ],
)
def test_short_tables(n_steps, params):
    values = waves(n_steps, seed=n_steps)
    values[0] = 1.0
    imputer = quick(max_epochs=1, **params).fit(values)
    assert_filled(X, imputer.transform(X))
    assert (imputer.impute_proba(X).std[GAPS] > 0).all()
    assert np.isfinite(imputer.impute_interval(X, [0.1, 0.99])).all(axis=None)


def test_a_table_with_a_single_value():
    values = np.full((20, 2), np.nan)
    values[3] = [1, 2]
    assert_filled(values, quick().fit_transform(values))


@pytest.mark.parametrize("n_columns", [1, 2, 6])
def test_many_rows(n_columns):
    values = waves(5000, n_columns)
    imputer = quick(max_epochs=1, refit=False, batch_size=1024, window_length=8)
    assert_filled(values, imputer.fit(values[:600]).transform(values))
    assert imputer.validation_error_.notna().all()
    assert np.isfinite(imputer.impute_interval(values)).all(axis=None)


def test_a_column_with_few_residuals_has_intervals():
    values = waves(400, 3)
    values[5:, 1] = np.nan
    imputer = quick(max_epochs=1).fit(values)
    assert (imputer.impute_proba(values).std[5:, 1] > 0).all()
    bounds = imputer.impute_interval(values)[1, 0.9]
    assert (bounds["lower"] < bounds["upper"])[5:].all()


def test_the_data_is_left_as_it_is():
    values, table = X.copy(), frame()
    quick().fit(values).impute_proba(values)
    quick().fit(table).transform(table)
    np.testing.assert_array_equal(values, X)
    pd.testing.assert_frame_equal(table, frame())
    values.setflags(write=False)
    assert_filled(values, quick().fit_transform(values))


# ---- frames --------------------------------------------------------------------------


def kinds():
    table = frame().reset_index(drop=True)
    count = np.arange(80)
    return table.assign(
        integer=count,
        unsigned=count.astype(np.uint8),
        flag=count % 2 == 0,
        single=X[:, 0].astype(np.float32),
        whole=pd.array(count, dtype="Int64"),
        holes=pd.array(np.where(count % 7 == 3, None, count), dtype="Int64"),
        Single=pd.array(np.where(count % 7 == 3, None, count / 2), dtype="Float32"),
        objects=pd.Series([None if i == 4 else i for i in count], dtype=object),
    )


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(80),
        pd.RangeIndex(100, 500, 5),
        pd.date_range("2024-01-01", periods=80, freq="h"),
        pd.date_range("2024-03-30", periods=80, freq="h", tz="Europe/Berlin"),
        pd.period_range("2024-01", periods=80, freq="M"),
        pd.Index([f"r{i}" for i in range(80)], name="row"),
        pd.Index(["same"] * 80),
        pd.Index(np.arange(80) / 7),
    ],
    ids=lambda index: f"{type(index).__name__}-{index.dtype}",
)
def test_a_frame_keeps_index_columns_and_dtypes(index):
    table = kinds().set_axis(index)
    imputer = quick(max_epochs=1).fit(table)
    filled = imputer.transform(table)
    pd.testing.assert_index_equal(filled.index, table.index)
    assert list(filled.columns) == list(table.columns)
    assert not filled.isna().any(axis=None)
    expected = table.dtypes.astype(str).to_dict()
    expected |= {"holes": "Float64", "objects": "float64"}
    assert filled.dtypes.astype(str).to_dict() == expected
    for name in table:
        seen = table[name].notna().to_numpy()
        assert (filled[name][seen] == table[name][seen]).all()
    std = imputer.impute_proba(table).std
    pd.testing.assert_index_equal(std.index, table.index)
    pd.testing.assert_index_equal(std.columns, table.columns)
    pd.testing.assert_index_equal(imputer.impute_interval(table).index, table.index)


def test_columns_keep_any_names():
    for names in ([5, 3], [("a", 1), ("b", 2)]):
        columns = pd.Index(names, name=None if isinstance(names[0], tuple) else "c")
        filled = quick(max_epochs=1).fit_transform(pd.DataFrame(X, columns=columns))
        pd.testing.assert_index_equal(filled.columns, columns)


def test_an_index_that_tells_no_time_counts_rows():
    expected = quick().fit_transform(pd.DataFrame(X, columns=["a", "b"]))
    for index in ([f"r{i}" for i in range(80)], ["same"] * 80, np.arange(80) / 7):
        filled = quick().fit_transform(expected.where(~GAPS).set_axis(index))
        np.testing.assert_allclose(filled, expected, atol=1e-5)


def test_times_count_not_rows():
    table = frame()
    row = int(np.flatnonzero(GAPS[:, 0])[5])
    imputer = quick().fit(table)
    before = imputer.transform(table)
    moved = table.index.to_series()
    moved.iloc[row] -= 0.9 * (moved.iloc[row] - moved.iloc[row - 1])
    after = imputer.transform(table.set_axis(pd.DatetimeIndex(moved)))
    assert abs(before.iloc[row, 0] - after.iloc[row, 0]) > 1e-3


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2030-05-05", periods=80, freq="h"),
        pd.date_range("2024-01-01", periods=80, freq="h", tz="America/Lima"),
    ],
)
def test_when_a_table_begins_does_not_count(index):
    imputer = quick().fit(frame())
    expected = imputer.transform(frame()).to_numpy()
    filled = imputer.transform(frame().set_axis(index))
    np.testing.assert_allclose(filled, expected, atol=1e-5)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_allclose(imputer.transform(X), expected, atol=1e-5)


# ---- series and panels ---------------------------------------------------------------


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_series_of_a_panel_do_not_mix(direction):
    table = panel(30, 45, 7)
    imputer = quick(direction=direction).fit(table)
    filled = imputer.transform(table)
    assert_filled(table, filled)
    pd.testing.assert_index_equal(filled.index, table.index)
    std = imputer.impute_proba(table).std
    for key in ("s0", "s1", "s2"):
        alone = table.loc[[key]]
        np.testing.assert_allclose(
            imputer.transform(alone), filled.loc[[key]], atol=1e-5
        )
        np.testing.assert_allclose(
            imputer.transform(table.loc[key]), filled.loc[[key]], atol=1e-5
        )
        np.testing.assert_allclose(
            imputer.impute_proba(alone).std, std.loc[[key]], atol=1e-5
        )


def test_rows_of_a_panel_in_another_order():
    table = panel(30, 30)
    imputer = quick().fit(table)
    order = np.argsort(np.tile(np.arange(30), 2), kind="stable")
    mixed = table.iloc[order]
    filled = imputer.transform(mixed)
    pd.testing.assert_index_equal(filled.index, mixed.index)
    np.testing.assert_allclose(filled, imputer.transform(table).iloc[order], atol=1e-5)
    np.testing.assert_allclose(
        imputer.impute_interval(mixed),
        imputer.impute_interval(table).iloc[order],
        atol=1e-5,
    )


def test_a_series_without_values_in_a_panel():
    table = panel(30, 30, 30)
    table.loc["s1"] = np.nan
    assert_filled(table, quick().fit_transform(table))


def test_panels_as_arrays():
    array = np.stack([waves(20, seed=i).T for i in range(3)])
    imputer = quick().fit(array)
    assert_filled(array, imputer.transform(array))
    mean, std = imputer.impute_proba(array)
    assert_filled(array, mean)
    assert std.shape == array.shape and ((std > 0) == np.isnan(array)).all()
    assert imputer.impute_interval(array).shape == (60, 4)
    alone = imputer.transform(array[1:2])
    np.testing.assert_allclose(alone[0], imputer.transform(array)[1], atol=1e-5)


def test_panels_as_lists():
    parts = [frame(n, seed=n) for n in (10, 25, 3)]
    imputer = quick().fit(parts)
    for before, after, std in zip(
        parts, imputer.transform(parts), imputer.impute_proba(parts).std, strict=True
    ):
        assert_filled(before, after)
        assert list(after.columns) == ["a", "b"]
        pd.testing.assert_index_equal(after.index, before.index, exact=False)
        np.testing.assert_array_equal(std > 0, before.isna())


def test_hierarchies():
    table = _make_hierarchical(
        (2, 2), n_columns=2, min_timepoints=15, max_timepoints=25, random_state=0
    )
    table.iloc[::4, 0] = np.nan
    imputer = quick().fit(table)
    filled, std = imputer.impute_proba(table)
    assert_filled(table, filled)
    for result in (filled, std, imputer.impute_interval(table)):
        pd.testing.assert_index_equal(result.index, table.index)


def test_panels_keep_dtypes():
    table = panel(20, 25).astype({"a": np.float32}).assign(n=np.arange(45))
    filled = quick().fit_transform(table)
    assert [str(kind) for kind in filled.dtypes] == ["float32", "float64", "int64"]
    pd.testing.assert_series_equal(filled["n"], table["n"])


@pytest.mark.parametrize("name", ["load", None])
def test_a_series(name):
    series = frame()["a"].rename(name)
    imputer = quick().fit(series)
    filled, std = imputer.impute_proba(series)
    for result in (filled, std, imputer.transform(series)):
        assert isinstance(result, pd.Series) and result.name == name
        pd.testing.assert_index_equal(result.index, series.index)
    assert_filled(series, filled)
    assert ((std > 0) == series.isna()).all()
    assert imputer.impute_interval(series).shape == (80, 2)


def test_series_of_other_dtypes_and_indices():
    single = frame()["a"].astype(np.float32)
    assert quick().fit_transform(single).dtype == np.float32
    holes = pd.Series(pd.array([1, None, 3, 5] * 10, dtype="Int64"))
    assert quick().fit_transform(holes).dtype == "Float64"
    named = single.set_axis([f"r{i}" for i in range(80)])
    pd.testing.assert_index_equal(quick().fit_transform(named).index, named.index)


def test_what_is_filled_need_not_be_what_was_fitted():
    assert_filled(panel(20, 9), quick().fit(frame()).transform(panel(20, 9)))
    assert_filled(frame(), quick().fit(panel(20, 30)).transform(frame()))
    array = np.stack([waves(20).T])
    assert_filled(array, quick().fit(panel(20, 30)).transform(array))


# ---- columns without values, and data that is refused --------------------------------


def test_a_column_never_observed_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r"no observed value in the column\(s\) b; .*"):
        quick().fit(frame().assign(b=np.nan))
    with pytest.raises(ValueError, match=r"column\(s\) 0; .*keep_empty_features=True"):
        quick().fit(np.where([True, False], np.nan, X))
    with pytest.raises(ValueError, match="no observed value at all"):
        quick(keep_empty_features=True).fit(frame() * np.nan)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_kept_empty_columns_are_filled_with_0(direction):
    table = frame().assign(b=np.nan)
    imputer = quick(keep_empty_features=True, direction=direction).fit(table)
    filled, std = imputer.impute_proba(table)
    assert (filled["b"] == 0).all() and (std["b"] == 0).all()
    assert (imputer.impute_interval(table)["b"] == 0).all(axis=None)
    assert np.isnan(imputer.validation_error_["b"])
    assert np.isfinite(imputer.score(table))
    # The rest is as without it, and values that come later stay.
    alone = quick(direction=direction).fit_transform(table[["a"]])
    np.testing.assert_allclose(filled["a"], alone["a"], atol=1e-6)
    expected = filled.assign(b=frame()["b"].fillna(0))
    pd.testing.assert_frame_equal(imputer.transform(frame()), expected)
    if direction != "coupled":
        assert (imputer.partial_transform(table)["b"] == 0).all()


def infinite():
    table = frame()
    table.iloc[7, 1] = np.inf
    many = panel(20, 20)
    many.iloc[7, 1] = -np.inf
    return [table, table["b"], many, [frame(), table]]


@pytest.mark.parametrize("number", range(4))
def test_infinite_values_are_refused_with_their_column(number):
    data = infinite()[number]
    with pytest.raises(ValueError, match="infinite values in the column 'b'"):
        quick().fit(data)
    known = data[:1] if isinstance(data, list) else data.replace([np.inf, -np.inf], 1)
    with pytest.raises(ValueError, match="infinite values in the column 'b'"):
        quick(max_epochs=1).fit(known).transform(data)


def test_infinite_values_of_arrays_are_refused(fitted):
    values = X.copy()
    values[3, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        quick().fit(values)
    with pytest.raises(ValueError, match="infinity"):
        fitted["coupled"].transform(values)
    with pytest.raises(ValueError, match="infinite values in the column 1"):
        quick().fit(values.T[None])


@pytest.mark.parametrize(
    "column",
    [
        "text",
        pd.Categorical(["x", "y"] * 40),
        pd.Timestamp("2024-01-01"),
        1j,
        pd.Series([1.0, "text"] * 40, dtype=object),
        pd.Series([1j] * 80, dtype=object),
    ],
    ids=["text", "categories", "times", "complex", "mixed", "complex objects"],
)
def test_what_is_no_number_is_refused_with_its_column(column):
    table = frame().reset_index(drop=True).assign(b=column)
    with pytest.raises((TypeError, ValueError), match="column 'b'"):
        quick().fit(table)
    with pytest.raises((TypeError, ValueError), match="column 'b'"):
        quick().fit(table["b"])
    with pytest.raises((TypeError, ValueError), match="column 'b'"):
        quick().fit(pd.concat([table, table], keys=["p", "q"]))


@pytest.mark.parametrize("data", [frame(), panel(20, 30)], ids=["frame", "panel"])
def test_other_columns_than_those_of_fit_are_refused(data):
    imputer = quick(max_epochs=1).fit(data)
    for wrong in (data[["b", "a"]], data[["a"]], data.rename(columns={"b": "z"})):
        with pytest.raises(ValueError, match="feature names should match"):
            imputer.transform(wrong)
        with pytest.raises(ValueError, match="feature names should match"):
            imputer.impute_proba(wrong)


def test_another_number_of_columns_is_refused(fitted):
    imputer = fitted["coupled"]
    for wrong in (X[:, :1], np.hstack([X, X]), X.T[None, :1], frame()["a"]):
        with pytest.raises(ValueError, match=r"X has \d features, but RNNImputer is"):
            imputer.transform(wrong)


def test_times_that_repeat_or_go_back_are_refused():
    table = frame()
    twice = table.set_axis(table.index[[0, *range(79)]])
    imputer = quick(max_epochs=1).fit(table)
    for wrong in (table[::-1], table.iloc[[0, 2, 1]]):
        for act in (quick().fit, imputer.transform):
            with pytest.raises(ValueError, match="must be in the order of time"):
                act(wrong)
    for wrong in (twice, table.set_axis([1] * 80)):
        for act in (quick().fit, imputer.transform):
            with pytest.raises(ValueError, match="X has the time .* more than once"):
                act(wrong)


def test_empty_tables_are_refused(fitted):
    for empty in (X[:0], pd.DataFrame(X[:0])):
        with pytest.raises(ValueError, match="minimum of 1 is required"):
            quick().fit(empty)
    with pytest.raises(ValueError, match="Expected 2D array"):
        fitted["coupled"].transform(X[:, 0])


# ---- parameters ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "a_choice"),
    [
        ("cell", "'gru'"),
        ("direction", "'decoupled'"),
        ("fusion", "'gated'"),
        ("absence_pattern", "'channel'"),
        ("loss", "'laplace_nll'"),
        ("score_steps", "'last'"),
        ("matching_schedule", "'rise'"),
        ("optimizer", "'adamw'"),
        ("schedule", "'plateau'"),
    ],
)
def test_unknown_choices_are_named_with_those_there_are(name, a_choice):
    with pytest.raises(ValueError, match=f"{name} must be one of .*{a_choice}.*'odd'"):
        quick(**{name: "odd"}).fit(X)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("absence_rate", 0, "above 0 and below 1"),
        ("absence_rate", 1.0, "above 0 and below 1"),
        ("absence_growth", 1.0, "at least 0 and below 1"),
        ("absence_spread", 0, "at least 1"),
        ("window_length", 0, "at least 1"),
        ("window_length", 2.5, "an integer"),
        ("hidden_size", 0, "at least 1"),
        ("max_epochs", 0, "at least 1"),
        ("patience", 0, "at least 1"),
        ("validation_fraction", 1.0, "below 1"),
        ("refit", "no", "True or False"),
        ("keep_empty_features", "no", "True or False"),
        ("warm_start", "no", "True or False"),
        ("lr", 0.0, "above 0"),
        ("cell_params", {"odd": 1}, "'odd'"),
        ("callbacks", 3, "a list"),
        ("device", "odd", "torch device"),
        ("random_state", "odd", "an integer"),
    ],
)
def test_values_that_cannot_be_are_refused(name, value, message):
    with pytest.raises((TypeError, ValueError), match=f"{name}.*{message}"):
        quick(**{name: value}).fit(X)


def test_observed_absence_needs_gaps():
    with pytest.raises(ValueError, match="absence_pattern is 'observed', but the data"):
        quick(absence_pattern="observed").fit(np.nan_to_num(X))


@pytest.mark.parametrize("pattern", ["point", "block", "channel", "observed", "mixed"])
@pytest.mark.parametrize("loss", ["blend", "mse", "gaussian_nll", "laplace_nll"])
def test_patterns_and_losses(pattern, loss):
    imputer = quick(absence_pattern=pattern, loss=loss, absence_growth=0.5)
    assert_filled(X, imputer.fit_transform(X))


# ---- repeatable, and alone -----------------------------------------------------------


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_same_seed_gives_the_same(direction):
    first, again, other = (
        quick(direction=direction, dropout=0.2, random_state=seed).fit(X)
        for seed in (1, 1, 2)
    )
    for results in zip(first.impute_proba(X), again.impute_proba(X), strict=True):
        np.testing.assert_array_equal(*results)
    assert (first.transform(X) != other.transform(X)).any()
    assert first.seed_ == 1


@pytest.mark.parametrize("seed", [None, 0, "generator"])
def test_global_generators_are_left_alone(seed):
    random_state = np.random.default_rng(0) if seed == "generator" else seed
    ours, torchs = np.random.get_state()[1].copy(), torch.get_rng_state()
    imputer = quick(dropout=0.2, direction="decoupled", random_state=random_state)
    imputer.fit(X).score(X)
    np.testing.assert_array_equal(np.random.get_state()[1], ours)
    assert torch.equal(torch.get_rng_state(), torchs)


def test_nothing_is_printed_unless_wanted(capfd):
    quick(direction="decoupled").fit(X).transform(X)
    assert capfd.readouterr() == ("", "")
    quick(verbose=1).fit(X)
    assert "valid_loss" in capfd.readouterr().out


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_pickles_and_copies_fill_alike(fitted, direction):
    imputer = fitted[direction]
    for other in (pickle.loads(pickle.dumps(imputer)), copy.deepcopy(imputer)):
        np.testing.assert_array_equal(other.transform(X), imputer.transform(X))


def test_a_clone_has_the_parameters_and_is_not_fitted(fitted):
    cloned = clone(fitted["decoupled"])
    assert cloned.get_params() == fitted["decoupled"].get_params()
    assert not cloned.is_fitted
    for method in ("transform", "impute_proba", "impute_interval", "score"):
        with pytest.raises(NotFittedError, match="has not been fitted yet"):
            getattr(cloned, method)(X)


# ---- how sure ------------------------------------------------------------------------


def test_proba_has_the_types_of_transform(fitted):
    single = X.astype(np.float32)
    for data in (X, single, X.tolist()):
        mean, std = fitted["coupled"].impute_proba(data)
        assert type(mean) is type(std) is np.ndarray
        assert mean.dtype == std.dtype == (np.float32 if data is single else float)
        np.testing.assert_array_equal(mean, fitted["coupled"].transform(data))
    for data in (frame(), panel(20, 30)):
        imputer = quick(max_epochs=1).fit(data)
        mean, std = imputer.impute_proba(data)
        pd.testing.assert_frame_equal(mean, imputer.transform(data))
        pd.testing.assert_index_equal(std.index, data.index)
        np.testing.assert_array_equal(std > 0, data.isna())


def test_intervals_nest_and_hold_what_was_observed(fitted):
    levels = [0.05, 0.5, 0.9, 0.99]
    bounds = fitted["coupled"].impute_interval(X, levels)
    assert list(bounds.columns) == [
        (column, level, bound)
        for column in (0, 1)
        for level in levels
        for bound in ("lower", "upper")
    ]
    table = bounds.to_numpy().reshape(*X.shape, len(levels), 2)
    assert (np.diff(table[..., 0], axis=-1) <= 0).all()
    assert (np.diff(table[..., 1], axis=-1) >= 0).all()
    assert (table[GAPS][:, 1:, 0] < table[GAPS][:, 1:, 1]).all()
    for side in range(2):
        for level in range(len(levels)):
            np.testing.assert_array_equal(table[..., level, side][~GAPS], X[~GAPS])


def test_the_interval_of_one_coverage_is_that_among_many(fitted):
    imputer = fitted["coupled"]
    many = imputer.impute_interval(X, [0.5, 0.8])
    one = imputer.impute_interval(X, coverage=0.8)
    pd.testing.assert_frame_equal(one, many.loc[:, pd.IndexSlice[:, 0.8]])


@pytest.mark.parametrize("coverage", [0, 1, 1.5, [], [0.5, 2]])
def test_coverages_are_between_0_and_1(fitted, coverage):
    with pytest.raises(ValueError, match="coverage must be between 0 and 1"):
        fitted["coupled"].impute_interval(X, coverage)


def test_intervals_hold_most_of_what_was_taken_away():
    truth = waves(300, share=0.0)
    holes = np.random.default_rng(1).random(truth.shape) < 0.2
    values = np.where(holes, np.nan, truth)
    bounds = quick(max_epochs=4).fit(values).impute_interval(values, 0.8)
    table = bounds.to_numpy().reshape(*truth.shape, 2)
    inside = (table[..., 0] <= truth) & (truth <= table[..., 1])
    assert 0.6 < inside[holes].mean() < 0.97


def test_units_are_those_of_the_columns():
    imputer = quick().fit(X)
    scaled = quick().fit(X * 1000 + 5)
    for small, large in (
        (imputer.transform(X) * 1000 + 5, scaled.transform(X * 1000 + 5)),
        (imputer.impute_proba(X).std * 1000, scaled.impute_proba(X * 1000 + 5).std),
        (imputer.validation_error_ * 1000, scaled.validation_error_),
        (imputer.score(X), scaled.score(X * 1000 + 5)),
    ):
        np.testing.assert_allclose(small, large, rtol=1e-3)


# ---- scores --------------------------------------------------------------------------


def test_the_score_is_a_repeatable_error_turned_round(fitted):
    imputer = fitted["coupled"]
    assert imputer.score(X) == imputer.score(X) < 0
    noise = np.random.default_rng(0).normal(size=X.shape)
    assert imputer.score(noise) < imputer.score(X)
    assert np.isfinite(quick().fit(panel(20, 30)).score(panel(9, 30)))
    with pytest.raises(ValueError, match="no observed value to score"):
        imputer.score(X * np.nan)


def test_the_score_of_observed_absence_needs_no_gaps():
    imputer = quick(absence_pattern="observed").fit(X)
    assert np.isfinite(imputer.score(np.nan_to_num(X)))


# ---- streams -------------------------------------------------------------------------


def in_pieces(imputer, data, sizes):
    """Fill rows as they arrive, `sizes` at a time, over and over."""
    imputer.reset_stream()
    parts, at = [], 0
    while at < len(data):
        size = sizes[len(parts) % len(sizes)]
        parts.append(np.asarray(imputer.partial_transform(data[at : at + size])))
        at += size
    return np.concatenate(parts)


@pytest.mark.parametrize("sizes", [[1], [3, 7], [100]])
def test_a_stream_equals_the_table_at_once(streaming, sizes):
    forward, decoupled = streaming["forward"], streaming["decoupled"]
    expected = forward.transform(X)
    np.testing.assert_allclose(in_pieces(forward, X, sizes), expected, atol=1e-5)
    at_once = decoupled.reset_stream().partial_transform(X)
    assert_filled(X, at_once)
    np.testing.assert_allclose(in_pieces(decoupled, X, sizes), at_once, atol=1e-5)


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(1000, 1080),
        pd.date_range("2024-01-01", periods=80, freq="h"),
        pd.DatetimeIndex(np.cumsum(np.arange(80) % 5 + 1) * 10**9),
        pd.period_range("2024-01", periods=80, freq="M"),
        pd.Index([f"r{i}" for i in range(80)]),
    ],
    ids=lambda index: type(index).__name__,
)
def test_streams_of_frames(index):
    table = frame().set_axis(index)
    imputer = quick(direction="forward").fit(table)
    expected = imputer.transform(table)
    np.testing.assert_allclose(in_pieces(imputer, table, [3]), expected, atol=1e-5)
    first = imputer.reset_stream().partial_transform(table[:5])
    pd.testing.assert_index_equal(first.index, table.index[:5])
    assert list(first.columns) == ["a", "b"]


@pytest.mark.parametrize(
    "index",
    [pd.RangeIndex(1000, 1080), pd.date_range("2024-01-01", periods=80, freq="h")],
    ids=lambda index: type(index).__name__,
)
def test_rows_of_an_array_follow_each_other_wherever_fit_began(index):
    imputer = quick(direction="forward").fit(pd.DataFrame(X, index))
    expected = imputer.transform(X)
    np.testing.assert_allclose(in_pieces(imputer, X, [1, 4]), expected, atol=1e-5)


def test_streams_of_a_series():
    series = frame()["a"]
    imputer = quick(direction="forward").fit(series)
    first = imputer.partial_transform(series[:30])
    assert isinstance(first, pd.Series) and first.name == "a"
    np.testing.assert_allclose(first, imputer.transform(series)[:30], atol=1e-5)


def test_a_fill_in_real_time_knows_nothing_of_later_rows(fitted, streaming):
    changed = X.copy()
    changed[50:] = 5.0
    before = fitted["forward"].transform(X)
    np.testing.assert_array_equal(
        before[:50], fitted["forward"].transform(changed)[:50]
    )
    decoupled = streaming["decoupled"]
    whole = decoupled.partial_transform(X)
    again = decoupled.reset_stream().partial_transform(changed)
    np.testing.assert_array_equal(whole[:50], again[:50])
    assert (whole != fitted["decoupled"].transform(X)).any()


def test_a_stream_goes_on_in_a_pickle(streaming):
    imputer = streaming["forward"]
    imputer.partial_transform(X[:30])
    other = pickle.loads(pickle.dumps(imputer))
    np.testing.assert_array_equal(
        imputer.partial_transform(X[30:]), other.partial_transform(X[30:])
    )


def test_transform_and_scores_leave_the_stream_alone(streaming):
    imputer = streaming["forward"]
    expected = imputer.transform(X)
    imputer.partial_transform(X[:30])
    imputer.transform(X[::-1])
    imputer.score(X)
    np.testing.assert_allclose(
        imputer.partial_transform(X[30:]), expected[30:], atol=1e-5
    )


def test_rows_that_do_not_follow_are_refused():
    table = frame()
    imputer = quick(direction="forward").fit(table)
    imputer.partial_transform(table[:30])
    with pytest.raises(ValueError, match="begin at .*not later than the last row"):
        imputer.partial_transform(table[29:35])
    with pytest.raises(ValueError, match="kind Index, that of `fit` .*DatetimeIndex"):
        imputer.partial_transform(table[30:].reset_index(drop=True))
    # What was refused has changed nothing.
    rest = imputer.partial_transform(table[30:])
    np.testing.assert_allclose(rest, imputer.transform(table)[30:], atol=1e-5)
    imputer.reset_stream().partial_transform(table[:5])


def test_streams_that_cannot_be_are_refused(fitted, streaming):
    with pytest.raises(ValueError, match="direction='coupled' reads what comes after"):
        fitted["coupled"].partial_transform(X)
    nameless = panel(20, 30).set_axis([0, 1], axis=1)
    for many in (X.T[None], [pd.DataFrame(X)], nameless):
        with pytest.raises(ValueError, match="the rows of one series, not panels"):
            streaming["forward"].partial_transform(many)
    with pytest.raises(NotFittedError, match="has not been fitted yet"):
        quick(direction="forward").partial_transform(X)


def test_fit_begins_a_new_stream():
    imputer = quick(direction="forward").fit(X)
    first = imputer.partial_transform(X)
    np.testing.assert_array_equal(imputer.fit(X).partial_transform(X), first)


# ---- training ------------------------------------------------------------------------


def test_losses_are_recorded():
    imputer = quick(max_epochs=3).fit(X)
    assert imputer.teacher_history_ is None
    assert len(imputer.history_) == 3
    assert np.isfinite(imputer.history_[:, ("train_loss", "valid_loss")]).all()
    assert imputer.max_epochs_ == 3 and imputer.batch_size_ >= 1
    assert 1 <= imputer.window_length_ <= 80
    assert list(imputer.validation_error_.index) == [0, 1]
    assert (imputer.validation_error_ > 0).all()


def test_both_parts_of_a_decoupled_training_are_recorded():
    imputer = quick(direction="decoupled", max_epochs=3).fit(X)
    assert len(imputer.history_) == len(imputer.teacher_history_) == 3
    assert (
        imputer.history_[:, "train_loss"] != imputer.teacher_history_[:, "train_loss"]
    )


def test_a_refit_learns_from_all_rows():
    first = quick(refit=False).fit(X)
    second = quick(refit=True).fit(X)
    assert first.history_[:, "valid_loss"] == second.history_[:, "valid_loss"]
    assert (first.transform(X) != second.transform(X)).any()
    assert len(first.net_.history_) == 2


@pytest.mark.parametrize("fraction", [None, 0])
@pytest.mark.parametrize("direction", ["coupled", "decoupled"])
def test_without_a_validation_part(direction, fraction):
    imputer = quick(validation_fraction=fraction, direction=direction).fit(X)
    assert "valid_loss" not in imputer.history_[-1]
    assert imputer.validation_error_.notna().all()
    assert (imputer.impute_proba(X).std[GAPS] > 0).all()


def test_without_patience_all_epochs_are_run():
    count = Batches()
    quick(patience=None, max_epochs=6, refit=False, lr=1.0, callbacks=[count]).fit(X)
    assert count.epochs == 6
    stopped = quick(patience=1, max_epochs=60, lr=0.5, refit=False).fit(X)
    assert len(stopped.history_) < 60


class Batches(Callback):
    epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.epochs += 1


def test_divergence_keeps_the_net():
    imputer = quick(loss="mse", lr=1e30, gradient_clip=None, optimizer="sgd")
    with pytest.raises(DivergenceError, match="Lower lr"):
        imputer.fit(X)
    assert imputer.net_.module_ is not None and not imputer.is_fitted


def test_weights_are_counted(fitted):
    counts = fitted["decoupled"].count_parameters()
    assert counts["total"] == sum(counts.values()) - counts["total"]
    assert fitted["forward"].count_parameters()["teacher"] == 0


def test_warm_start_goes_on():
    imputer = quick(warm_start=True).fit(X)
    before = imputer.transform(X)
    still = {"max_epochs": 1, "lr": 1e-12}
    np.testing.assert_allclose(
        imputer.set_params(**still).fit(X).transform(X), before, atol=1e-6
    )
    assert (quick(**still).fit_transform(X) != before).any()


def test_warm_start_refuses_another_architecture():
    imputer = quick(warm_start=True).fit(X)
    for params in ({"hidden_size": 5}, {"direction": "forward"}, {"cell": "lstm"}):
        before = {name: getattr(imputer, name) for name in params}
        (name,) = params
        with pytest.raises(ValueError, match=f"{name} is .*the network to go on from"):
            imputer.set_params(**params).fit(X)
        imputer.set_params(**before)
    with pytest.raises(ValueError, match="n_features_in_ is 1"):
        imputer.fit(X[:, :1])
    empty = np.where([True, False], np.nan, X)
    with pytest.raises(ValueError, match=r"columns with values is \[1\]"):
        imputer.set_params(keep_empty_features=True).fit(empty)


def test_warm_start_outlives_a_fit_that_was_refused():
    imputer = quick(warm_start=True).fit(X)
    before = imputer.transform(X)
    for _ in range(2):
        with pytest.raises(ValueError, match="lr must be"):
            imputer.set_params(lr=-1.0).fit(X)
    imputer.set_params(lr=1e-12, max_epochs=1).fit(X)
    np.testing.assert_allclose(imputer.transform(X), before, atol=1e-6)


def test_without_warm_start_fit_begins_anew():
    imputer = quick().fit(np.roll(X, 20, axis=0))
    np.testing.assert_array_equal(imputer.fit(X).transform(X), quick().fit_transform(X))


def named_frames():
    rng = np.random.default_rng(2)
    days = pd.date_range("2024-01-01", periods=20)
    values = rng.normal(size=(3, 20, 2)) * [1, 9]
    values[:, 4:7, 0] = np.nan
    return [pd.DataFrame(one, days, ["flow", "heat"]) for one in values]


def test_columns_of_listed_frames_are_matched_by_name():
    frames = named_frames()
    turned = [frame[["heat", "flow"]] for frame in frames]
    nested = pd.DataFrame({c: [f[c] for f in frames] for c in ("heat", "flow")})
    fitted = RNNImputer(hidden_size=2, max_epochs=1, random_state=0).fit(frames)
    right = fitted.transform(frames)
    for X in (turned, [frames[0], *turned[1:]]):
        for found, given, wanted in zip(fitted.transform(X), X, right, strict=True):
            pd.testing.assert_frame_equal(
                found, wanted[given.columns], check_freq=False
            )
    assert fitted.score(turned) == fitted.score(frames)
    filled = fitted.transform(nested)
    assert filled.columns.tolist() == ["heat", "flow"]
    np.testing.assert_array_equal(filled["flow"][1], right[1]["flow"])
    with pytest.raises(ValueError, match="'flow' missing; 'cold' unknown"):
        fitted.transform([frame.rename(columns={"flow": "cold"}) for frame in frames])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f[::-1], "time steps and must be in the order of time"),
        (lambda f: f.set_axis(["a", "a"], axis=1), "more than one column .* 'a'"),
    ],
)
def test_frames_out_of_order_or_with_two_columns_of_one_name(change, message):
    frames = [change(frame) for frame in named_frames()]
    for X in (frames, frames[0], pd.concat(dict(enumerate(frames)))):
        with pytest.raises(ValueError, match=message):
            RNNImputer(max_epochs=1).fit(X)


def test_a_constant_column_is_filled_with_its_value():
    table = pd.DataFrame({"a": np.full(30, 7.0), "b": np.sin(np.arange(30.0))})
    table.loc[10:12] = np.nan
    fitted = RNNImputer(hidden_size=2, max_epochs=1, random_state=0).fit(table)
    assert (fitted.transform(table)["a"] == 7.0).all()
    bounds = fitted.impute_interval(table)["a"].to_numpy()
    assert (bounds[:, 0] <= 7.0).all() and (7.0 <= bounds[:, 1]).all()
    moved = table.assign(a=table["a"] + (table.index > 20))
    assert (fitted.transform(moved)["a"][10:13] != 7.0).all()


def test_a_level_does_not_change_fills():
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(60) / 3)[:, None] + rng.normal(size=(60, 2)) * 0.1
    wave[20:24, 0] = np.nan
    fills = {}
    for level in (0.0, 10.0):
        table = pd.DataFrame(wave * 2.0**-34 + level)
        imputer = RNNImputer(hidden_size=2, max_epochs=1, random_state=0)
        fills[level] = (imputer.fit_transform(table) - level) * 2.0**34
    np.testing.assert_allclose(fills[10.0], fills[0.0], atol=2e-4)
