"""Sequences: reading every form they come in, merging repeats, step answers."""

import numpy as np
import pandas as pd
import pytest

from sklrnn.data.labels import (
    check_samples,
    match_steps,
    read_labels,
    read_values,
    restore_steps,
)
from sklrnn.data.sequences import (
    Sequences,
    flat_sequences,
    is_flat,
    merge_repeats,
    read_sequences,
    rows_of,
)

RNG = np.random.default_rng(0)
PANEL = RNG.normal(size=(4, 2, 5))


def as_frames(panel):
    return [pd.DataFrame(one.T, columns=["a", "b"]) for one in panel]


FORMS = {
    "array": PANEL,
    "list of arrays": list(PANEL),
    "list of frames": as_frames(PANEL),
    "MultiIndex": pd.concat(dict(enumerate(as_frames(PANEL)))),
    "nested": pd.DataFrame(
        {name: [pd.Series(one[i]) for one in PANEL] for i, name in enumerate("ab")}
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_read_the_same(form):
    assert not is_flat(FORMS[form])
    sequences = read_sequences(FORMS[form])
    assert sequences.lengths.tolist() == [5] * 4
    np.testing.assert_array_equal(
        sequences.values, np.concatenate([one.T for one in PANEL])
    )


def test_rows_of_a_table_are_sequences():
    table = PANEL[:, 0]
    for X in (table, table.tolist(), pd.DataFrame(table)):
        assert is_flat(X)
    sequences = flat_sequences(table)
    for part, row in zip(sequences.split(), table, strict=True):
        np.testing.assert_array_equal(part[:, 0], row)


def test_lists_of_unequal_lengths():
    X = [[1.0, 2.0], [3.0], [4.0, 5.0, 6.0]]
    assert not is_flat(X)
    sequences = read_sequences(X)
    assert sequences.lengths.tolist() == [2, 1, 3]
    assert sequences.values.ravel().tolist() == [1, 2, 3, 4, 5, 6]
    assert sequences.starts.tolist() == [0, 2, 3]


def test_take_keeps_sequences_whole():
    sequences = read_sequences([np.full(n, float(n)) for n in (3, 1, 4, 2)])
    taken = sequences.take(np.array([2, 0, 2]))
    assert taken.lengths.tolist() == [4, 3, 4]
    assert taken.values.ravel().tolist() == [4] * 4 + [3] * 3 + [4] * 4


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([], ValueError, "holds 0 sequence"),
        ([[1.0], []], ValueError, "sequence 1 of X has no steps"),
        ([np.ones((2, 3)), np.ones((3, 3))], ValueError, "sequence 1 of X has 3 chan"),
        ([[1.0], [np.inf, 2.0]], ValueError, "sequence 1 of X has infinite"),
        (np.full((2, 1, 3), np.inf), ValueError, "X has infinite"),
        ([["a", "b"], ["c"]], TypeError, "sequence 0 of X"),
        ([np.ones((1, 1, 1))], ValueError, "has 3 dimensions"),
        (np.empty((0, 1, 3)), ValueError, "minimum of 1"),
    ],
)
def test_bad_sequences(X, error, message):
    with pytest.raises(error, match=message):
        read_sequences(X)


def test_nested_channels_of_unequal_lengths():
    X = pd.DataFrame({"a": [pd.Series([1.0, 2.0])], "b": [pd.Series([1.0])]})
    with pytest.raises(ValueError, match="equally long"):
        read_sequences(X)


def test_rows_of_tells_what_was_observed():
    sequences = read_sequences([[1.0, np.nan, 3.0], [np.nan, 2.0]])
    rows = rows_of(sequences, masked=True)
    assert rows[:, 0].tolist() == [1, 1, 3, 0, 2]  # nothing leaks between sequences
    assert rows[:, 1].tolist() == [1, 0, 1, 0, 1]
    assert rows_of(sequences, masked=False).shape == (5, 1)


def test_repeats_are_merged_whatever_their_order():
    X = RNG.normal(size=(6, 4))
    y = np.array([0, 1, 0, 1, 1, 0])
    weights = np.array([1, 2, 0, 3, 1, 1])
    index, merged = merge_repeats(flat_sequences(X), y, weights)
    assert sorted(index) == [0, 1, 3, 4, 5]
    assert sorted(merged) == [1, 1, 1, 2, 3]
    again = np.repeat(np.arange(6), weights)[::-1]
    index2, merged2 = merge_repeats(flat_sequences(X[again]), y[again], again >= 0)
    np.testing.assert_array_equal(X[again][index2], X[index])
    np.testing.assert_array_equal(merged2, merged)


def test_equal_sequences_with_other_answers_stay_apart():
    index, _ = merge_repeats(flat_sequences(np.ones((3, 2))), np.arange(3), np.ones(3))
    assert len(index) == 3


def test_answers_come_back_as_the_sequences_came():
    frame = FORMS["MultiIndex"].sample(frac=1.0, random_state=0).sort_index(level=1)
    sequences = read_sequences(frame)
    values = sequences.values[:, 0]
    found = restore_steps(values, sequences, frame)
    pd.testing.assert_series_equal(found, frame["a"], check_names=False)
    both = restore_steps(sequences.values, sequences, frame)
    np.testing.assert_array_equal(both, frame)
    sequences = read_sequences(PANEL)
    np.testing.assert_array_equal(
        restore_steps(sequences.values, sequences, PANEL), PANEL
    )
    parts = restore_steps(sequences.values[:, 0], sequences, list(PANEL))
    np.testing.assert_array_equal(parts, PANEL[:, 0])


