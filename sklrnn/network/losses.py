"""Losses that score observed entries only."""

from __future__ import annotations

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
        zero = prediction.new_zeros(())
        # Masked before the arithmetic: 0 * NaN is NaN, in the gradient too.
        error = torch.where(mask, prediction, zero) - torch.where(mask, target, zero)
        return error.square().sum() / mask.sum().clamp(min=1)
