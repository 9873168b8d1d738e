"""What is expected of cells and of fusions alike."""

from __future__ import annotations

import copy
import pickle

import torch

from sklrnn.testing.trial import (
    BATCH,
    N_STEPS,
    Trial,
    check_gradient,
    expect,
    expect_equal,
    from_step,
    modes,
    seeded,
    titled,
)


@titled("outputs have the size they should and the dtype of the input")
def _sizes_and_dtypes(trial: Trial) -> None:
    for dtype in (torch.float32, torch.float64):
        module = trial.build(dtype)
        outputs = trial.run(module, *trial.inputs(dtype))
        wanted = (BATCH, N_STEPS, trial.output_size(module))
        expect(
            tuple(outputs.shape) == wanted,
            f"the shape should be {wanted}, (batch, steps, features), and is "
            f"{tuple(outputs.shape)}",
        )
        expect(
            outputs.dtype == dtype,
            f"weights and input are {dtype}, the output is {outputs.dtype}; make new "
            "tensors with the dtype of a weight, as in weight.new_zeros(...)",
        )
        expect(
            bool(outputs.isfinite().all()),
            f"with ordinary {dtype} numbers some outputs are NaN or infinite",
        )


@titled("single precision agrees with double precision")
def _precision(trial: Trial) -> None:
    found = []
    for dtype in (torch.float32, torch.float64):
        module = trial.build(dtype)
        inputs = [x.requires_grad_() for x in trial.inputs(dtype)]
        outputs = trial.run(module, *inputs)
        values = {"the output": outputs.detach()}
        if outputs.requires_grad:
            sources = {f"input {n}": x for n, x in enumerate(inputs)}
            sources |= {k: w for k, w in module.named_parameters() if w.requires_grad}
            slopes = torch.autograd.grad(
                outputs.square().sum(),
                list(sources.values()),
                allow_unused=True,
                materialize_grads=True,
            )
            names = (f"the gradient of {key}" for key in sources)
            values |= dict(zip(names, slopes, strict=True))
        found.append(values)
    for key, double in found[1].items():
        text = f"with the same weights, {key} in float32 differs from that in float64"
        expect_equal(found[0][key], double.float(), text)


@titled("the future does not change the past")
def _future(trial: Trial) -> None:
    module = trial.build()
    if not trial.causal(module):
        return
    (first, *others), then = trial.inputs(), trial.inputs(seed=1)[0]
    for mode in modes(module):
        before = seeded(trial.run, module, first, *others)
        for step in (1, N_STEPS - 1):
            changed = from_step(step, first, then)
            after = seeded(trial.run, module, changed, *others)
            expect_equal(
                after[:, :step],
                before[:, :step],
                f"in {mode} mode, an input that changes from step {step} on changes "
                "outputs before it; an output may depend on its own step and on "
                "earlier ones only",
            )


@titled("items of a batch do not mix")
def _items(trial: Trial) -> None:
    module = trial.build()
    inputs, others = trial.inputs(), trial.inputs(seed=1)
    changed = [torch.cat([a[:1], b[1:]]) for a, b in zip(inputs, others, strict=True)]
    for mode in modes(module):
        before = seeded(trial.run, module, *inputs)
        after = seeded(trial.run, module, *changed)
        expect_equal(
            after[0],
            before[0],
            f"in {mode} mode, the outputs of one item change with another item; "
            "compute nothing across the first dimension, as a mean or a batch "
            "normalisation does",
        )


@titled("a batch of one and a sequence of one step work")
def _batch_of_one(trial: Trial) -> None:
    module = trial.build()
    inputs = trial.inputs()
    alone = trial.run(module, *(x[:1] for x in inputs))
    expect_equal(
        alone,
        trial.run(module, *inputs)[:1],
        "an item alone has other outputs than in a batch",
    )
    for n in (1, BATCH):
        short = trial.run(module, *(x[:n, :1] for x in inputs))
        wanted = (n, 1, trial.output_size(module))
        expect(
            tuple(short.shape) == wanted,
            f"the shape should be {wanted} and is {tuple(short.shape)}; squeeze with a "
            "dimension only",
        )


