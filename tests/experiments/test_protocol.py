import numpy as np
import pandas as pd
import pytest

from sklrnn.experiments import protocol as rules


def split(table, **changes):
    shape = {"window_length": 8, "n_after": 4, "stride": 2} | changes
    return rules.split(table, **shape)


def test_the_split_is_chronological(table):
    found = split(table)
    assert (found.n_train, found.n_learned) == (240, 320)
    assert found.validation_fraction == 0.25
    assert found.ends[0] >= 320 and found.ends[-1] < 400 - 4
    assert (np.diff(found.ends) >= 2).all()
    known = table.to_numpy()[:240]
    train = found.values[:240]
    assert np.nanmean(train, axis=0) == pytest.approx(0, abs=1e-12)
    assert np.nanstd(train, axis=0) == pytest.approx(1)
    assert (np.isnan(train) == np.isnan(known)).all()


def test_rows_without_values_do_not_count(table):
    holes = table.copy()
    holes.iloc[:100] = np.nan
    assert split(holes).n_train == 100 + 180


def test_windows_end_at_what_is_scored(table):
    found = split(table)
    np.testing.assert_array_equal(found.whole[:, 7], found.truth)
    assert found.whole.shape == (len(found.ends), 12, 3)
    scored = ~np.isnan(found.truth)
    assert found.removed[:, 7][scored].all()
    assert np.isnan(found.seen[:, 7]).all()
    # Elsewhere, too, but not everywhere; nothing that was not there.
    share = found.removed[:, :7].mean()
    assert 0.02 < share < 0.5
    assert not (found.removed & np.isnan(found.whole)).any()


def test_masks_are_fixed(table):
    np.testing.assert_array_equal(split(table).removed, split(table).removed)


def test_most_windows(table):
    long = pd.concat([table] * 40, ignore_index=True)
    assert 500 < len(split(long, stride=None).ends) <= 1000


def test_scores():
    error = np.array([[1.0, 3.0], [np.nan, -1.0]])
    assert rules.score(error) == pytest.approx(
        {"micro_mse": 11 / 3, "macro_mse": 3, "micro_mae": 5 / 3, "macro_mae": 1.5}
    )
    assert np.isnan(rules.score(np.full((2, 2), np.nan))["micro_mse"])


def test_gap_lengths():
    unseen = np.array([[0, 1, 1, 0, 1, 0], [1, 1, 1, 1, 1, 1]], dtype=bool)[..., None]
    assert rules.gap_lengths(unseen, 2).ravel().tolist() == [2, 6]
    assert rules.gap_lengths(unseen, 4).ravel().tolist() == [1, 6]
    assert rules.gap_lengths(unseen, 3).ravel().tolist() == [0, 6]
    assert rules.gap_lengths(unseen[:, :3], 2).ravel().tolist() == [2, 3]


def test_gap_scores():
    error, gap = np.array([[1.0, 2.0, 3.0]]), np.array([[1, 3, 20]])
    found = {row["from"]: row for row in rules.gap_scores(error, gap)}
    assert found[1] == {"from": 1, "entries": 1, "micro_mse": 1.0}
    assert found[2]["micro_mse"] == 4.0 and found[16]["micro_mse"] == 9.0
    assert found[4] == {"from": 4, "entries": 0, "micro_mse": None}


def test_naive_answers(table):
    found = split(table)
    naive = rules.naive_errors(found)
    assert len(naive) == 6
    values = pd.DataFrame(found.values)
    last = values.ffill().to_numpy()[found.ends - 1]
    np.testing.assert_allclose(
        naive["prediction", "last value"]["online"], last - found.truth
    )
    np.testing.assert_allclose(naive["prediction", "mean"]["online"], -found.truth)
    linear = naive["reconstruction", "linear interpolation"]["offline"]
    for i, seen in enumerate(found.seen):
        filled = pd.DataFrame(seen).interpolate(limit_direction="both").fillna(0.0)
        np.testing.assert_allclose(linear[i], filled.to_numpy()[7] - found.truth[i])
    # What is removed is scored, nothing else.
    removed = naive["reconstruction", "last value"]["removed"]
    np.testing.assert_array_equal(~np.isnan(removed), found.removed[:, :8])


