import numpy as np
import pytest
import torch

from sklrnn.data.absence import AbsenceDiffusion
from sklrnn.data.surroundings import describe
from sklrnn.imputation import corruption
from sklrnn.imputation.corruption import (
    GapWindows,
    TrainingWindows,
    remove,
    tile,
    validation_windows,
)
from sklrnn.imputation.tables import TimedSeries

LENGTH, N_COLUMNS = 12, 2
SHAPE = {
    "window_length": LENGTH,
    "both_sides": True,
    "device": "cpu",
    "companions": None,
}


def absence(pattern="mixed", rate=0.5):
    return AbsenceDiffusion(pattern, rate, LENGTH)


def series(*lengths, share=0.2, seed=0):
    """Series whose entries tell where they are: 1000 i + 10 t + c."""
    rng = np.random.default_rng(seed)
    made = []
    for i, n in enumerate(lengths):
        values = 1000.0 * i + 10 * np.arange(n)[:, None] + np.arange(N_COLUMNS)
        values[rng.random(values.shape) < share] = np.nan
        values[0, 0] = 1000.0 * i
        made.append(TimedSeries(values, np.arange(n) * 1.0))
    return made


def training(parts, last_step=False, growth=0.0, seed=0, **changes):
    return TrainingWindows(
        parts,
        changes.pop("absence", absence()),
        last_step=last_step,
        growth=growth,
        seed=seed,
        **SHAPE | changes,
    )


def batch(windows, index=None):
    index = torch.arange(len(windows)) if index is None else index
    inputs, (target, scored) = windows.gather(index)
    return inputs["rows"], inputs.get("lengths"), target, scored


def mask_channels(rows):
    """The mask as both sides have it."""
    return [side[..., N_COLUMNS : 2 * N_COLUMNS] for side in rows.chunk(2, dim=-1)]


