"""What goes on inside a fitted network: gates between past and future, gradients."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sklrnn.data.series import GridSeries
from sklrnn.data.windows import last_window, split_windows
from sklrnn.network.cells.base import Cell, State
from sklrnn.network.cells.elman import Elman
from sklrnn.network.decoupled import Decoupled
from sklrnn.network.directions import Branch, Coupled
from sklrnn.network.forecast import ForecastNetwork
from sklrnn.network.layers import RecurrentLayers
from sklrnn.network.losses import MaskedMSE
from sklrnn.training.batches import WindowDataset


def fusion_gates(estimator: Any, X: Any = None, *, layer: int = -1) -> pd.DataFrame:
    r"""Read the gate of ``fusion="gated"``: how much past against future.

    Parameters
    ----------
    estimator : RNNForecaster
        Fitted with ``fusion="gated"`` (or a fusion that has a ``gate``) and
        ``direction="coupled"`` or ``"decoupled"``.
    X : table of shape (n_steps, n_columns), optional
        What to read: the columns of y and then those of X, as in `fit`. The data of
        `fit` if not given. The last window of every series is read.
    layer : int, default=-1
        Which of the coupled layers; the last if not given. A decoupled network has one
        gate, on top.

    Returns
    -------
    DataFrame of shape (n_steps, hidden_size)
        The gate g per step and hidden unit, from 0 (all from the future) to 1 (all
        from the past). Rows are named by their distance from the newest step, 0; for
        panels behind the name of their series. Decoupled, the first and the last step
        have but one side and no row.

    Raises
    ------
    ValueError
        If the fusion has no gate.

    Notes
    -----
    Between coupled layers the gate joins what is known of every step. On the last layer
    a forecaster uses it once, where both directions have read the whole window; its
    course over the steps is then that of a gate learned at the end.

    Examples
    --------
    >>> from sklrnn import RNNForecaster
    >>> from sklrnn.inspection import fusion_gates
    >>> from sktime.datasets import load_airline
    >>> forecaster = RNNForecaster(
    ...     direction="decoupled", fusion="gated", hidden_size=8, max_epochs=2,
    ...     random_state=0,
    ... ).fit(load_airline(), fh=[1])
    >>> gates = fusion_gates(forecaster)
    >>> gates.shape
    (22, 8)
    >>> past = gates.mean(axis=1)  # share of the past, step by step
    """
    _check_forecaster("fusion_gates", estimator)
    network = estimator.net_.module_.eval()
    series = estimator._series_from(X)
    length = estimator.window_length_
    past = [last_window(one, length, network.masked) for one in series]
    with torch.no_grad():
        gates, first = _gates(network, torch.from_numpy(np.stack(past)), layer)
    steps = pd.RangeIndex(first - length + 1, first - length + 1 + gates.shape[1])
    tables = {
        one.key: pd.DataFrame(gate.numpy(), index=steps.rename("step"))
        for one, gate in zip(series, gates, strict=True)
    }
    return tables[None] if None in tables else pd.concat(tables)


def _check_forecaster(function: str, estimator: Any) -> None:
    if not hasattr(estimator, "_series_from"):
        raise TypeError(
            f"{function} looks into an RNNForecaster, got {type(estimator).__name__}"
        )
    estimator.check_is_fitted()


def _gates(network: ForecastNetwork, past: Tensor, layer: int) -> tuple[Tensor, int]:
    """Return the gates, (batch, steps, hidden_size), and their first step."""
    encoder = network.encoder
    x = network.relative(past)
    if isinstance(encoder, Decoupled):
        return _gate_of(encoder.fusion)(*encoder.both(x)), 1
    chosen = encoder.layers[layer]
    if not isinstance(chosen, Coupled):
        raise ValueError(
            "fusion_gates needs an estimator with direction='coupled' or 'decoupled' "
            "and fusion='gated'; this one has direction='forward'"
        )
    gate = _gate_of(chosen.fusion)
    for before in encoder.layers[: list(encoder.layers).index(chosen)]:
        x, _ = before.sequence(x)
    return gate(*chosen.both(x)), 0


def _gate_of(fusion: Any) -> Any:
    if not hasattr(fusion, "gate"):
        raise ValueError(
            f"fusion_gates needs fusion='gated'; {type(fusion).__name__} has no gate"
        )
    return fusion.gate


def gradient_flow(
    estimator: Any, X: Any = None, *, layer: int = 0, n_windows: int = 8
) -> pd.DataFrame:
    r"""Follow the gradient of the loss back through the steps of a window.

    Backpropagation through time multiplies one Jacobian per step,

    .. math:: \frac{\partial L}{\partial h_t} = \frac{\partial L}{\partial h_T}
        \prod_{k=t+1}^{T} \frac{\partial h_k}{\partial h_{k-1}},

    and where these shrink what they are applied to, what was long ago cannot be learned
    from (the vanishing gradient). For Elman's network the product is bounded by
    :math:`\|W_{hh}\|^{T-t}`, as the slope of tanh and relu is at most 1.

    Parameters
    ----------
    estimator : RNNForecaster
        Fitted; fit it with ``max_epochs=1`` and a small `lr` to see how learning
        starts.
    X : table of shape (n_steps, n_columns), optional
        What to read: the columns of y and then those of X, as in `fit`; the data of
        `fit` if not given.
    layer : int, default=0
        Which recurrent layer; of two directions, the forward one.
    n_windows : int, default=8
        How many windows to average over, evenly spaced over X.

    Returns
    -------
    DataFrame of shape (window_length, 3)
        Rows are named by their distance from the newest step, 0. The columns are
        "gradient", the norm of the gradient of the loss with respect to the output and
        state of that step (h; with LSTM h and c together), "jacobian", the spectral
        norm of the derivative of the newest state with respect to that one, and
        "bound", :math:`\|W_{hh}\|^{T-t}`, NaN for cells other than elman. Norms are
        means over the windows, in standardised units.

    References
    ----------
    S. Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", diploma thesis,
    1991. R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
    recurrent neural networks", ICML 2013, equations (4)-(7).

    Examples
    --------
    >>> from sklrnn import RNNForecaster
    >>> from sklrnn.inspection import gradient_flow
    >>> from sktime.datasets import load_airline
    >>> forecaster = RNNForecaster("elman", hidden_size=8, max_epochs=2, random_state=0)
    >>> flow = gradient_flow(forecaster.fit(load_airline(), fh=[1]))
    >>> flow.columns.tolist()
    ['gradient', 'jacobian', 'bound']
    >>> bool((flow["jacobian"] <= flow["bound"] * 1.0001).all())
    True
    """
    _check_forecaster("gradient_flow", estimator)
    network = copy.deepcopy(estimator.net_.module_).eval()
    network.begin(network.phases[-1])
    inputs, scored = _windows(estimator, network, X, n_windows)
    recorder = _record(network, layer)
    loss, _ = network.loss(MaskedMSE(), inputs, scored, 1.0)
    # The loss is a mean over the windows; a window's own gradient is as many times it.
    (loss * len(inputs["past"])).backward()
    jacobian = _jacobian_products(recorder)
    n_steps = len(recorder.states)
    distance = np.arange(n_steps - 1, -1, -1)
    bound = np.full(n_steps, np.nan)
    if isinstance(recorder.cell, Elman):
        weight: Any = recorder.cell.layer.weight_hh_l0
        bound = float(torch.linalg.matrix_norm(weight.detach(), 2)) ** distance
    steps = pd.RangeIndex(-n_steps + 1, 1, name="step")
    columns = {
        "gradient": [
            _gradient_norm(output, state)
            for output, state in zip(recorder.outputs, recorder.states, strict=True)
        ],
        "jacobian": jacobian,
        "bound": bound,
    }
    return pd.DataFrame(columns, index=steps)


class _Recorder(Cell):
    """A cell run step by step that keeps its inputs, its states and their gradients."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.input_size, cell.hidden_size)
        self.cell = cell
        self.x: list[Tensor] = []
        self.states: list[State] = []
        self.outputs: list[Tensor] = []

    def sequence(
        self, x: Tensor, state: State = None, **context: Any
    ) -> tuple[Tensor, State]:
        state = self.cell.initial_state(len(x)) if state is None else state
        for x_t in x.unbind(1):
            self.x.append(x_t.detach())
            output, state = self.cell.step(x_t, state, **context)
            for part in (output, *_parts(state)):
                if part.requires_grad:
                    part.retain_grad()
            self.states.append(state)
            self.outputs.append(output)
        return torch.stack(self.outputs, dim=1), state