def test_linear_interpolation_beats_the_others_on_waves(table):
    naive = rules.naive_errors(split(table))
    mse = {
        name: rules.score(errors.get("offline", errors.get("online")))["micro_mse"]
        for (task, name), errors in naive.items()
        if task == "reconstruction"
    }
    assert mse["linear interpolation"] < mse["last value"] < mse["mean"]


# ---- loading ------------------------------------------------------------------------


def test_files_and_tables_are_read_alike(table, tmp_path):
    table.to_csv(tmp_path / "t.csv")
    table.to_parquet(tmp_path / "t.parquet")
    grids = [
        rules.load(data)[0]
        for data in (table, tmp_path / "t.csv", str(tmp_path / "t.parquet"))
    ]
    for grid in grids:
        pd.testing.assert_frame_equal(grid, table, check_freq=False)


def test_times_that_are_left_out_are_missing_values(table):
    grid, lines = rules.load(table.drop(table.index[10:15]))
    assert len(grid) == 400 and grid[10:15].isna().all(axis=None)
    assert 'column "time"' in lines[0]


def test_integer_times(table):
    numbered = table.set_axis(pd.Index(range(7, 407), name="step"))
    grid, _ = rules.load(numbered, start=10, end=300)
    assert (grid.index[0], grid.index[-1]) == (10, 300)
    assert list(grid) == ["a", "b", "sum"]


def test_period(table):
    grid, _ = rules.load(table, start="2024-01-03", end="2024-01-04 05:00")
    assert len(grid) == 30
    with pytest.raises(ValueError, match="0 rows from 2030 to None; the table goes f"):
        rules.load(table, start="2030")
    with pytest.raises(ValueError, match="end must be a date, got 'soon'"):
        rules.load(table, end="soon")


def test_columns(table):
    with_words = table.assign(site="x", site2="y")
    grid, lines = rules.load(with_words, columns=["sum", "a"])
    assert list(grid) == ["sum", "a"]
    assert lines[1] == "left out: b, site, site2"
    with pytest.raises(ValueError, match='the column "site" is not numeric'):
        rules.load(with_words, columns=["site"])
    with pytest.raises(ValueError, match='no column "summ"; did you mean "sum"'):
        rules.load(with_words, columns="summ")
    with pytest.raises(ValueError, match='"a" is named more than once'):
        rules.load(with_words, columns=["a", "a"])


def test_a_column_without_value_where_it_is_learned(table):
    late = table.copy()
    late.loc[late.index[:300], "b"] = np.nan
    grid, lines = rules.load(late)
    assert list(grid) == ["a", "sum"]
    assert lines[1] == "left out: b, which has no value in the training part"
    named, _ = rules.load(late, columns=["a", "b"])
    with pytest.raises(ValueError, match='"b" has no value in the training part'):
        split(named)


def test_too_little_data(table):
    with pytest.raises(ValueError, match="has 8 windows to score, and at least 20"):
        split(table, stride=10)
    with pytest.raises(ValueError, match="window_length is 130, but the training"):
        split(table, window_length=130)
    with pytest.raises(ValueError, match="30 rows with a value"):
        split(table[:30])


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        (3, TypeError, "a DataFrame, a path or 'compressor', got int"),
        ("no.csv", ValueError, 'no file "no.csv" .the bundled data is called'),
        ("no.parquet", ValueError, 'there is no file "no.parquet"'),
        (__file__.replace(".py", ".py"), ValueError, "CSV table"),
    ],
)
def test_what_cannot_be_read(data, error, match):
    with pytest.raises(error, match=match):
        rules.load(data)


def test_what_is_no_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="is not a Parquet table"):
        rules.load(path)


def test_panels_are_refused(table):
    with pytest.raises(TypeError, match="must be one series"):
        rules.load(pd.concat({"x": table, "y": table}))
