"""Pooling: from the outputs of all steps to one vector per sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sklrnn.network.padding import last_steps, valid_steps, without_padding

POOLINGS = ("last", "mean", "max", "attention")


class Pooling(nn.Module):
    r"""Pool the outputs h_1 to h_T of a sequence; padding has no part in it.

    "last" takes h_T, "mean" and "max" the mean and the largest value of every unit.
    "attention" takes a weighted mean, with weights learned from the outputs:

    .. math::
        \alpha_t = \mathrm{softmax}_t(v^\top \tanh(W h_t + b)), \qquad
        \sum_t \alpha_t h_t

    Parameters
    ----------
    kind : {"last", "mean", "max", "attention"}
    size : int
        Number of features of the outputs.

    References
    ----------
    Z. Yang et al., "Hierarchical attention networks for document classification",
    NAACL 2016, section 2.2.
    """

    def __init__(self, kind: str, size: int) -> None:
        super().__init__()
        self.kind = kind
        if kind == "attention":
            self.to_hidden = nn.Linear(size, size)
            self.to_score = nn.Linear(size, 1, bias=False)

    def forward(self, outputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pool.

        Parameters
        ----------
        outputs : Tensor of shape (batch, steps, size)
        lengths : Tensor of shape (batch,), int, optional
            Number of steps of each sequence; all if not given.

        Returns
        -------
        Tensor of shape (batch, size)
        """
        if self.kind == "last":
            return last_steps(outputs, lengths)
        if self.kind == "max":
            return _masked(outputs, lengths).amax(dim=1)
        if self.kind == "attention":
            weights = self.weights(outputs, lengths)
            return (without_padding(outputs, lengths) * weights[..., None]).sum(dim=1)
        if lengths is None:
            return outputs.mean(dim=1)
        return without_padding(outputs, lengths).sum(dim=1) / lengths[:, None]

    def weights(self, outputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the weights of attention, (batch, steps); they sum to 1."""
        scores = self.to_score(torch.tanh(self.to_hidden(outputs)))
        return _masked(scores, lengths)[..., 0].softmax(dim=1)


def _masked(x: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        return x
    return torch.where(valid_steps(x, lengths)[..., None], x, -torch.inf)
