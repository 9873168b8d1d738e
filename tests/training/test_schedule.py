"""The learning rate of every step, against the rules that it is stated by."""

import math

import pytest
import torch

from sklrnn.training.schedule import LearningRate


def rates(schedule, losses, *, warmup, per_epoch=10):
    """Return the rate of the last step of each epoch, whose losses are given."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    rate = LearningRate(
        0.4, n_steps=per_epoch * len(losses), warmup=warmup, schedule=schedule
    )
    found = []
    for loss in losses:
        for _ in range(per_epoch):
            rate.apply(optimizer)
        found.append(optimizer.param_groups[0]["lr"])
        rate.observe(loss)
    return found


def test_plateau_does_not_count_the_warm_up():
    found = rates("plateau", [1.0] * 40, warmup=0.5)
    # Half of the steps are warm-up; no loss is ever better than the first.
    assert found[19] == pytest.approx(0.4 * 200 / 201)
    assert found[20:25] == [0.4] * 5
    assert found[25:30] == [0.2] * 5
    assert found[30:35] == [0.1] * 5


def test_plateau_remembers_the_best_loss_of_the_warm_up():
    found = rates("plateau", [1.0] * 9 + [0.5] + [0.7] * 10, warmup=0.5)
    assert found[10:15] == [0.4] * 5
    assert found[15:] == [0.2] * 5


def test_cosine_falls_from_the_peak_to_a_hundredth():
    found = rates("cosine", [1.0] * 10, warmup=0.0)
    wanted = [
        0.4 * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (epoch + 1) / 10)))
        for epoch in range(10)
    ]
    assert found == pytest.approx(wanted)