def _record(network: ForecastNetwork, layer: int) -> _Recorder:
    encoder = network.encoder
    layers: RecurrentLayers = getattr(encoder, "forward_layers", encoder)
    chosen = layers.layers[layer]
    branch: Branch = (
        chosen.forward_branch if isinstance(chosen, Coupled) else chosen.branch
    )
    recorder = _Recorder(branch.cell)
    branch.cell = recorder
    return recorder


def _windows(
    estimator: Any, network: ForecastNetwork, X: Any, n_windows: int
) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor | None]]:
    series: list[GridSeries] = estimator._series_from(X)
    shape = {
        "window_length": estimator.window_length_,
        "horizon": network.horizon,
        "masked": network.masked,
    }
    windows, _ = split_windows(series, validation_fraction=None, **shape)
    dataset = WindowDataset(
        windows.thinned(n_windows),
        n_targets=network.n_targets,
        n_exogenous=network.n_exogenous,
        **shape,
    )
    return dataset.gather(torch.arange(len(dataset)))


def _jacobian_products(recorder: _Recorder) -> list[float]:
    """Return the mean norms of d s_T / d s_t, for every t."""
    product, norms = None, []
    for x, before in zip(recorder.x[:0:-1], recorder.states[-2::-1], strict=True):
        step = _jacobian(recorder.cell, x, before)
        product = step if product is None else product @ step
        norms.append(float(torch.linalg.matrix_norm(product, 2).mean()))
    return [*norms[::-1], 1.0]