@titled("every weight gets a gradient")
def _weights(trial: Trial) -> None:
    module = trial.build()
    outputs = trial.run(module, *trial.inputs())
    parts = [part.square().sum() for part in trial.learned_from(module, outputs)]
    loss = torch.stack(parts).sum()
    learned = {n: w for n, w in module.named_parameters() if w.requires_grad}
    if not learned:
        return
    expect(
        loss.requires_grad,
        "the outputs have no gradient; something detaches them from the weights",
    )
    loss.backward()
    dead = [n for n, w in learned.items() if w.grad is None or not w.grad.any()]
    expect(
        not dead,
        f"{', '.join(dead)} had none, so that it never learns; use it, take it out, or "
        "make it a buffer if it is meant to stay",
    )
    odd = [n for n, w in learned.items() if not w.grad.isfinite().all()]
    expect(not odd, f"that of {', '.join(odd)} is NaN or infinite")


@titled("gradients are right in double precision")
def _gradients(trial: Trial) -> None:
    check_gradient(trial)


@titled("the same input gives the same output")
def _repeatable(trial: Trial) -> None:
    module = trial.build()
    inputs = trial.inputs()
    kept = [x.clone() for x in inputs]
    before = trial.run(module, *inputs)
    for x, old in zip(inputs, kept, strict=True):
        expect(torch.equal(x, old), "running writes into its input; work on a copy")
    trial.run(module, *trial.inputs(seed=1))
    expect_equal(
        trial.run(module, *inputs),
        before,
        "in evaluation mode the second run differs from the first; keep nothing from "
        "run to run, and draw random numbers in training mode only",
    )


@titled("memory layout and gradient mode make no difference")
def _ways_of_running(trial: Trial) -> None:
    module = trial.build()
    inputs = trial.inputs()
    wanted = trial.run(module, *inputs)
    scattered = [x.transpose(0, 1).contiguous().transpose(0, 1) for x in inputs]
    expect_equal(
        trial.run(module, *scattered),
        wanted,
        "an input of another memory layout gives other outputs",
    )
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found = trial.run(module, *inputs).clone()
        expect_equal(
            found, wanted, f"under torch.{mode.__name__} the outputs are others"
        )


@titled("NaN stays in its item and in its future, and can be seen there")
def _missing(trial: Trial) -> None:
    module = trial.build()
    inputs = trial.inputs()
    before = trial.run(module, *inputs)
    inputs[0][1, 2, 0] = torch.nan
    after = trial.run(module, *inputs)
    others = [0, 2]
    expect_equal(after[others], before[others], "NaN in one item changes another item")
    seen = after[1]
    if trial.causal(module):
        expect_equal(seen[:2], before[1, :2], "NaN at a step changes the steps before")
        seen = seen[2]
    expect(
        bool(seen.isnan().any()),
        "NaN in an observed input leaves no NaN in the output of its step; an error "
        "must not pass for a number",
    )


@titled("pickling and copying keep what was learned")
def _copies(trial: Trial) -> None:
    module = trial.build()
    inputs = trial.inputs()
    before = trial.run(module, *inputs)
    try:
        pickled = pickle.loads(pickle.dumps(module))
    except Exception as error:
        expect(
            False,
            f"pickle fails with {type(error).__name__}: {error}; define classes and "
            "functions at the top of a module, and keep no open files or lambdas",
        )
    for name, other in ("pickled", pickled), ("deepcopied", copy.deepcopy(module)):
        expect_equal(
            trial.run(other, *inputs), before, f"once {name} it gives other outputs"
        )
        with torch.no_grad():
            for weight in other.parameters():
                weight.zero_()
        expect_equal(
            trial.run(module, *inputs),
            before,
            f"the {name} one shares its weights with the original",
        )


@titled("the state_dict holds all that was learned")
def _state_dict(trial: Trial) -> None:
    module = trial.build()
    inputs = trial.inputs()
    torch.manual_seed(7)
    other = trial.construct().double().eval()
    other.load_state_dict(module.state_dict())
    expect_equal(
        trial.run(other, *inputs),
        trial.run(module, *inputs),
        "a new one that loads the state_dict gives other outputs; keep tensors as "
        "nn.Parameter or with register_buffer",
    )


@titled("initial weights follow torch.manual_seed")
def _initialisation(trial: Trial) -> None:
    states, drawn = [], []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        states.append(trial.construct().state_dict())
        drawn.append(torch.rand(1).item())
    for key, value in states[0].items():
        expect(
            torch.equal(value, states[1][key]),
            f"{key} differs after the same torch.manual_seed; draw it from torch's "
            "generator",
        )
    expect(
        drawn[0] != drawn[2], "the constructor sets torch's seed, which is the user's"
    )


SHARED = (
    _sizes_and_dtypes,
    _precision,
    _batch_of_one,
    _items,
    _future,
    _repeatable,
    _ways_of_running,
    _missing,
    _weights,
    _gradients,
    _copies,
    _state_dict,
    _initialisation,
)
