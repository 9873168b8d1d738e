"""Attention: which steps of an encoded sequence a decoder looks at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_N_FILTERS = 8
_SEEN = 5
"""Steps around one whose last weights are seen, an odd number."""


class Additive(nn.Module):
    r"""Scores of a small network, by content.

    .. math:: e_{ij} = v^\top \tanh(W s_{i-1} + U h_j)

    Parameters
    ----------
    query_size : int
        Number of features of the decoder's state s.
    annotation_size : int
        Number of features of the encoder's outputs h.
    size : int
        Number of hidden units.

    References
    ----------
    D. Bahdanau, K. Cho and Y. Bengio, "Neural machine translation by jointly learning
    to align and translate", ICLR 2015, appendix A.1.2.
    """

    def __init__(self, query_size: int, annotation_size: int, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, size, bias=False)
        self.key = nn.Linear(annotation_size, size)
        self.score = nn.Linear(size, 1, bias=False)

    def keys(self, annotations: Tensor) -> Tensor:
        """Compute what no step of the decoder changes, (batch, n_in, size)."""
        return self.key(annotations)

    def forward(self, query: Tensor, keys: Tensor, before: Tensor) -> Tensor:
        """Score every step of the input.

        Parameters
        ----------
        query : Tensor of shape (batch, query_size)
        keys : Tensor of shape (batch, n_in, size)
        before : Tensor of shape (batch, n_in)
            The weights of the step before; 0 at the first.

        Returns
        -------
        Tensor of shape (batch, n_in)
        """
        hidden = torch.tanh(self.query(query).unsqueeze(1) + keys)
        return self.score(hidden).squeeze(-1)


class Location(Additive):
    r"""Additive scores that also see where the decoder has looked before.

    .. math::
        f_{ij} &= F\, [\alpha_{i-1,j-2}, \ldots, \alpha_{i-1,j+2}] \\
        e_{ij} &= v^\top \tanh(W s_{i-1} + U h_j + V f_{ij})

    F are 8 filters of 5 steps, so that the next step to look at can be told from the
    last one, in sequences of any length. (V alone could do what they do, over so few
    steps, but learns it more slowly.)

    Parameters
    ----------
    query_size, annotation_size, size : int
        As for `Additive`.

    References
    ----------
    J. Chorowski et al., "Attention-based models for speech recognition", NeurIPS 2015.
    """

    def __init__(self, query_size: int, annotation_size: int, size: int) -> None:
        super().__init__(query_size, annotation_size, size)
        self.filters = nn.Linear(_SEEN, _N_FILTERS, bias=False)
        self.place = nn.Linear(_N_FILTERS, size, bias=False)

    def forward(self, query: Tensor, keys: Tensor, before: Tensor) -> Tensor:
        """Score every step of the input, as `Additive` does."""
        half = _SEEN // 2
        # Much faster than a convolution of one feature.
        around = nn.functional.pad(before, (half, half)).unfold(1, _SEEN, 1)
        places = self.place(self.filters(around))
        return super().forward(query, keys + places, before)


class Dot(nn.Module):
    r"""Scores of a product, by content.

    .. math:: e_{ij} = s_{i-1}^\top W h_j

    Parameters
    ----------
    query_size, annotation_size, size : int
        As for `Additive`; `size` is not used.

    References
    ----------
    M.-T. Luong, H. Pham and C. D. Manning, "Effective approaches to attention-based
    neural machine translation", EMNLP 2015, the score "general" of section 3.1.
    """

    def __init__(self, query_size: int, annotation_size: int, size: int) -> None:
        super().__init__()
        self.key = nn.Linear(annotation_size, query_size, bias=False)

    def keys(self, annotations: Tensor) -> Tensor:
        """Compute what no step of the decoder changes, (batch, n_in, query_size)."""
        return self.key(annotations)

    def forward(self, query: Tensor, keys: Tensor, before: Tensor) -> Tensor:
        """Score every step of the input, as `Additive` does."""
        return (keys @ query.unsqueeze(-1)).squeeze(-1)


ATTENTIONS = {"additive": Additive, "location": Location, "dot": Dot}
