import numpy as np
import pytest
import torch

from sklrnn import RNNForecaster, RNNImputer
from sklrnn.network.cells.transformer import Transformer

X = torch.randn(3, 9, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def cell():
    torch.manual_seed(0)
    return Transformer(2, 8, n_heads=2, feedforward_size=12)


def test_equals_torchs_own_layer(cell):
    z = cell._embed(X, torch.zeros(3, 1))
    future = torch.ones(9, 9, dtype=torch.bool).triu(1)
    wanted = cell.layer(z, src_mask=future)
    torch.testing.assert_close(cell.sequence(X)[0], wanted)


def test_positions_of_vaswani_et_al(cell):
    found = cell._embed(X, torch.full((3, 1), 5.0)) - cell.embed(X)
    for step in range(9):
        for feature in range(8):
            wave = 10_000 ** (2 * (feature // 2) / 8)
            angle = torch.tensor((5 + step) / wave)
            wanted = angle.cos() if feature % 2 else angle.sin()
            torch.testing.assert_close(found[0, step, feature], wanted)


@pytest.mark.parametrize("n", [1, 3, 8])
def test_what_is_older_than_the_memory_is_forgotten(n):
    cell = Transformer(2, 8, memory=n)
    changed = X.clone()
    changed[:, 0] += 1.0
    before, after = cell.sequence(X)[0], cell.sequence(changed)[0]
    assert not torch.allclose(before[:, n - 1], after[:, n - 1])
    torch.testing.assert_close(before[:, n:], after[:, n:])
    assert cell.sequence(X)[1][0].shape == (3, n - 1, 8)


def test_heads_that_fit_are_chosen():
    heads = {size: Transformer(2, size).layer.self_attn.num_heads for size in (1, 6, 8)}
    assert heads == {1: 1, 6: 3, 8: 4}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_heads": 3}, "n_heads must divide hidden_size, 8, got 3"),
        ({"n_heads": 0}, "n_heads must be at least 1, got 0"),
        ({"feedforward_size": 0}, "feedforward_size must be at least 1, got 0"),
        ({"memory": 0}, "memory must be at least 1, got 0"),
    ],
)
def test_bad_numbers(params, message):
    with pytest.raises(ValueError, match=message):
        Transformer(2, 8, **params)


@pytest.mark.parametrize("direction", ["forward", "coupled"])
def test_it_forecasts(direction):
    waves = np.sin(np.arange(123) / 3)
    forecaster = RNNForecaster(
        "transformer", direction=direction, hidden_size=8, max_epochs=40, random_state=0
    )
    forecast = forecaster.fit(waves[:120], fh=[1, 2, 3]).predict()
    assert np.abs(forecast.ravel() - waves[120:]).max() < 0.4


@pytest.mark.parametrize("direction", ["forward", "coupled"])
def test_it_fills_gaps(direction):
    waves = np.sin(np.arange(120)[:, None] / 3)
    table = waves.copy()
    table[40:44] = np.nan
    imputer = RNNImputer(
        "transformer", direction=direction, hidden_size=8, max_epochs=15, random_state=0
    )
    filled = imputer.fit_transform(table)
    assert np.abs(filled - waves).max() < 0.8  # of the mean: 0.98
    if direction == "forward":  # a table in pieces is filled as at once
        parts = [imputer.partial_transform(part) for part in np.split(table, 4)]
        np.testing.assert_allclose(np.concatenate(parts), filled, atol=1e-5)
