import numpy as np
import pandas as pd
import pytest
import torch
from sktime.datasets import load_airline
from sktime.utils._testing.hierarchical import _make_hierarchical

from sklrnn import RNNForecaster, RNNImputer
from sklrnn.data.windows import last_window
from sklrnn.inspection import fusion_gates, gradient_flow

AIRLINE = load_airline()


def fitted(**params):
    base = {"hidden_size": 6, "max_epochs": 2, "random_state": 0, "window_length": 9}
    return RNNForecaster(**base | params).fit(AIRLINE, fh=[1, 2])


def window(forecaster):
    past = last_window(forecaster._series[0], 9, False)
    return forecaster.net_.module_.relative(torch.from_numpy(past)[None])


def test_gates_of_a_coupled_network_are_those_of_the_equation():
    forecaster = fitted(direction="coupled", fusion="gated")
    gates = fusion_gates(forecaster)
    assert list(gates.index) == list(range(-8, 1)) and gates.shape == (9, 6)
    x = window(forecaster)
    layer = forecaster.net_.module_.encoder.layers[0]
    ahead = layer.forward_branch.sequence(x)[0]
    behind = layer.backward_branch.sequence(x.flip(1))[0].flip(1)
    gate = torch.sigmoid(layer.fusion.to_gate(torch.cat([ahead, behind], -1)))[0]
    np.testing.assert_allclose(gates, gate.detach(), atol=1e-6)
    fused = layer.sequence(x)[0][0]
    np.testing.assert_allclose(
        (gate * ahead[0] + (1 - gate) * behind[0]).detach(), fused.detach(), atol=1e-6
    )


def test_gates_of_a_decoupled_network_stand_at_the_inner_steps():
    gates = fusion_gates(fitted(direction="decoupled", fusion="gated"))
    assert list(gates.index) == list(range(-7, 0))
    assert gates.to_numpy().min() > 0 and gates.to_numpy().max() < 1


def test_gates_of_every_layer_and_of_other_data():
    forecaster = fitted(direction="coupled", fusion="gated", num_layers=2)
    first, last = (fusion_gates(forecaster, layer=layer) for layer in (0, -1))
    assert not np.allclose(first, last)
    again = fusion_gates(forecaster, AIRLINE.to_frame())
    np.testing.assert_allclose(last, again, atol=1e-6)
    assert not np.allclose(last, fusion_gates(forecaster, AIRLINE[:-5].to_frame()))
    with pytest.raises(ValueError, match="X must have the columns"):
        fusion_gates(forecaster, pd.DataFrame({"a": [1.0], "b": [2.0]}))


def test_gates_of_a_panel_have_the_names_of_its_series():
    y = _make_hierarchical((2,), min_timepoints=30, max_timepoints=30, random_state=0)
    forecaster = RNNForecaster(
        direction="coupled", fusion="gated", hidden_size=4, max_epochs=1, horizon=1
    ).fit(y)
    gates = fusion_gates(forecaster)
    assert list(gates.index.get_level_values(0).unique()) == ["h0_0", "h0_1"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "this one has direction='forward'"),
        ({"direction": "coupled"}, "needs fusion='gated'; Concat has no gate"),
        ({"direction": "decoupled"}, "needs fusion='gated'; Concat has no gate"),
    ],
)
def test_no_gate_to_read(params, message):
    with pytest.raises(ValueError, match=message):
        fusion_gates(fitted(**params))


def test_jacobian_products_of_elman_by_hand():
    forecaster = fitted(cell="elman")
    flow = gradient_flow(forecaster, n_windows=1)
    cell = forecaster.net_.module_.encoder.layers[0].branch.cell
    weight = cell.layer.weight_hh_l0.detach()
    past = forecaster._series[0].values[:9]
    x = forecaster.net_.module_.relative(torch.from_numpy(past)[None])
    outputs = cell.sequence(x)[0][0].detach()
    product, norms = torch.eye(6), [1.0]
    for h in outputs.flip(0)[:-1]:
        product = product @ (torch.diag(1 - h.square()) @ weight)
        norms.append(float(torch.linalg.matrix_norm(product, 2)))
    np.testing.assert_allclose(flow["jacobian"], norms[::-1], rtol=1e-4)
    largest = float(torch.linalg.matrix_norm(weight, 2))
    np.testing.assert_allclose(
        flow["bound"], largest ** np.arange(8, -1, -1), rtol=1e-5
    )
    assert (flow["jacobian"] <= flow["bound"] * 1.0001).all()


def test_gradients_are_those_of_the_loss():
    forecaster = fitted(cell="elman", normalize="standard", shortcut=False, loss="mse")
    flow = gradient_flow(forecaster, n_windows=1)
    module = forecaster.net_.module_
    values = torch.from_numpy(forecaster._series[0].values)
    state = module.encoder.summary(values[None, :9]).detach().requires_grad_()
    forecast = module.head(state)[0]
    (forecast - values[9:11]).square().mean().backward()
    assert flow["gradient"].iloc[-1] == pytest.approx(
        state.grad.norm().item(), rel=1e-4
    )


@pytest.mark.parametrize(
    "cell", ["elman", "jordan", "lstm", "gru", "grud", "mlp", "transformer"]
)
@pytest.mark.parametrize("direction", ["forward", "coupled", "decoupled"])
def test_every_architecture_shows_its_gradients(cell, direction):
    forecaster = fitted(cell=cell, direction=direction, num_layers=2)
    before = forecaster.predict()
    for layer in (0, 1):
        flow = gradient_flow(forecaster, layer=layer)
        assert flow.shape == (9, 3)
        assert flow["jacobian"].iloc[-1] == 1.0
        assert flow["gradient"].iloc[-1] > 0
        assert flow["bound"].isna().all() == (cell != "elman")
    pd.testing.assert_series_equal(forecaster.predict(), before)


def test_a_lstm_that_remembers_loses_less_of_the_gradient_than_elman():
    elman = gradient_flow(fitted(cell="elman"))
    lstm = gradient_flow(fitted(cell="lstm", cell_params={"forget_bias": 5.0}))
    assert lstm["jacobian"].iloc[0] > elman["jacobian"].iloc[0]


@pytest.mark.parametrize("function", [fusion_gates, gradient_flow])
def test_other_estimators_are_refused(function):
    with pytest.raises(TypeError, match=f"{function.__name__} .* got RNNImputer"):
        function(RNNImputer())
