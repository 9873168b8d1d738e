"""Losses that score observed entries only."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class MaskedMSE(nn.Module):
    r"""Mean squared error over the observed entries.

    .. math:: L = \sum m (x - \hat x)^2 / \sum m

    Nothing that is masked reaches the loss or its gradient, not even as NaN; with
    nothing observed the loss is 0.
    """

    def forward(
        self, prediction: Tensor, target: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Score.

        Parameters
        ----------
        prediction, target : Tensor of any one shape
        mask : Tensor of that shape, bool, optional
            True where the target was observed; everywhere if not given.
        """
        if mask is None:
            return nn.functional.mse_loss(prediction, target)
        error = _error(prediction, target, mask)
        return error.square().sum() / mask.sum().clamp(min=1)


class MaskedMAE(nn.Module):
    r"""Mean absolute error over the observed entries.

    .. math:: L = \sum m |x - \hat x| / \sum m
    """

    def forward(
        self, prediction: Tensor, target: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Score; parameters are those of `MaskedMSE`."""
        if mask is None:
            return nn.functional.l1_loss(prediction, target)
        error = _error(prediction, target, mask)
        return error.abs().sum() / mask.sum().clamp(min=1)


class MaskedHuber(nn.Module):
    r"""Huber's loss over the observed entries: squared when small, else absolute.

    .. math:: L = \sum m\, \rho(x - \hat x) / \sum m, \quad
        \rho(e) = e^2 \text{ if } |e| \le 1 \text{ else } 2 |e| - 1

    This is twice the usual form, so that small errors count as in `MaskedMSE`.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical
    Statistics 35 (1), 1964.
    """

    def forward(
        self, prediction: Tensor, target: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Score; parameters are those of `MaskedMSE`."""
        if mask is None:
            return 2 * nn.functional.huber_loss(prediction, target)
        error = _error(prediction, target, mask)
        zero = torch.zeros_like(error)
        total = nn.functional.huber_loss(error, zero, reduction="sum")
        return 2 * total / mask.sum().clamp(min=1)


class GaussianNLL(nn.Module):
    r"""Negative log-likelihood of every step's entries, under one learned precision.

    .. math::
        -\log p(x_t) = \tfrac12 \lambda_t \sum_c m_{t,c} (x_{t,c} - \hat x_{t,c})^2
            - \tfrac{n_t}{2} \log \lambda_t + \tfrac{n_t}{2} \log 2 \pi

    where n_t is the number of entries scored at step t, summed over the steps and
    divided by the number of all entries scored.
    """

    def forward(
        self, prediction: Tensor, precision: Tensor, target: Tensor, mask: Tensor
    ) -> Tensor:
        """Score.

        Parameters
        ----------
        prediction, target : Tensor of shape (..., n_columns)
        precision : Tensor of shape (..., 1)
            Lambda, above 0.
        mask : Tensor of shape (..., n_columns), bool
            True where an entry is scored.
        """
        sse = _error(prediction, target, mask).square().sum(-1)
        count = mask.sum(-1)
        lam = precision[..., 0]
        nll = 0.5 * (lam * sse + count * (math.log(2 * math.pi) - lam.log()))
        return nll.sum() / count.sum().clamp(min=1)


class LaplaceNLL(nn.Module):
    r"""Negative log-likelihood of every entry, under a learned spread of its own.

    .. math:: L = \sum m\, \mathrm{sg}(\sigma)^\beta
        \left(|x - \hat x| / \sigma + \log \sigma\right)
        / \sum m\, \mathrm{sg}(\sigma)^\beta

    where sg stops the gradient. With beta 0 this is the likelihood, under which an
    error counts in units of what is expected of the entry; with beta 1 every error
    counts alike, as in the mean absolute error (the beta-NLL of Seitzer et al. 2022,
    with the Laplace distribution for the normal one).

    Parameters
    ----------
    beta : float, default=0.5

    References
    ----------
    M. Seitzer, A. Tavakoli, D. Antic and G. Martius, "On the pitfalls of
    heteroscedastic uncertainty estimation with probabilistic neural networks", ICLR
    2022.
    """

    def __init__(self, beta: float = 0.5) -> None:
        super().__init__()
        self.beta = beta

    def forward(
        self, prediction: Tensor, spread: Tensor, target: Tensor, mask: Tensor
    ) -> Tensor:
        """Score; all of one shape, `spread` (sigma) above 0, `mask` bool."""
        error = _error(prediction, target, mask).abs()
        weight = torch.where(mask, spread.detach() ** self.beta, 0.0)
        nll = weight * (error / spread + spread.log())
        return nll.sum() / weight.sum().clamp(min=_SMALLEST_WEIGHT)


class BlendedLoss(nn.Module):
    """The sum of `LaplaceNLL` and of `MaskedMSE`.

    The first has small errors count, the second large ones: fills are to be right on
    most entries and not wild on any.
    """

    def __init__(self) -> None:
        super().__init__()
        self.likelihood = LaplaceNLL()
        self.square = MaskedMSE()

    def forward(
        self, prediction: Tensor, spread: Tensor, target: Tensor, mask: Tensor
    ) -> Tensor:
        """Score; all of one shape, `spread` (sigma) above 0, `mask` bool."""
        nll = self.likelihood(prediction, spread, target, mask)
        return nll + self.square(prediction, target, mask)


_SMALLEST_WEIGHT = 1e-6


def _error(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    # Masked before the arithmetic: 0 * NaN is NaN, in the gradient too.
    zero = prediction.new_zeros(())
    return torch.where(mask, prediction, zero) - torch.where(mask, target, zero)


class WeightedCrossEntropy(nn.Module):
    r"""Mean of the weighted negative log-probabilities of the true classes.

    .. math:: L = \sum w_i (-\log p_{i, y_i}) / n

    where n is the number of weights above 0. Weights are to have a mean of 1.
    """

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Score.

        Parameters
        ----------
        prediction : Tensor of shape (..., n_classes)
            Logits.
        target : Tensor of shape (...), int
            Classes.
        weight : Tensor of shape (...)
            0 where nothing is scored.
        """
        scores = prediction.flatten(0, -2)
        nll = nn.functional.cross_entropy(scores, target.flatten(), reduction="none")
        return _weighted(nll, weight.flatten())


class WeightedMSE(nn.Module):
    r"""Mean of the weighted squared errors, over all outputs.

    .. math:: L = \sum w_i \frac{1}{K} \sum_k (y_{ik} - \hat y_{ik})^2 / n

    where n is the number of weights above 0. Weights are to have a mean of 1.
    """

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Score.

        Parameters
        ----------
        prediction, target : Tensor of shape (..., n_outputs)
        weight : Tensor of shape (...)
            0 where nothing is scored.
        """
        return _weighted((prediction - target).square().mean(dim=-1), weight)


def _weighted(error: Tensor, weight: Tensor) -> Tensor:
    scored = weight > 0
    error = torch.where(scored, error, 0.0)
    return (error * weight).sum() / scored.sum().clamp(min=1)