def test_labels_of_every_form():
    labels = np.array([["a", "b"], ["b", "c"]])
    lengths = np.array([2, 2])
    index = pd.MultiIndex.from_product([[0, 1], [0, 1]])
    for y in (labels, labels.tolist(), pd.Series(labels.ravel(), index=index)):
        assert read_labels(y, lengths).tolist() == ["a", "b", "b", "c"]
    missing = read_labels([["a", None], ["b", "c"]], lengths)
    assert pd.isna(missing).tolist() == [False, True, False, False]


def test_values_of_every_form():
    lengths = np.array([5, 5, 5, 5])
    several, flat = read_values(PANEL, lengths)
    assert several.shape == (20, 2) and not flat
    one, flat = read_values(PANEL[:, 0], lengths)
    assert one.shape == (20, 1) and flat
    one, flat = read_values([[1.0], [2.0, 3.0]], np.array([1, 2]))
    assert one.ravel().tolist() == [1, 2, 3] and flat


@pytest.mark.parametrize("read", [read_labels, read_values])
def test_wrong_number_of_answers(read):
    with pytest.raises(ValueError, match="y has 1 answers for sequence 1"):
        read([[1.0, 2.0], [1.0]], np.array([2, 2]))
    with pytest.raises(ValueError, match="for 1 sequences, X has 2"):
        read([[1.0, 2.0]], np.array([2, 2]))


def test_sequences_know_where_they_start():
    assert Sequences(np.zeros((3, 1)), np.array([1, 2])).starts.tolist() == [0, 1]


DAYS = pd.date_range("2024-01-01", periods=5)
DATED = [frame.set_axis(DAYS) for frame in as_frames(PANEL)]
NESTED = pd.DataFrame({name: [frame[name] for frame in DATED] for name in "ab"})
UNSORTED = {
    "list of frames": [DATED[0], DATED[1][::-1]],
    "list of Series": [DATED[0]["a"][::-1]],
    "MultiIndex": pd.concat(dict(enumerate(DATED)))[::-1],
    "nested": NESTED.map(lambda cell: cell[::-1]),
    "integers": [frame.reset_index(drop=True)[::-1] for frame in DATED],
}


@pytest.mark.parametrize("form", UNSORTED)
def test_steps_that_are_not_in_the_order_of_time(form):
    with pytest.raises(ValueError, match="time steps and must be in the order of time"):
        read_sequences(UNSORTED[form])


def test_channels_of_other_times():
    later = NESTED.assign(b=NESTED["b"].map(lambda one: one.set_axis(DAYS + DAYS.freq)))
    with pytest.raises(ValueError, match="channels in row 0 of X have different times"):
        read_sequences(later)


def test_answers_are_put_into_the_order_of_the_steps():
    panel = pd.concat(dict(enumerate(DATED)))
    y = panel["a"]
    lengths = np.full(4, 5)
    shuffled = y.sample(frac=1, random_state=0)
    for X, answers in [
        (panel, shuffled),
        (panel, [y.loc[k][::-1] for k in range(4)]),
        (DATED, [y.loc[k][::-1] for k in range(4)]),
        (list(PANEL), [y.loc[k] for k in range(4)]),
        (list(PANEL), y),
    ]:
        found = read_values(match_steps(answers, X), lengths)[0]
        np.testing.assert_array_equal(found[:, 0], PANEL[:, 0].ravel())
    table = pd.DataFrame(PANEL[:, 0])
    turned = match_steps(table[[4, 3, 2, 1, 0]], table)
    assert turned.columns.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: None, "requires y to be passed, but the target y is None"),
        (
            lambda y: y.rename(index={3: 7}, level=0),
            r"no answer for the row .*3.*, Time",
        ),
        (lambda y: pd.concat([y, y[:1]]), "21 rows where X has 20, or some twice"),
        (
            lambda y: [y.loc[k].set_axis(DAYS + DAYS.freq) for k in range(4)],
            "no answer for the time 2024-01-01 00:00:00 of sequence 0",
        ),
    ],
)
def test_answers_of_other_steps(change, message):
    panel = pd.concat(dict(enumerate(DATED)))
    with pytest.raises(ValueError, match=message):
        match_steps(change(panel["a"]), panel)


def test_answers_out_of_order_to_steps_without_times():
    y = pd.concat(dict(enumerate(DATED)))["a"]
    for answers in (y[::-1], [y.loc[k][::-1] for k in range(4)]):
        with pytest.raises(ValueError, match="must be in the order of time"):
            match_steps(answers, list(PANEL))


def test_samples_in_another_order():
    panel = pd.concat(dict(zip("bcad", DATED, strict=True)))
    y = pd.Series(range(4), index=list("bcad"))
    check_samples(y, panel)
    check_samples(y.reset_index(drop=True), panel)
    check_samples(y[::-1], list(PANEL))
    with pytest.raises(ValueError, match="sample 0 is 'b' in X and 'd' in y"):
        check_samples(y[::-1], panel)
