"""Likelihoods: from what a head gives to the parameters of a distribution, and back."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

QUANTILE_LEVELS = (
    0.01,
    0.025,
    *(round(0.05 * i, 2) for i in range(1, 20)),
    0.975,
    0.99,
)
"""Levels that ``distribution="quantiles"`` learns."""

_SMALLEST_SCALE = 1e-3
"""Of a predicted standard deviation, in units of the window's own."""

_SMALLEST_MEAN = 1e-6
_FEWEST_FREEDOMS = 2.1  # so that there is a variance
_MOST_FREEDOMS = 200.0
_AT_FIRST = 0.5413  # softplus of it is 1


class Likelihood(nn.Module):
    """Mean negative log-likelihood of the observed entries, under predicted parameters.

    A subclass says how many parameters there are per entry (`n_params`), makes them of
    what the head gives (`place`), scores an entry (`score`) and tells the mean.
    `location` is the place, in what the head gives, of the number that moves the whole
    distribution, in the units of the window; None if there is none.
    """

    kind: str
    n_params: int
    location: int | None = None

    def place(self, raw: Tensor, level: tuple[Tensor, Tensor] | None) -> Tensor:
        """Return the parameters, (..., n_params), of what a head gives of that shape.

        `level` is the center and scale of each window, of shape (batch, 1, n_targets).
        """
        raise TypeError(f"{type(self).__name__} does not define place")

    def score(self, params: Tensor, target: Tensor) -> Tensor:
        """Return the loss of every entry."""
        raise TypeError(f"{type(self).__name__} does not define score")

    def mean(self, params: Tensor) -> Tensor:
        """Return the mean of every entry."""
        return params[..., 0]

    def sample(self, params: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a value of every entry."""
        raise TypeError(f"{type(self).__name__} does not define sample")

    def forward(
        self, params: Tensor, target: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Score.

        Parameters
        ----------
        params : Tensor of shape (..., n_params)
        target : Tensor of shape (...)
        mask : Tensor of shape (...), bool, optional
            True where the target was observed; everywhere if not given.
        """
        if mask is None:
            return self.score(params, target).mean()
        # Masked before the arithmetic: 0 * NaN is NaN, in the gradient too.
        target = torch.where(mask, target, self.mean(params).detach())
        loss = torch.where(mask, self.score(params, target), 0.0)
        return loss.sum() / mask.sum().clamp(min=1)


class Gaussian(Likelihood):
    r"""Normal distribution: mean and standard deviation.

    .. math:: -\log p(x) = \tfrac12 ((x - \mu) / \sigma)^2 + \log \sigma
        + \tfrac12 \log 2 \pi
    """

    kind = "gaussian"
    n_params = 2
    location = 0

    def place(self, raw: Tensor, level: tuple[Tensor, Tensor] | None) -> Tensor:
        """Return mean and standard deviation."""
        scale = softplus(raw[..., 1] + _AT_FIRST) + _SMALLEST_SCALE
        return torch.stack(_on_level(raw[..., 0], scale, level), dim=-1)

    def score(self, params: Tensor, target: Tensor) -> Tensor:
        """Return the negative log-likelihood."""
        mean, scale = params.unbind(-1)
        z = (target - mean) / scale
        return 0.5 * z.square() + scale.log() + 0.5 * math.log(2 * math.pi)

    def sample(self, params: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a value of every entry."""
        mean, scale = params.unbind(-1)
        return mean + scale * _normal(mean, generator)


class StudentT(Likelihood):
    r"""Student's t distribution: location, scale and degrees of freedom.

    .. math:: -\log p(x) = \tfrac{\nu + 1}{2} \log\left(1 + z^2 / \nu\right)
        + \log \sigma + \tfrac12 \log \nu \pi
        + \log \Gamma(\tfrac{\nu}{2}) - \log \Gamma(\tfrac{\nu + 1}{2})

    with :math:`z = (x - \mu) / \sigma`; the degrees of freedom are above 2, so that
    there is a variance.
    """

    kind = "student_t"
    n_params = 3
    location = 0

    def place(self, raw: Tensor, level: tuple[Tensor, Tensor] | None) -> Tensor:
        """Return location, scale and degrees of freedom."""
        scale = softplus(raw[..., 1] + _AT_FIRST) + _SMALLEST_SCALE
        freedom = (_FEWEST_FREEDOMS + softplus(raw[..., 2] + 3.0)).clamp(
            max=_MOST_FREEDOMS
        )
        return torch.stack([*_on_level(raw[..., 0], scale, level), freedom], dim=-1)

    def score(self, params: Tensor, target: Tensor) -> Tensor:
        """Return the negative log-likelihood."""
        mean, scale, freedom = params.unbind(-1)
        z = (target - mean) / scale
        return (
            0.5 * (freedom + 1) * torch.log1p(z.square() / freedom)
            + scale.log()
            + 0.5 * (freedom * math.pi).log()
            + torch.lgamma(0.5 * freedom)
            - torch.lgamma(0.5 * (freedom + 1))
        )

    def sample(self, params: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a value of every entry."""
        mean, scale, freedom = params.unbind(-1)
        chi_square = 2 * torch._standard_gamma(0.5 * freedom, generator=generator)
        narrow = (chi_square / freedom).clamp(min=_SMALLEST_MEAN).sqrt()
        return mean + scale * _normal(mean, generator) / narrow


class NegativeBinomial(Likelihood):
    r"""Negative binomial distribution of counts: mean and dispersion.

    The variance is :math:`\mu + \alpha \mu^2`;

    .. math:: -\log p(x) = \log \Gamma(x + 1) + \log \Gamma(\tfrac1\alpha)
        - \log \Gamma(x + \tfrac1\alpha) + \tfrac1\alpha \log(1 + \alpha \mu)
        - x \log \frac{\alpha \mu}{1 + \alpha \mu}

    The mean is a positive number times the level of the window.

    References
    ----------
    D. Salinas, V. Flunkert, J. Gasthaus and T. Januschowski, "DeepAR: probabilistic
    forecasting with autoregressive recurrent networks", International Journal of
    Forecasting 36 (3), 2020.
    """

    kind = "negative_binomial"
    n_params = 2

    def place(self, raw: Tensor, level: tuple[Tensor, Tensor] | None) -> Tensor:
        """Return mean and dispersion."""
        mean = softplus(raw[..., 0] + _AT_FIRST)
        if level is not None:
            mean = mean * (level[0].clamp(min=0.0) + level[1])
        dispersion = softplus(raw[..., 1] + _AT_FIRST) + _SMALLEST_SCALE
        return torch.stack([mean + _SMALLEST_MEAN, dispersion], dim=-1)

    def score(self, params: Tensor, target: Tensor) -> Tensor:
        """Return the negative log-likelihood."""
        mean, dispersion = params.unbind(-1)
        count = 1 / dispersion
        odds = dispersion * mean
        return (
            torch.lgamma(target + 1)
            + torch.lgamma(count)
            - torch.lgamma(target + count)
            + count * torch.log1p(odds)
            - target * (odds.log() - torch.log1p(odds))
        )

    def sample(self, params: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a count for every entry."""
        mean, dispersion = params.unbind(-1)
        gamma = torch._standard_gamma(1 / dispersion, generator=generator)
        return torch.poisson(gamma * dispersion * mean, generator=generator)


class Quantiles(Likelihood):
    r"""Quantiles at the levels of `QUANTILE_LEVELS`, which never cross.

    The median comes first; the others go up and down from it by positive steps. The
    loss is the pinball loss, twice its mean over the levels:

    .. math:: 2 \max(\alpha (x - q_\alpha), (\alpha - 1) (x - q_\alpha))

    References
    ----------
    R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46 (1), 1978.
    """

    kind = "quantiles"
    n_params = len(QUANTILE_LEVELS)
    location = middle = QUANTILE_LEVELS.index(0.5)
    levels: Tensor

    def __init__(self) -> None:
        super().__init__()
        levels = torch.tensor(QUANTILE_LEVELS)
        self.register_buffer("levels", levels, persistent=False)

    def place(self, raw: Tensor, level: tuple[Tensor, Tensor] | None) -> Tensor:
        """Return the quantiles, in rising order."""
        steps = softplus(raw - 2.0)
        middle = raw[..., self.middle : self.middle + 1]
        up = middle + steps[..., self.middle + 1 :].cumsum(-1)
        down = middle - steps[..., : self.middle].flip(-1).cumsum(-1).flip(-1)
        quantiles = torch.cat([down, middle, up], dim=-1)
        if level is None:
            return quantiles
        return quantiles * level[1].unsqueeze(-1) + level[0].unsqueeze(-1)

    def score(self, params: Tensor, target: Tensor) -> Tensor:
        """Return the pinball loss."""
        error = target.unsqueeze(-1) - params
        return 2 * torch.maximum(self.levels * error, (self.levels - 1) * error).mean(
            -1
        )

    def mean(self, params: Tensor) -> Tensor:
        """Return the median, which stands for the mean."""
        return params[..., self.middle]

    def sample(self, params: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a value of every entry, linear in z between the levels and beyond."""
        z = torch.special.ndtri(self.levels)
        wanted = _normal(params[..., :1], generator)
        right = torch.searchsorted(z, wanted).clamp(1, len(z) - 1)
        low, high = params.gather(-1, right - 1), params.gather(-1, right)
        share = (wanted - z[right - 1]) / (z[right] - z[right - 1])
        return (low + share * (high - low))[..., 0]


LIKELIHOODS: dict[str, Any] = {
    "gaussian": Gaussian,
    "student_t": StudentT,
    "negative_binomial": NegativeBinomial,
    "quantiles": Quantiles,
}


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device)


def _on_level(
    mean: Tensor, scale: Tensor, level: tuple[Tensor, Tensor] | None
) -> list[Tensor]:
    if level is None:
        return [mean, scale]
    return [mean * level[1] + level[0], scale * level[1]]
