"""What every recurrent cell provides."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear

from sklrnn.network.kernels import check_kernel, choose, compute

State = Any
"""What a cell carries from step to step; nobody but the cell looks inside.

A tensor, or tensors in tuples, lists or dicts, each with the batch first.
"""


class Cell(nn.Module):
    """A recurrent cell: one step of a sequence, and whole sequences by default.

    A subclass takes ``__init__(input_size, hidden_size, **cell_params)`` and provides
    `initial_state` and either `step` alone, or `project` and `advance`: the part that
    needs no state is then computed for all steps at once. It overrides `sequence` when
    it knows something faster than the loop of steps, and `summary` when the last output
    takes less than all of them.

    What a cell can do beyond that, its signatures tell. A constructor that takes

    - ``layer_norm`` (bool) puts layer normalisation inside its gates;
    - ``masked`` (bool) is told whether the input rows hold, after the values, as many
      mask entries (1 = observed) and as many times since last seen, as
      `sklrnn.data.windows.channels` writes them;
    - ``n_targets`` (int) is told how many values the network predicts per step;
    - ``window_length`` (int) is told how many steps a sequence has; layers above the
      first are told 1, as what is below has read the others.

    A `step` or `advance` that takes ``hidden_mask`` can do variational dropout on
    h_{t-1}: it multiplies by the mask what its recurrent weights read, nothing else, so
    that a 0 hides a unit from all others.
    A `sequence` that takes ``teacher`` can be taught its own outputs: it has a
    ``readout`` from outputs, (batch, steps, hidden_size), to (batch, steps, n_targets).

    A class that an entry point names also declares, as ``sklrnn_api = 1``, which number
    of this contract it was written for (`sklrnn.registry.API_VERSION`).

    Parameters
    ----------
    input_size : int
        Number of input features.
    hidden_size : int
        Number of output features.
    """

    remembers: bool = True
    """Whether anything learned is in the state, so that `bptt_steps` has gradients to
    cut. Not where the state is but the last inputs."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size

    def initial_state(self, batch: int) -> State:
        """Return the state before the first step of `batch` sequences."""
        raise TypeError(f"{type(self).__name__} does not define initial_state")

    def project(self, x: Tensor) -> Tensor:
        """Compute what a step needs of its input and of no state.

        Parameters
        ----------
        x : Tensor of shape (batch, steps, input_size)

        Returns
        -------
        Tensor of shape (batch, steps, n)
        """
        return x

    def advance(self, projected: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one step from what `project` has computed of it.

        Parameters
        ----------
        projected : Tensor of shape (batch, n)
        state : State
        hidden_mask : Tensor of shape (batch, hidden_size), optional
            If the cell can do recurrent dropout.

        Returns
        -------
        output : Tensor of shape (batch, hidden_size)
        state : State
        """
        raise TypeError(f"{type(self).__name__} defines neither step nor advance")

    def step(self, x: Tensor, state: State, **context: Any) -> tuple[Tensor, State]:
        """Advance by one step.

        Parameters
        ----------
        x : Tensor of shape (batch, input_size)
        state : State
        hidden_mask : Tensor of shape (batch, hidden_size), optional
            If the cell can do recurrent dropout.

        Returns
        -------
        output : Tensor of shape (batch, hidden_size)
        state : State
        """
        return self.advance(self.project(x.unsqueeze(1))[:, 0], state, **context)

    def sequence(
        self, x: Tensor, state: State = None, **context: Any
    ) -> tuple[Tensor, State]:
        """Run over a whole sequence, from `state` or from the initial one.

        Parameters
        ----------
        x : Tensor of shape (batch, steps, input_size)
        state : State, optional
        hidden_mask : Tensor of shape (batch, hidden_size), optional
            If the cell can do recurrent dropout: one mask for all steps.
        teacher : Tensor of shape (batch, steps, n_targets), optional
            If the cell can be taught: what its own output should have been at every
            step, NaN where that is not known.

        Returns
        -------
        outputs : Tensor of shape (batch, steps, hidden_size)
        state : State
            The state after the last step.
        """
        if state is None:
            state = self.initial_state(x.shape[0])
        run: Any = self.step
        if type(self).advance is not Cell.advance:
            x, run = self.project(x), self.advance
        outputs = []
        for x_t in x.unbind(1):
            output, state = run(x_t, state, **context)
            outputs.append(output)
        return torch.stack(outputs, dim=1), state

    def summary(self, x: Tensor, **context: Any) -> Tensor:
        """Return the output of a whole sequence's last step, (batch, hidden_size)."""
        return self.sequence(x, **context)[0][:, -1]


def takes(function: Any, name: str) -> bool:
    """Tell whether a class or function names a parameter so."""
    return name in inspect.signature(function).parameters


def can_drop_hidden(cell: Cell | type[Cell]) -> bool:
    """Tell whether a cell can do variational dropout on h_{t-1}."""
    return takes(cell.step, "hidden_mask") or takes(cell.advance, "hidden_mask")


def detached(state: State) -> State:
    """Return a state through which no gradient flows."""
    return _mapped(state, Tensor.detach)


def chosen(state: State, items: Tensor) -> State:
    """Return the state of some items of a batch, any of them several times.

    Parameters
    ----------
    state : State
    items : Tensor of shape (n_items,), int
    """
    return _mapped(state, lambda part: part.index_select(0, items))


def _mapped(state: State, change: Callable[[Tensor], Tensor]) -> State:
    """Return a state with every tensor of it changed."""
    if isinstance(state, Tensor):
        return change(state)
    if isinstance(state, dict):
        return {key: _mapped(value, change) for key, value in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return type(state)(*(_mapped(part, change) for part in state))
    if isinstance(state, (tuple, list)):
        return type(state)(_mapped(part, change) for part in state)
    return state


def chrono_bias(size: int, steps: int) -> Tensor:
    r"""Draw biases with which gates remember for up to so many steps.

    A gate that keeps the fraction :math:`\sigma(b)` of a state at every step forgets
    over :math:`1 + e^b` steps. The biases are :math:`\log u`, u uniform from 1 to
    ``steps - 1``.

    References
    ----------
    C. Tallec and Y. Ollivier, "Can recurrent neural networks warp time?", ICLR 2018.
    """
    if not isinstance(steps, Integral) or steps < 2:
        raise ValueError(
            f"chrono_steps must be an integer of at least 2 or None, got {steps!r}"
        )
    return torch.empty(size).uniform_(1.0, float(steps) - 1.0).log()


class LayerCell(Cell):
    """A cell with the weights of one of torch's own layers.

    Its sequences are computed by that layer or by `sklrnn.network.kernels`. A subclass
    names the `recurrence` and provides `advance` and `recurrent_inputs`, and its state
    is a tuple of tensors of shape (batch, hidden_size), the output first.

    Parameters
    ----------
    layer : nn.RNNBase
        One layer, one direction, ``batch_first``.
    kernel : {"auto", "native", "numba", "torch", "loop"}
        Who computes sequences; "auto" chooses what is fastest.
    n_gates : int
        Number of gates in the layer's weights, in its order.
    layer_norm : bool
        Whether to normalise every gate's W_x x + b_x and W_h h.
    native : bool
        Whether the layer itself computes what the cell does.

    Attributes
    ----------
    norm_x, norm_h : nn.Parameter of shape (n_gates, hidden_size) or None
        Gains of the layer normalisation.

    Raises
    ------
    ValueError
        If `kernel` is not one that can compute the cell.
    """

    layer: nn.RNNBase
    recurrence: str
    native_wins = False
    """Whether torch's own layer is faster on the CPU than machine code of ours."""

    def __init__(
        self,
        layer: nn.RNNBase,
        kernel: str,
        *,
        n_gates: int = 1,
        layer_norm: bool = False,
        native: bool = True,
    ) -> None:
        super().__init__(layer.input_size, layer.hidden_size)
        native = native and not layer_norm
        check_kernel(kernel, native)
        self.layer = layer
        self.kernel = kernel
        self.native = native
        gain = torch.ones(n_gates, self.hidden_size)
        self.norm_x = nn.Parameter(gain.clone()) if layer_norm else None
        self.norm_h = nn.Parameter(gain) if layer_norm else None

    def _set_bias(self, gate: int, bias: Tensor) -> None:
        """Let a fresh gate have a bias, which layer normalisation leaves as it is."""
        _, _, input_bias, hidden_bias = self.layer.all_weights[0]
        of_gate = slice(gate * self.hidden_size, (gate + 1) * self.hidden_size)
        with torch.no_grad():
            input_bias[of_gate] = 0.0
            hidden_bias[of_gate] = bias

    def recurrent_inputs(
        self, state: State, hidden_mask: Tensor | None
    ) -> tuple[Any, ...]:
        """Return what the recurrence takes after the projected input."""
        raise TypeError(f"{type(self).__name__} does not define recurrent_inputs")

    def hidden_bias(self) -> Tensor:
        """Return the second biases, as far as they are added to the gates' input."""
        return self.layer.all_weights[0][3]

    def initial_state(self, batch: int) -> State:
        """Return zeros of shape (batch, hidden_size)."""
        weight = self.layer.all_weights[0][0]
        return (weight.new_zeros(batch, self.hidden_size),)

    def project(self, x: Tensor) -> Tensor:
        """Compute the input's part of the gates, (batch, steps, n_gates * hidden)."""
        weight, _, input_bias, _ = self.layer.all_weights[0]
        if self.norm_x is None:
            return linear(x, weight, input_bias + self.hidden_bias())
        # One bias is normalised, too: of a single feature only the sign would be left.
        return self.hidden_bias() + normalised(
            linear(x, weight, input_bias), self.norm_x
        )

    def sequence(  # type: ignore[override]
        self, x: Tensor, state: State = None, hidden_mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a whole sequence, from `state` or from the initial one."""
        if state is None:
            state = self.initial_state(x.shape[0])
        native = self.native and hidden_mask is None
        kernel = choose(self.kernel, x, native=native, native_wins=self.native_wins)
        if kernel == "native":
            return self._native(x, state)
        if kernel == "loop":
            return super().sequence(x, state, hidden_mask=hidden_mask)
        inputs = self.recurrent_inputs(state, hidden_mask)
        projected = self._project_steps(x.transpose(0, 1).contiguous(), kernel)
        outputs, *state = compute(kernel, self.recurrence, projected, *inputs)
        return outputs.transpose(0, 1), tuple(state)

    def summary(self, x: Tensor, **context: Any) -> Tensor:
        """Return the output of a whole sequence's last step, (batch, hidden_size)."""
        return self.sequence(x, **context)[1][0]

    def _project_steps(self, x: Tensor, kernel: str) -> Tensor:
        """Compute what `project` does, for x of shape (steps, batch, input_size)."""
        if self.norm_x is None:
            return self.project(x)
        weight, _, input_bias, _ = self.layer.all_weights[0]
        a = linear(x, weight, input_bias)
        return compute(kernel, "gate_norm", a, self.norm_x, self.hidden_bias())

    def _native(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        outputs, (after,) = self.layer(x, state[0].unsqueeze(0))
        return outputs, (after,)


def normalised(a: Tensor, gain: Tensor) -> Tensor:
    """Normalise every gate of a, (..., n_gates * size); gain is (n_gates, size)."""
    gates = layer_norm(a.unflatten(-1, gain.shape), gain.shape[-1:])
    return (gates * gain).flatten(-2)
