"""The gated recurrent unit."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import linear, pad

from sklrnn.network.cells.base import LayerCell, State, chrono_bias, normalised


class GRU(LayerCell):
    r"""Gated recurrent unit, with the reset gate after the product by default.

    .. math::
        r_t, z_t &= \sigma(W_x x_t + W_h h_{t-1} + b) \\
        \tilde h_t &= \tanh(W_{xh} x_t + b_x + r_t \odot (W_{hh} h_{t-1} + b_h)) \\
        h_t &= z_t \odot h_{t-1} + (1 - z_t) \odot \tilde h_t

    This has the reset gate after the matrix product, as torch and cuDNN have it. Cho et
    al. have it before, with
    :math:`\tilde h_t = \tanh(W_{xh} x_t + W_{hh} (r_t \odot h_{t-1}) + b)`. Chung et
    al. name z_t the other way round.

    With layer normalisation, LN(W_x x + b_x) and LN(W_h h) stand for the two products,
    with a gain for each and normalised gate by gate. (Ba et al. 2016 normalise the two
    gates together, and W_x x without a bias: of a single feature nothing but its sign
    would be left.)

    Parameters
    ----------
    input_size, hidden_size : int
    reset : {"after", "before"}, default="after"
        Where the reset gate stands.
    chrono_steps : int or None, default=None
        How far back, in steps, matters: units of a fresh network then remember over
        spans from 2 to so many steps; the biases of z are log u, u uniform from 1 to
        ``chrono_steps - 1`` (Tallec and Ollivier 2018). None leaves torch's
        initialisation.
    layer_norm : bool, default=False
        Whether to normalise inside the gates.
    kernel : {"auto", "native", "numba", "torch", "loop"}, default="auto"
        Who computes sequences; see `sklrnn.network.kernels`.

    Attributes
    ----------
    layer : nn.GRU
        Holds the weights, gates in the order r, z, h.
    norm_x, norm_h : nn.Parameter of shape (3, hidden_size) or None
        Gains of the layer normalisation.

    Raises
    ------
    ValueError
        If `reset` is not one of those listed, `chrono_steps` is below 2, or `kernel`
        cannot compute the cell.

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
    statistical machine translation", EMNLP 2014, equations (5)-(8). J. Chung et al.,
    "Empirical evaluation of gated recurrent neural networks on sequence modeling",
    2014. J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016,
    appendix. C. Tallec and Y. Ollivier, "Can recurrent neural networks warp time?",
    ICLR 2018.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        reset: str = "after",
        chrono_steps: int | None = None,
        layer_norm: bool = False,
        kernel: str = "auto",
    ) -> None:
        if reset not in ("after", "before"):
            raise ValueError(f"reset must be 'after' or 'before', got {reset!r}")
        super().__init__(
            nn.GRU(input_size, hidden_size, batch_first=True),
            kernel,
            n_gates=3,
            layer_norm=layer_norm,
            native=reset == "after",
        )
        self.reset = reset
        self.recurrence = f"gru_{reset}"
        if chrono_steps is not None:
            self._set_bias(1, chrono_bias(hidden_size, chrono_steps))

    def hidden_bias(self) -> Tensor:
        """Return the second biases, without that which is added where r multiplies."""
        bias = super().hidden_bias()
        if self.reset == "before":
            return bias
        return pad(bias[: 2 * self.hidden_size], (0, self.hidden_size))

    def advance(
        self, projected: Tensor, state: State, hidden_mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Advance by one step from what `project` has computed of it."""
        (hidden,) = state
        read = hidden if hidden_mask is None else hidden * hidden_mask
        weight, gain, size = self.layer.all_weights[0][1], self.norm_h, self.hidden_size
        x, x_new = projected.split([2 * size, size], dim=1)
        if self.reset == "after":
            a, a_new = product(read, weight, gain).split([2 * size, size], dim=1)
            r, z = (x + a).sigmoid().chunk(2, dim=1)
            new = (x_new + r * (a_new + self.new_bias())).tanh()
        else:
            gate_gain, new_gain = (None, None) if gain is None else gain.split([2, 1])
            a = product(read, weight[: 2 * size], gate_gain)
            r, z = (x + a).sigmoid().chunk(2, dim=1)
            new = (x_new + product(r * read, weight[2 * size :], new_gain)).tanh()
        hidden = new + z * (hidden - new)
        return hidden, (hidden,)

    def new_bias(self) -> Tensor:
        """Return the bias b_h, which the reset gate multiplies."""
        return self.layer.all_weights[0][3][2 * self.hidden_size :]

    def recurrent_inputs(
        self, state: State, hidden_mask: Tensor | None
    ) -> tuple[Any, ...]:
        """Return what the recurrence takes after the projected input."""
        weight = self.layer.all_weights[0][1]
        if self.reset == "after":
            return state[0], weight, self.new_bias(), hidden_mask, self.norm_h
        return state[0], weight, hidden_mask, self.norm_h, None


def product(x: Tensor, weight: Tensor, gain: Tensor | None) -> Tensor:
    """Multiply x by weights, and normalise it gate by gate if there is a gain."""
    a = linear(x, weight)
    return a if gain is None else normalised(a, gain)
