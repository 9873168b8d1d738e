"""Training on panels in parts: the same batches, weights and forecasts as in memory."""

import numpy as np
import pandas as pd
import pytest
import torch
from sktime.datasets import load_airline

from sklrnn import RNNForecaster
from sklrnn.data.parts import open_parts
from sklrnn.data.reader import SeriesReader
from sklrnn.data.sources import PartedSeries
from sklrnn.training.batches import Batches, Share, WindowDataset
from sklrnn.training.calibration import Correction
from sklrnn.training.parted import PartedDataset

CUT = {"window_length": 4, "horizon": 2}
SHAPE = {**CUT, "n_targets": 1, "n_exogenous": 0, "masked": False}


def make_panel(names, n_steps=30, seed=0, columns=("y",)):
    rng = np.random.default_rng(seed)
    times = pd.period_range("2020-01", periods=n_steps, freq="M")
    index = pd.MultiIndex.from_product([names, times], names=["shop", "month"])
    values = rng.normal(size=(len(index), len(columns))).cumsum(axis=0)
    return pd.DataFrame(values, index=index, columns=list(columns))


def make_parts(columns=("y",)):
    return [
        make_panel([f"{i}a", f"{i}b"][: 1 + i % 2], 30 - 5 * i, i, columns)
        for i in range(3)
    ]


def quick(**params):
    quick = {"hidden_size": 4, "max_epochs": 3, "random_state": 0, "window_length": 6}
    return RNNForecaster(**{**quick, **params})


def learned(forecaster):
    """Return the weights and the calibration of a pretrained forecaster as arrays."""
    fitted = forecaster.pretrained_
    weights = {n: w.numpy() for n, w in fitted.net.module_.state_dict().items()}
    calibration = fitted.calibration
    if isinstance(calibration, Correction):
        calibration = calibration.offsets.errors
    residuals = calibration.residuals
    history = fitted.histories[list(fitted.histories)[-1]]
    losses = np.array(
        [[v for k, v in r.items() if k.endswith("loss")] for r in history]
    )
    return {**weights, "residuals": residuals, "losses": np.array(losses)}


def assert_same(one, other):
    one, other = learned(one), learned(other)
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


# ---- batches -------------------------------------------------------------------------


def open_dataset(source):
    series = PartedSeries(open_parts(source), SeriesReader(standardize=True))
    windows, _ = series.split_windows(**CUT, masked=False, validation_fraction=None)
    return PartedDataset(windows, **SHAPE)


def rows_of(batches):
    """Return what each batch holds, one window a row."""
    return [
        torch.cat([inputs["past"], scored[0]], 1)[..., 0].numpy()
        for inputs, scored in batches
    ]


@pytest.mark.parametrize("shuffled", [False, True])
def test_an_epoch_takes_every_window_once_in_full_batches(shuffled):
    dataset = open_dataset(make_parts())
    generator = torch.Generator().manual_seed(0) if shuffled else None
    batches = Batches(dataset, 16, generator)
    found = rows_of(batches)
    assert [len(rows) for rows in found[:-1]] == [16] * (len(batches) - 1)
    assert 0 < len(found[-1]) <= 16
    everything = [
        rows
        for _, windows in dataset.windows.load(range(3))
        for rows in rows_of(Batches(WindowDataset(windows, **SHAPE), 999))
    ]
    found, everything = np.concatenate(found), np.concatenate(everything)
    assert len(found) == len(dataset)
    if shuffled:
        assert not np.array_equal(found, everything)
        found, everything = np.sort(found, axis=0), np.sort(everything, axis=0)
    np.testing.assert_array_equal(found, everything)


