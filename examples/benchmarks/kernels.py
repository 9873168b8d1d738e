"""Time forward and backward of whole sequences, for every cell and kernel.

Ratios are to the plain layer of torch, LSTM, GRU or RNN, timed in turn with the rest in
the same process: medians of process time on the CPU, in one thread. Run by hand:

    python examples/benchmarks/kernels.py [--device cuda]
"""

import argparse
import gc
import statistics
import time

import torch

from sklrnn.network.cells.elman import Elman
from sklrnn.network.cells.gru import GRU
from sklrnn.network.cells.grud import GRUD
from sklrnn.network.cells.jordan import Jordan
from sklrnn.network.cells.lstm import LSTM
from sklrnn.network.cells.mingru import MinGRU
from sklrnn.network.cells.minlstm import MinLSTM
from sklrnn.network.kernels import KERNELS
from sklrnn.training.memory import reused_memory

SHAPES = {  # batch, steps, input_size, hidden_size
    "S1": (32, 96, 7, 64),
    "S2": (256, 48, 1, 64),
    "S3": (64, 200, 32, 128),
    "S4": (16, 512, 8, 256),
}
VARIANTS = {  # the cell, its parameters, and whether h is dropped from
    "lstm": (LSTM, {}, False),
    "lstm peephole": (LSTM, {"peephole": True}, False),
    "lstm LN+VD": (LSTM, {"layer_norm": True}, True),
    "gru": (GRU, {}, False),
    "gru before": (GRU, {"reset": "before"}, False),
    "gru LN+VD": (GRU, {"layer_norm": True}, True),
    "elman": (Elman, {}, False),
    "elman VD": (Elman, {}, True),
}
OTHERS = {  # cells that torch has no layer of
    "jordan": (Jordan, {"n_targets": 1}, False),
    "grud": (GRUD, {}, False),
    "mingru": (MinGRU, {}, False),
    "minlstm": (MinLSTM, {}, False),
}
LENGTHS = (100, 300, 1000, 3000, 10000)
SECONDS = 1.0  # for each shape and cell


def training_step(cell_class, params, dropped, kernel, shape, device):
    """Return a function that runs a cell forward and backward."""
    batch, steps, input_size, hidden_size = shape
    generator = torch.Generator().manual_seed(0)
    cell = cell_class(input_size, hidden_size, kernel=kernel, **params).to(device)
    x = torch.randn(batch, steps, input_size, generator=generator).to(device)
    gradient = torch.randn(batch, steps, hidden_size, generator=generator).to(device)
    keep = torch.full((batch, hidden_size), 0.8).bernoulli_(generator=generator)
    context = {"hidden_mask": (keep / 0.8).to(device)} if dropped else {}

    def step():
        cell.zero_grad()
        cell.sequence(x, **context)[0].backward(gradient)

    return step


def timed(steps, device, seconds=SECONDS):
    """Return the median milliseconds of each function, run in turn."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    times = {name: [] for name in steps}
    for step in steps.values():
        step()  # compiles
        step()
    end = time.perf_counter() + seconds
    gc.collect()
    while time.perf_counter() < end or len(times[next(iter(times))]) < 5:
        for name, step in steps.items():
            start = clock()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times[name].append(1000 * (clock() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def can_run(cell_class, params, dropped, kernel, device):
    try:
        training_step(cell_class, params, dropped, kernel, (1, 1, 1, 1), device)()
    except ValueError:
        return False
    return True


def compare(device):
    """Print the ratios of all variants and kernels to the plain native layer."""
    print(f"{'':22}" + "".join(f"{name:>8}" for name in SHAPES) + f"{'mean':>8}")
    for cell_class in (LSTM, GRU, Elman):
        runs = {
            (name, kernel): variant
            for name, variant in VARIANTS.items()
            for kernel in KERNELS
            if variant[0] is cell_class and can_run(*variant, kernel, device)
        }
        base = (cell_class.__name__.lower(), "native")
        ratios = {run: [] for run in runs}
        for shape in SHAPES.values():
            times = timed(
                {
                    run: training_step(*variant, run[1], shape, device)
                    for run, variant in runs.items()
                },
                device,
            )
            for run, milliseconds in times.items():
                ratios[run].append(milliseconds / times[base])
        for (name, kernel), row in ratios.items():
            values = [*row, statistics.mean(row)]
            cells = "".join(f"{value:8.2f}" for value in values)
            print(f"{name:14}{kernel:8}{cells}", flush=True)


def compare_with_loop(device):
    """Print how many times faster the chosen kernel is than the loop of steps."""
    print("\ntimes faster than the loop of steps")
    for name, variant in OTHERS.items():
        row = []
        for shape in SHAPES.values():
            kernels = ("auto", "loop")
            steps = {k: training_step(*variant, k, shape, device) for k in kernels}
            times = timed(steps, device)
            row.append(times["loop"] / times["auto"])
        cells = "".join(f"{value:8.2f}" for value in [*row, statistics.mean(row)])
        print(f"{name:14}{'auto':8}{cells}", flush=True)


def lengths(device):
    """Print the time of a step, which should not depend on how many there are."""
    print("\nmilliseconds per step, batch 32, input 8, hidden 64")
    print(f"{'':22}" + "".join(f"{n:>8}" for n in LENGTHS))
    for name, variant in VARIANTS.items():
        row = []
        for n_steps in LENGTHS:
            step = training_step(*variant, "auto", (32, n_steps, 8, 64), device)
            row.append(timed({"auto": step}, device, 0.0)["auto"] / n_steps)
        cells = "".join(f"{value:8.4f}" for value in row)
        print(f"{name:14}{'auto':8}{cells}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    device = torch.device(parser.parse_args().device)
    torch.set_num_threads(1)
    with reused_memory():
        compare(device)
        compare_with_loop(device)
        lengths(device)


if __name__ == "__main__":
    main()