def places(target, scored):
    """Which entries are scored: (series, step, column)."""
    number = target[scored].round().int()
    return {(n // 1000, n % 1000 // 10, n % 10) for n in number.tolist()}


# ---- tiles ---------------------------------------------------------------------------


@pytest.mark.parametrize("window_length", [1, 2, 3, 4, 7, 12, 48])
def test_tiles_cover_every_step_once_and_in_order(window_length):
    for n_steps in (*range(1, 80), 333, 1000):
        starts, low, high = tile(n_steps, window_length)
        assert (starts >= 0).all() and (low < high).all()
        assert (starts + min(window_length, n_steps) <= n_steps).all()
        assert (high <= window_length).all()
        counted = [np.arange(*c) for c in zip(starts + low, starts + high, strict=True)]
        np.testing.assert_array_equal(np.concatenate(counted), np.arange(n_steps))


def test_inner_steps_count_where_a_window_knows_both_their_sides():
    starts, low, high = tile(200, 20)
    assert (low[1:] >= 5).all() and (high[:-1] <= 15).all()


# ---- what is removed -----------------------------------------------------------------


def test_observed_entries_alone_are_removed():
    parts = series(50, 5, 80, share=0.5)
    gone = remove(parts, absence(), LENGTH, 1.0, np.random.default_rng(0))
    for one, removed in zip(parts, gone, strict=True):
        assert removed.shape == one.values.shape
        assert not (removed & np.isnan(one.values)).any()
    assert any(removed.any() for removed in gone)


def test_at_least_one_entry_is_removed():
    values = np.full((30, 2), np.nan)
    values[17, 1] = 5.0
    one = TimedSeries(values, np.arange(30.0))
    for seed in range(10):
        rng = np.random.default_rng(seed)
        (removed,) = remove([one], absence(), LENGTH, 0.05, rng)
        assert np.argwhere(removed).tolist() == [[17, 1]]


def test_the_ceiling_grows_with_the_training():
    windows = training(series(4000, share=0.0), growth=0.5)
    shares = []
    for progress in (0.0, 0.25, 0.5, 1.0):
        windows.renew(progress)
        shares.append(float(windows.flat[:, -N_COLUMNS:].mean()))
    assert 0 < shares[0] < 0.05 < shares[1] < shares[2]
    # Levels are uniform below their ceiling, and the rate is 0.5.
    np.testing.assert_allclose(shares[1:], [0.125, 0.25, 0.25], atol=0.05)


def test_every_epoch_removes_others_and_the_same_seed_the_same():
    windows, again = training(series(100)), training(series(100))
    removed = windows.flat[:, -N_COLUMNS:]
    assert torch.equal(windows.flat, again.flat)
    windows.renew(0.5)
    assert not torch.equal(windows.flat[:, -N_COLUMNS:], removed)
    assert not torch.equal(training(series(100), seed=1).flat, again.flat)


# ---- windows of the training ---------------------------------------------------------


@pytest.mark.parametrize("last_step", [False, True])
@pytest.mark.parametrize("lengths", [(60,), (40, 5, 12, 30), (7,), (3, 4)])
def test_scored_entries_were_removed_and_their_target_is_their_value(
    lengths, last_step
):
    parts = series(*lengths)
    windows = training(parts, last_step)
    for _ in range(3):
        rows, _, target, scored = batch(windows)
        for mask in mask_channels(rows):
            assert (mask[scored] == 0).all()
        for i, t, c in places(target, scored):
            assert parts[i].values[t, c] == 1000 * i + 10 * t + c
        windows.renew(0.5)


def test_the_value_of_a_removed_entry_is_nowhere_in_the_rows():
    rows, _, target, scored = batch(training(series(60, share=0.0)))
    for row, wanted, counts in zip(rows, target, scored, strict=True):
        last = row[:, :N_COLUMNS]
        for column in range(N_COLUMNS):
            hidden = wanted[counts[:, column], column]
            assert not torch.isin(hidden, last[:, column]).any()


def test_rows_tell_of_the_whole_series_not_of_the_window():
    parts = series(60, share=0.0)
    windows = training(parts)
    removed = windows.flat[:, -N_COLUMNS:].numpy() > 0
    known = np.where(removed, np.nan, parts[0].values)
    (expected,) = describe([(known, parts[0].times)], both_sides=True)
    index = torch.tensor([0, 20, 48])
    rows = batch(windows, index)[0]
    for at, row in zip(windows.starts[index], rows, strict=True):
        np.testing.assert_array_equal(row, expected[at : at + LENGTH])


def test_windows_hold_the_rows_of_one_series():
    windows = training(series(20, 15, 12, share=0.0))
    for target in batch(windows)[2]:
        np.testing.assert_array_equal(np.diff(target[:, 0]), 10)
    assert len(windows) == 9 + 4 + 1


@pytest.mark.parametrize("last_step", [False, True])
def test_padding_is_finite_and_never_scored(last_step):
    windows = training(series(5, 30, 1), last_step)
    rows, lengths, _, scored = batch(windows)
    steps = torch.arange(LENGTH)
    assert rows.isfinite().all()
    assert lengths.min() == (5 if last_step else 1) or last_step
    assert not scored[steps >= lengths[:, None]].any()


def test_without_short_series_there_are_no_lengths():
    assert batch(training(series(12, 30)))[1] is None


def test_last_step_scores_the_last_step_alone():
    windows = training(series(60), last_step=True)
    for _ in range(3):
        *_, scored = batch(windows)
        assert not scored[:, :-1].any() and scored[:, -1].any(dim=-1).all()
        windows.renew(1.0)


def test_every_epoch_has_as_many_windows():
    windows = training(series(60), last_step=True)
    n_windows = len(windows)
    for progress in (0.2, 0.4, 1.0):
        windows.renew(progress)
        assert len(windows) == n_windows


def test_data_too_long_for_an_epoch_is_cut_into_pieces(monkeypatch):
    monkeypatch.setattr(corruption, "_EPOCH_ROWS", 150)
    monkeypatch.setattr(corruption, "_PIECE", 2)
    parts = series(90, 99, 80, share=0.0)
    windows = training(parts)
    seen = set()
    for _ in range(20):
        target = batch(windows)[2]
        assert len(windows.flat) <= 150 + 2 * LENGTH + LENGTH
        steps = np.diff(target[..., 0], axis=1)
        # A short piece is padded with zeros at its end.
        assert np.isin(steps[:, : LENGTH // 4], [10]).mean() > 0.9
        seen |= {int(n) for n in target[..., 0].flatten()}
        windows.renew(0.5)
    whole = {int(n) for one in parts for n in one.values[:, 0]}
    assert whole <= seen


def test_data_just_long_enough_is_whole(monkeypatch):
    monkeypatch.setattr(corruption, "_EPOCH_ROWS", 150)
    assert len(training(series(80, 70)).pieces) == 2


# ---- windows of the validation -------------------------------------------------------


def validation(parts, splits, last_step=False, seed=0, **changes):
    return validation_windows(
        parts, splits, absence(), last_step=last_step, seed=seed, **SHAPE | changes
    )


@pytest.mark.parametrize("last_step", [False, True])
@pytest.mark.parametrize(
    ("lengths", "splits"),
    [((60,), [40]), ((40, 14, 30), [30, 8, 3]), ((8, 5), [5, 3]), ((30,), [0])],
)
def test_validation_scores_rows_from_the_split_on(lengths, splits, last_step):
    parts = series(*lengths)
    for seed in range(5):
        rows, kept, target, scored = batch(validation(parts, splits, last_step, seed))
        assert scored.any() and rows.isfinite().all()
        for mask in mask_channels(rows):
            assert (mask[scored] == 0).all()
        for i, t, c in places(target, scored):
            assert t >= splits[i]
            assert parts[i].values[t, c] == 1000 * i + 10 * t + c
        if kept is not None:
            assert not scored[torch.arange(LENGTH) >= kept[:, None]].any()


def test_validation_scores_every_removed_entry_once():
    *_, target, scored = batch(validation(series(90, 50, share=0.0), [60, 30]))
    assert len(places(target, scored)) == int(scored.sum())


def test_validation_with_the_last_step_scores_every_removed_entry_once():
    parts, splits = series(90, 50, share=0.0), [60, 30]
    whole = batch(validation(parts, splits))
    last = batch(validation(parts, splits, last_step=True))
    assert places(*whole[2:]) == places(*last[2:])
    assert not last[3][:, :-1].any()


def test_a_short_series_is_scored_though_no_window_ends_at_what_was_removed():
    parts = series(8, share=0.0)
    parts[0].values[-1] = np.nan  # the one row where a window ends
    for seed in range(5):
        *_, scored = batch(validation(parts, [4], last_step=True, seed=seed))
        assert scored.any()


def test_validation_reads_what_is_before_the_split():
    parts = series(60, share=0.0)
    rows, _, target, _ = batch(validation(parts, [40]))
    first = target[0, :, 0]
    assert first[0] == 10 * (40 - LENGTH)
    masks = mask_channels(rows)[0][0]
    assert (masks[first < 400] == 1).all()


# ---- any windows ---------------------------------------------------------------------


def test_series_held_together_equal_series_held_alone():
    parts = series(20, 6, 30)
    nothing = [np.zeros(one.values.shape, dtype=bool) for one in parts]
    shape = {**SHAPE, "n_columns": N_COLUMNS}
    together = GapWindows(**shape)
    firsts = together.hold(parts, nothing)
    for one, gone, first in zip(parts, nothing, firsts, strict=True):
        alone = GapWindows(**shape)
        alone.hold([one], [gone])
        rows = together.flat[first : first + len(alone.flat)]
        np.testing.assert_allclose(rows, alone.flat)
