"""A causal transformer layer, to compare recurrence with attention."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sklrnn.network.cells.base import Cell, State

_MOST_HEADS = 4
_LONGEST_WAVE = 10_000.0


class Transformer(Cell):
    r"""A layer of self-attention in which every step reads itself and those before.

    .. math::
        z_t &= W x_t + b + p_t \\
        u_t &= z_t + \mathrm{MultiHead}(\mathrm{LN}(z_t), \mathrm{LN}(z_{s}),
            \mathrm{LN}(z_{s})), \quad t - m < s \le t \\
        h_t &= u_t + W_2\, \mathrm{relu}(W_1 \mathrm{LN}(u_t) + b_1) + b_2

    where p_t are the sinusoidal positions of Vaswani et al. (section 3.5), counted from
    the beginning of the sequence, and m is `memory`. It is torch's own encoder layer,
    normalised before each of its halves (Xiong et al. 2020) and without dropout, for
    which the estimators have a parameter. The state is what was read: the last m - 1
    z, and how many there have been. A step therefore takes longer the more was read,
    and positions beyond the longest sequence of the training are new to the layer.

    Parameters
    ----------
    input_size, hidden_size : int
    n_heads : int or None, default=None
        Number of attention heads, a divisor of `hidden_size`. None: the largest divisor
        up to 4.
    feedforward_size : int or None, default=None
        Number of hidden units of the second half. None: 4 times `hidden_size`.
    memory : int, default=512
        Number of steps that a step can read, itself included.

    Attributes
    ----------
    layer : nn.TransformerEncoderLayer
        Holds the weights.

    Raises
    ------
    ValueError
        If `n_heads` does not divide `hidden_size`, or a number is below 1.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", NeurIPS 2017. R. Xiong et al., "On
    layer normalization in the transformer architecture", ICML 2020.

    Examples
    --------
    >>> import torch
    >>> from sklrnn.network.cells.transformer import Transformer
    >>> cell = Transformer(input_size=2, hidden_size=8, n_heads=2)
    >>> outputs, (read, count) = cell.sequence(torch.zeros(4, 10, 2))
    >>> outputs.shape, read.shape, count.shape
    (torch.Size([4, 10, 8]), torch.Size([4, 10, 8]), torch.Size([4, 1]))
    """

    frequencies: Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        n_heads: int | None = None,
        feedforward_size: int | None = None,
        memory: int = 512,
    ) -> None:
        if n_heads is None:
            n_heads = max(n for n in range(1, _MOST_HEADS + 1) if hidden_size % n == 0)
        if feedforward_size is None:
            feedforward_size = 4 * hidden_size
        numbers = {"n_heads": n_heads, "feedforward_size": feedforward_size}
        for name, value in {**numbers, "memory": memory}.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value!r}")
        if hidden_size % n_heads:
            raise ValueError(
                f"n_heads must divide hidden_size, {hidden_size}, got {n_heads!r}"
            )
        super().__init__(input_size, hidden_size)
        self.memory = memory
        self.embed = nn.Linear(input_size, hidden_size)
        self.layer = nn.TransformerEncoderLayer(
            hidden_size,
            n_heads,
            feedforward_size,
            dropout=0.0,
            batch_first=True,
            norm_first=True,
        )
        even = torch.arange(0, hidden_size, 2)
        waves = torch.exp(even * (-math.log(_LONGEST_WAVE) / hidden_size))
        self.register_buffer("frequencies", waves, persistent=False)

    def initial_state(self, batch: int) -> State:
        """Return what was read, nothing yet, and how many steps: 0, (batch, 1)."""
        like = self.embed.weight
        return like.new_zeros(batch, 0, self.hidden_size), like.new_zeros(batch, 1)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:  # type: ignore[override]
        """Advance by one step."""
        outputs, state = self.sequence(x.unsqueeze(1), state)
        return outputs[:, 0], state

    def sequence(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:  # type: ignore[override]
        """Run over a whole sequence: all steps at once."""
        read, count = self.initial_state(len(x)) if state is None else state
        read = torch.cat([read, self._embed(x, count)], dim=1)
        outputs = self._attend(read, x.shape[1])
        kept = max(read.shape[1] - self.memory + 1, 0)
        return outputs, (read[:, kept:], count + x.shape[1])

    def summary(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Return the output of the last step, computed alone."""
        _, count = self.initial_state(len(x))
        return self._attend(self._embed(x, count)[:, -self.memory :], 1)[:, 0]

    def _embed(self, x: Tensor, count: Tensor) -> Tensor:
        """Return W x + b + p, of steps that follow on `count` others."""
        steps = torch.arange(x.shape[1], device=x.device)
        angles = (count + steps)[..., None] * self.frequencies
        waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
        return self.embed(x) + waves[..., : self.hidden_size]

    def _attend(self, read: Tensor, n_new: int) -> Tensor:
        """Return the outputs of the last `n_new` of the steps read."""
        n_read = read.shape[1]
        steps = torch.arange(n_read, device=read.device)
        ago = steps[n_read - n_new :, None] - steps
        hidden = (ago < 0) | (ago >= self.memory)
        # A weight of 0 does not keep NaN out: it is taken out and put back after.
        broken = read.detach().sum(-1, keepdim=True).isnan()
        z = torch.where(broken, 0.0, read)
        normed = self.layer.norm1(z)
        attended, _ = self.layer.self_attn(
            normed[:, n_read - n_new :],
            normed,
            normed,
            attn_mask=hidden,
            need_weights=False,
        )
        u = z[:, n_read - n_new :] + attended
        inner = self.layer.activation(self.layer.linear1(self.layer.norm2(u)))
        outputs = u + self.layer.linear2(inner)
        if not broken.any():
            return outputs
        seen = (~hidden).to(read.dtype) @ broken.to(read.dtype)
        return torch.where(seen > 0, torch.nan, outputs)

    def extra_repr(self) -> str:
        """Show what is fixed in the module's repr."""
        return f"memory={self.memory}"