def test_parts_and_windows_come_in_another_order_each_epoch():
    batches = Batches(open_dataset(make_parts()), 999, torch.Generator().manual_seed(0))
    first, second = (np.concatenate(rows_of(batches)) for _ in range(2))
    assert not np.array_equal(first, second)
    again = Batches(open_dataset(make_parts()), 999, torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(first, np.concatenate(rows_of(again)))


def test_a_short_epoch_takes_its_share_of_every_part():
    sizes = {"a": 45, "b": 25, "c": 25}
    parts = [make_panel([name], n, ord(name)) for name, n in sizes.items()]
    dataset = open_dataset(parts)
    assert dataset.windows.counts.tolist() == [41, 21, 21]
    generator = torch.Generator().manual_seed(0)
    found = np.concatenate(rows_of(Batches(dataset, 16, generator, epoch_size=40)))
    assert len(found) == 40
    shares = []
    for _, windows in dataset.windows.load(range(3)):
        (own,) = rows_of(Batches(WindowDataset(windows, **SHAPE), 999))
        shares.append((found[:, None] == own).all(-1).any(1).sum())
    np.testing.assert_allclose(shares, [20, 10, 10], atol=1)


def test_one_part_gives_the_batches_of_its_windows():
    parted = open_dataset([make_panel(["a", "b"], 45)])
    single = WindowDataset(next(parted.windows.load([0]))[1], **SHAPE)
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    for _ in range(2):
        found, expected = (
            rows_of(Batches(dataset, 16, generator, epoch_size=40))
            for dataset, generator in zip((parted, single), generators, strict=True)
        )
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def scored_rows(batch):
    """Return those windows of a batch of which anything is scored."""
    (rows,), mask = rows_of([batch]), batch[1][1]
    return rows if mask is None else rows[mask.any(-1).any(-1).numpy()]


@pytest.mark.parametrize("n_processes", [2, 40])
def test_shares_of_batches_make_the_batches(n_processes):
    parted = open_dataset(make_parts())
    single = WindowDataset(next(parted.windows.load([0]))[1], **SHAPE)
    for dataset in (parted, single):
        whole = rows_of(dataset.batches(16, None, len(dataset)))
        shares = [
            list(dataset.batches(16, None, len(dataset), Share(place, n_processes)))
            for place in range(n_processes)
        ]
        for rows, *own in zip(whole, *shares, strict=True):
            found = np.concatenate([scored_rows(batch) for batch in own])
            np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(rows, axis=0))


# ---- training ------------------------------------------------------------------------

KINDS = [
    {},
    {"strategy": "recursive", "validation_fraction": None},
    {"direction": "decoupled", "distribution": "gaussian", "patience": None},
]


@pytest.mark.parametrize("params", KINDS)
def test_one_part_trains_as_its_panel(params):
    panel = make_panel(["a", "b"], columns=("y", "x"))
    panel.iloc[5, 0] = np.nan
    whole = quick(**params).pretrain(panel[["y"]], X=panel[["x"]], fh=[1, 2])
    assert_same(quick(**params).pretrain([panel], X=["x"], fh=[1, 2]), whole)


@pytest.mark.parametrize("params", [{}, {"distribution": "student_t", "refit": False}])
def test_a_folder_trains_as_its_parts_in_memory(params, tmp_path):
    parts = make_parts(("y", "x"))
    for number, part in enumerate(parts):
        part.to_parquet(tmp_path / f"{number}.parquet")
    in_memory = quick(**params).pretrain(parts, X=["x"], fh=[1, 2])
    assert_same(quick(**params).pretrain(tmp_path, X=["x"], fh=[1, 2]), in_memory)


def test_validation_and_calibration_are_of_all_parts():
    parts = make_parts()
    whole = quick().pretrain(pd.concat(parts), fh=[1, 2]).pretrained_
    parted = quick().pretrain(parts, fh=[1, 2]).pretrained_
    assert parted.window_length == whole.window_length
    assert parted.calibration.counts.tolist() == whole.calibration.counts.tolist()
    # Batches differ in their order alone, so the first losses are much the same.
    losses = [fitted.histories[None][0]["valid_loss"] for fitted in (parted, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=0.2)


def test_what_was_pretrained_on_parts_forecasts_and_goes_on():
    parts, y = make_parts(), load_airline()
    forecaster = quick().pretrain(parts, fh=[1, 2])
    weights = learned(forecaster)
    assert forecaster.state == "pretrained"
    assert forecaster.clone().state == "pretrained"
    assert list(forecaster.get_pretrained_params()) == ["pretrained_"]
    forecast = forecaster.fit(y, fh=[1, 2]).predict()
    assert forecast.shape == (2,) and forecast.notna().all()
    forecaster.pretrain([make_panel(["c"])], fh=[1, 2])
    assert not np.array_equal(learned(forecaster)["losses"], weights["losses"])


def test_gaps_in_one_part_mask_the_network():
    parts = make_parts()
    assert not quick().pretrain(parts, fh=1).pretrained_.net.module_.masked
    parts[1].iloc[3] = np.nan
    assert quick().pretrain(parts, fh=1).pretrained_.net.module_.masked


def test_gaps_that_come_later_are_not_scored():
    forecaster = quick().pretrain(make_parts(), fh=1)
    parts = make_parts()
    parts[1].iloc[3] = np.nan
    parts[2].iloc[-2] = np.nan
    forecaster.pretrain(parts)
    assert np.isfinite(learned(forecaster)["losses"]).all()


def test_too_short_parts_are_refused():
    with pytest.raises(ValueError, match="y needs at least 2 time steps"):
        quick().pretrain([make_panel(["a"], 1), make_panel(["b"], 1)])
