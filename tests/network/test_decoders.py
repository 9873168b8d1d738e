"""Segments, channels and decoders, beside torch's own layers."""

import pytest
import torch
from torch import nn

from sklrnn.network.decoders import build_decoder
from sklrnn.network.segments import SegmentReader, join_targets, split_targets


def decoder(name, horizon=10, n_values=2, dropout=0.0):
    torch.manual_seed(0)
    return build_decoder(
        name, 6, horizon, n_values, segment_length=4, dropout=dropout
    ).eval()


STATE = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["linear", "parallel", "recurrent"])
def test_shapes_and_dependence_on_the_state(name):
    state = STATE.clone().requires_grad_()
    steps = decoder(name)(state)
    assert steps.shape == (5, 10, 2)
    for step in range(10):
        (gradient,) = torch.autograd.grad(
            steps[:, step].sum(), state, retain_graph=True
        )
        assert (gradient.abs().sum(dim=1) > 0).all()


def test_the_parallel_decoder_is_one_step_of_torchs_unit_per_segment():
    parallel = decoder("parallel")
    for number, query in enumerate(parallel.queries):
        state = parallel.cell(query.expand(5, -1), STATE)
        segment = parallel.to_values(state).view(5, 4, 2)
        at = slice(4 * number, min(4 * number + 4, 10))
        found = parallel(STATE)[:, at]
        torch.testing.assert_close(found, segment[:, : found.shape[1]])


def test_the_recurrent_decoder_reads_what_it_gave():
    recurrent = decoder("recurrent", horizon=8)
    first = recurrent.cell(torch.zeros(5, 8), STATE)
    given = recurrent.to_values(first)
    second = recurrent.to_values(recurrent.cell(given, first))
    expected = torch.cat([given, second], dim=1).view(5, 8, 2)
    torch.testing.assert_close(recurrent(STATE), expected)


@pytest.mark.parametrize("name", ["parallel", "recurrent"])
def test_dropout_in_training_alone(name):
    dropping, plain = decoder(name, dropout=0.5), decoder(name)
    torch.testing.assert_close(dropping(STATE), plain(STATE))
    assert not torch.allclose(dropping.train()(STATE), plain(STATE))


def test_segments_are_read_by_one_linear_layer():
    torch.manual_seed(0)
    reader = SegmentReader(2, 3, hidden_size=5)
    x = torch.randn(4, 7, 2)
    found = reader(x)
    assert found.shape == (4, 3, 5)
    whole = torch.cat([x[:, :1], x[:, :1], x], dim=1)  # 9 steps
    for number in range(3):
        segment = whole[:, 3 * number : 3 * number + 3].flatten(1)
        expected = nn.functional.relu(reader.to_vector(segment))
        torch.testing.assert_close(found[:, number], expected)


@pytest.mark.parametrize("blocks", [1, 3])
def test_every_target_goes_with_all_exogenous_columns(blocks):
    x = torch.arange(2 * 4 * 3 * blocks, dtype=torch.float).view(2, 4, 3 * blocks)
    split = split_targets(x, n_targets=2, n_columns=3)
    assert split.shape == (4, 4, 2 * blocks)
    for window in range(2):
        for target in range(2):
            own = [3 * block + target for block in range(blocks)]
            shared = [3 * block + 2 for block in range(blocks)]
            columns = torch.tensor([own, shared]).T.flatten()
            assert torch.equal(split[2 * window + target], x[window][:, columns])


def test_targets_come_together_as_they_were():
    x = torch.randn(3, 4, 2)
    assert torch.equal(join_targets(split_targets(x, 2, 2), 2), x)
    with_others = split_targets(torch.randn(3, 4, 6), 2, 3)
    assert join_targets(with_others[..., :1], 2).shape == (3, 4, 2)
