"""Minimal long short-term memory."""

from __future__ import annotations

from torch import Tensor, nn

from sklrnn.network.cells.minimal import MinimalCell


class MinLSTM(MinimalCell):
    r"""Minimal long short-term memory: its gates do not read the state.

    .. math::
        f_t &= \sigma(W_f x_t + b_f), \quad i_t = \sigma(W_i x_t + b_i) \\
        \tilde h_t &= W_h x_t + b_h \\
        h_t &= \frac{f_t}{f_t + i_t} \odot h_{t-1}
            + \frac{i_t}{f_t + i_t} \odot \tilde h_t

    (Feng et al. 2024, section 3.2, with the gates normalised, so that the state keeps
    its scale however long the sequence.) All steps can be computed at once, by a scan.

    Parameters
    ----------
    input_size, hidden_size : int
    layer_norm : bool, default=False
        Normalise what each of the gates f and i squashes. The candidate is no gate and
        stays as it is: its size is what there is to remember.
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
    >>> from sklrnn.network.cells.minlstm import MinLSTM
    >>> cell = MinLSTM(input_size=2, hidden_size=8)
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
        self.forget = nn.Linear(input_size, hidden_size)
        self.input = nn.Linear(input_size, hidden_size)
        self.candidate = nn.Linear(input_size, hidden_size)
        self.forget_norm = nn.LayerNorm(hidden_size) if layer_norm else nn.Identity()
        self.input_norm = nn.LayerNorm(hidden_size) if layer_norm else nn.Identity()

    def transform(self, x: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Transform the input: i_t and f_t before they are squashed, candidate."""
        gate = self.input_norm(self.input(x))
        return gate, self.forget_norm(self.forget(x)), self.candidate(x)
