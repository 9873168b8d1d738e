"""The minimal gated recurrent unit."""

from __future__ import annotations

from torch import Tensor, nn

from sklrnn.network.cells.minimal import MinimalCell


class MinGRU(MinimalCell):
    r"""Minimal gated recurrent unit: its gate does not read the state.

    .. math::
        z_t &= \sigma(W_z x_t + b_z) \\
        \tilde h_t &= W_h x_t + b_h \\
        h_t &= (1 - z_t) \odot h_{t-1} + z_t \odot \tilde h_t

    (Feng et al. 2024, section 3.1.) All steps can be computed at once, by a scan. What
    the gate can decide on is the input of the step alone: it takes layers to make
    decisions that depend on more.

    Parameters
    ----------
    input_size, hidden_size : int
    layer_norm : bool, default=False
        Normalise what the gate z squashes. The candidate is no gate and stays as it
        is: its size is what there is to remember.
    kernel : {"auto", "numba", "torch", "loop"}, default="auto"
        What runs whole sequences; see `sklrnn.network.kernels.minimal.run_minimal`.

    Raises
    ------
    ValueError
        If `kernel` is none of these.

    References
    ----------
    L. Feng, F. Tung, M. O. Ahmed, Y. Bengio and H. Hajimirsadeghi, "Were RNNs all we
    needed?", arXiv 2410.01201, 2024.

    Examples
    --------
    >>> import torch
    >>> from sklrnn.network.cells.mingru import MinGRU
    >>> cell = MinGRU(input_size=2, hidden_size=8)
    >>> outputs, state = cell.sequence(torch.zeros(4, 10, 2))
    >>> outputs.shape, state.shape
    (torch.Size([4, 10, 8]), torch.Size([4, 8]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layer_norm: bool = False,
        kernel: str = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, kernel)
        self.gate = nn.Linear(input_size, hidden_size)
        self.candidate = nn.Linear(input_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size) if layer_norm else nn.Identity()

    def transform(self, x: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Transform the input: z_t before it is squashed, no other gate, candidate."""
        return self.norm(self.gate(x)), None, self.candidate(x)