def _jacobian(cell: Cell, x: Tensor, before: State) -> Tensor:
    """Return d s_t / d s_{t-1}, (batch, n, n), n all features of the state."""
    leaves = [part.detach().requires_grad_() for part in _parts(before)]
    after = _flat(_parts(cell.step(x, _rebuilt(before, iter(leaves)))[1]))
    if after.shape[1] == 0:  # nothing is carried: the upper layers of an mlp
        return x.new_zeros(len(x), 1, 1)
    rows = []
    for unit in range(after.shape[1]):
        gradients = torch.autograd.grad(
            after[:, unit].sum(), leaves, retain_graph=True, materialize_grads=True
        )
        rows.append(_flat(list(gradients)))
    return torch.stack(rows, dim=1)


def _parts(state: State) -> list[Tensor]:
    """Return the tensors of a state."""
    if isinstance(state, Tensor):
        return [state]
    inside = state.values() if isinstance(state, dict) else state or ()
    return [part for value in inside for part in _parts(value)]


def _rebuilt(state: State, parts: Any) -> State:
    """Return a state of the same structure from other tensors."""
    if isinstance(state, Tensor):
        return next(parts)
    if isinstance(state, dict):
        return {key: _rebuilt(value, parts) for key, value in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return type(state)(*(_rebuilt(value, parts) for value in state))
    if isinstance(state, (tuple, list)):
        return type(state)(_rebuilt(value, parts) for value in state)
    return state


def _flat(parts: list[Tensor]) -> Tensor:
    """Lay a state's tensors, batch first, side by side: (batch, n)."""
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def _gradient_norm(output: Tensor, state: State) -> float:
    """Return the mean norm of the gradient that a step's output and state received."""
    # Most often the output is a part of the state, and counts once.
    parts = {id(part): part for part in (output, *_parts(state))}
    gradients = [part.grad for part in parts.values() if part.grad is not None]
    return float(_flat(gradients).norm(dim=1).mean()) if gradients else 0.0
