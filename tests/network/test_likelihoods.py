"""Likelihoods beside torch's own distributions."""

import numpy as np
import pytest
import torch
from torch.distributions import NegativeBinomial, Normal, StudentT

from sklrnn.network.likelihoods import LIKELIHOODS, QUANTILE_LEVELS

GENERATOR = torch.Generator().manual_seed(0)
LEVEL = torch.full((3, 1, 2), 5.0), torch.full((3, 1, 2), 2.0)


def raw(kind):
    n_params = LIKELIHOODS[kind].n_params
    return torch.randn(3, 4, 2, n_params, generator=GENERATOR)


def reference(kind, params):
    if kind == "gaussian":
        return Normal(*params.unbind(-1))
    if kind == "student_t":
        location, scale, freedom = params.unbind(-1)
        return StudentT(freedom, location, scale)
    mean, dispersion = params.unbind(-1)
    return NegativeBinomial(1 / dispersion, logits=(dispersion * mean).log())


@pytest.mark.parametrize("kind", ["gaussian", "student_t", "negative_binomial"])
@pytest.mark.parametrize("level", [None, LEVEL])
def test_scores_are_those_of_torchs_distributions(kind, level):
    likelihood = LIKELIHOODS[kind]()
    params = likelihood.place(raw(kind), level)
    expected = reference(kind, params)
    target = expected.sample()
    torch.testing.assert_close(
        likelihood.score(params, target), -expected.log_prob(target)
    )
    torch.testing.assert_close(likelihood.mean(params), expected.mean)


@pytest.mark.parametrize("kind", ["gaussian", "student_t", "quantiles"])
def test_levels_move_and_stretch_the_distribution(kind):
    likelihood, given = LIKELIHOODS[kind](), raw(kind)
    plain, placed = likelihood.place(given, None), likelihood.place(given, LEVEL)
    torch.testing.assert_close(likelihood.mean(placed), likelihood.mean(plain) * 2 + 5)


def test_quantiles_are_in_rising_order():
    quantiles = LIKELIHOODS["quantiles"]().place(100 * raw("quantiles"), LEVEL)
    assert (quantiles.diff(dim=-1) >= 0).all()


def test_the_pinball_loss_is_least_at_the_quantiles():
    likelihood = LIKELIHOODS["quantiles"]()
    values = torch.randn(20_000, generator=GENERATOR)
    right = torch.special.ndtri(torch.tensor(QUANTILE_LEVELS))

    def loss(params):
        return likelihood(params.expand(len(values), -1), values)

    assert loss(right) < min(loss(right + 0.1), loss(right - 0.1), loss(1.2 * right))


@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_samples_have_the_mean_and_the_quantiles(kind):
    from sklrnn.forecasting.distributions import Distribution

    likelihood = LIKELIHOODS[kind]()
    params = likelihood.place(0.5 * raw(kind)[:1, :1], None)
    many = likelihood.sample(params.expand(40_000, 1, 2, -1), GENERATOR)
    assert many.shape == (40_000, 1, 2)
    levels = np.array([0.1, 0.5, 0.9])
    expected = Distribution(kind, params[0, 0].numpy()).quantile(levels)
    found = np.quantile(many[:, 0].numpy(), levels, axis=0).T
    np.testing.assert_allclose(found, expected, atol=1 if kind[0] == "n" else 0.06)
    if kind != "quantiles":
        mean = likelihood.mean(params)[0, 0]
        torch.testing.assert_close(many.mean(dim=0)[0], mean, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_what_is_masked_reaches_neither_loss_nor_gradient(kind):
    likelihood, given = LIKELIHOODS[kind](), raw(kind).requires_grad_()
    target = torch.ones(3, 4, 2)
    mask = torch.rand(3, 4, 2, generator=GENERATOR) > 0.5
    holes = torch.where(mask, target, torch.nan)
    loss = likelihood(likelihood.place(given, LEVEL), holes, mask)
    loss.backward()
    whole = likelihood.score(likelihood.place(given, LEVEL), target)
    torch.testing.assert_close(loss, whole[mask].mean())
    assert given.grad.isfinite().all()
    assert (given.grad[~mask] == 0).all() and (given.grad[mask] != 0).any()
    nothing = likelihood(likelihood.place(given, None), holes, torch.zeros_like(mask))
    assert nothing == 0
