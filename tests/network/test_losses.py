"""Losses against their formulas, written out."""

import math

import numpy as np
import pytest
import torch

from sklrnn.network.losses import BlendedLoss, GaussianNLL, LaplaceNLL, MaskedMSE

SHAPE = (3, 5, 4)


@pytest.fixture
def parts():
    """Prediction, target, spread, precision and mask."""
    generator = torch.Generator().manual_seed(0)
    prediction, target = (torch.randn(SHAPE, generator=generator) for _ in range(2))
    spread = torch.rand(SHAPE, generator=generator) + 0.1
    precision = torch.rand(*SHAPE[:-1], 1, generator=generator) * 5 + 0.1
    mask = torch.rand(SHAPE, generator=generator) < 0.5
    mask[0, 0] = False
    return prediction, target, spread, precision, mask


def test_mse(parts):
    prediction, target, _, _, mask = parts
    errors = [(p - t) ** 2 for p, t, m in flat(prediction, target, mask) if m]
    loss = MaskedMSE()(prediction, target, mask)
    assert float(loss) == pytest.approx(np.mean(errors))


def test_gaussian_nll(parts):
    prediction, target, _, precision, mask = parts
    total = 0.0
    for i in range(SHAPE[0]):
        for t in range(SHAPE[1]):
            lam = float(precision[i, t, 0])
            known = mask[i, t].numpy()
            n = known.sum()
            sse = ((prediction[i, t] - target[i, t]).numpy()[known] ** 2).sum()
            total += lam * sse / 2 - n / 2 * math.log(lam) + n / 2 * math.log(2 * np.pi)
    loss = GaussianNLL()(prediction, precision, target, mask)
    assert float(loss) == pytest.approx(total / int(mask.sum()), rel=1e-5)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_laplace_nll(parts, beta):
    prediction, target, spread, _, mask = parts
    total, weights = 0.0, 0.0
    for p, t, s, m in flat(prediction, target, spread, mask):
        if m:
            total += s**beta * (abs(t - p) / s + math.log(s))
            weights += s**beta
    loss = LaplaceNLL(beta)(prediction, spread, target, mask)
    assert float(loss) == pytest.approx(total / weights, rel=1e-5)


def test_the_weight_of_an_entry_sends_no_gradient(parts):
    prediction, target, spread, _, mask = parts
    spread.requires_grad_()
    LaplaceNLL(1.0)(prediction, spread, target, mask).backward()
    error = (target - prediction).abs()
    # Of s (e / s + log s) with the first s held: 1 - e / s.
    expected = torch.where(mask, 1 - error / spread, 0) / (spread * mask).sum()
    np.testing.assert_allclose(spread.grad, expected.detach(), atol=1e-6)


def test_beta_1_counts_errors_as_the_mean_absolute_error_does(parts):
    prediction, target, spread, _, mask = parts
    prediction.requires_grad_()
    LaplaceNLL(1.0)(prediction, spread, target, mask).backward()
    sizes = prediction.grad[mask].abs()
    np.testing.assert_allclose(sizes, sizes[0].expand_as(sizes), rtol=1e-5)


def flat(*tensors):
    """Go through the entries of tensors at once."""
    return zip(*(tensor.flatten().tolist() for tensor in tensors), strict=True)


def calls(parts):
    """Each loss of (prediction, target, mask), whatever else it takes."""
    _, _, spread, precision, _ = parts
    return [
        MaskedMSE(),
        lambda p, t, m: GaussianNLL()(p, precision, t, m),
        lambda p, t, m: LaplaceNLL()(p, spread, t, m),
    ]


@pytest.mark.parametrize("number", range(3))
def test_nan_under_the_mask_reaches_neither_loss_nor_gradient(parts, number):
    prediction, target, *_, mask = parts
    results = []
    for junk in (0.0, torch.nan, torch.inf):
        p = torch.where(mask, prediction, junk).requires_grad_()
        loss = calls(parts)[number](p, torch.where(mask, target, junk), mask)
        loss.backward()
        results.append((loss.item(), p.grad))
    for loss, gradient in results:
        assert math.isfinite(loss) and loss == results[0][0]
        assert torch.equal(gradient, results[0][1])
        assert not gradient[~mask].any()


@pytest.mark.parametrize("number", range(3))
def test_with_nothing_scored_the_loss_is_0(parts, number):
    prediction, target, *_, mask = parts
    prediction.requires_grad_()
    loss = calls(parts)[number](prediction, target, torch.zeros_like(mask))
    loss.backward()
    assert loss == 0 and not prediction.grad.any()


def test_the_blend_is_the_sum_of_its_parts(parts):
    prediction, target, spread, _, mask = parts
    loss = BlendedLoss()(prediction, spread, target, mask)
    nll = LaplaceNLL()(prediction, spread, target, mask)
    assert float(loss) == pytest.approx(
        float(nll) + float(MaskedMSE()(prediction, target, mask)), rel=1e-6
    )
