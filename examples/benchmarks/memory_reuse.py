"""Training with and without the reuse of freed memory: time, page faults, memory.

    python examples/benchmarks/memory_reuse.py

Each line compares processes of their own, in turns: half with
``sklrnn.set_config(reuse_memory=True)``, half with False. CPU time is compared, for
machines are noisy. Memory is resident memory above what the process held before
training: at its peak, and after training, when the network and its data are still
there. It can be below 0, for what was free before may be given back. Linux only.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings

# Hidden size, cell, batch size, steps, features, training steps that are timed.
LOOPS = {
    "LSTM 16, batch 32, 24 steps": (16, "LSTM", 32, 24, 1, 300),
    "GRU 16, batch 32, 24 steps": (16, "GRU", 32, 24, 1, 150),
    "LSTM 64, batch 32, 96 steps": (64, "LSTM", 32, 96, 7, 100),
    "GRU 64, batch 32, 96 steps": (64, "GRU", 32, 96, 7, 50),
    "LSTM 64, batch 256, 48 steps": (64, "LSTM", 256, 48, 1, 40),
    "GRU 64, batch 256, 48 steps": (64, "GRU", 256, 48, 1, 30),
    "LSTM 128, batch 64, 200 steps": (128, "LSTM", 64, 200, 32, 15),
    "GRU 128, batch 64, 200 steps": (128, "GRU", 64, 200, 32, 10),
    "LSTM 256, batch 16, 512 steps": (256, "LSTM", 16, 512, 8, 10),
    "GRU 256, batch 256, 96 steps": (256, "GRU", 256, 96, 7, 6),
}
# Parameters of RNNForecaster and the rows of the compressor that it is fitted to.
FITS = {
    "fit, as it comes, 1000 rows": ({"max_epochs": 6}, 1000),
    "fit, batch 256, window 96": (
        {"batch_size": 256, "window_length": 96, "max_epochs": 2},
        6000,
    ),
    "fit, 128 units, batch 128": (
        {"hidden_size": 128, "batch_size": 128, "window_length": 96, "max_epochs": 2},
        3000,
    ),
}
ARRAYS_MB = (0.1, 1, 10, 50)


def page_faults():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def resident(entry):
    with open("/proc/self/status") as status:
        return next(
            int(line.split()[1]) / 1024 for line in status if line.startswith(entry)
        )


def new_step(hidden_size, cell, batch_size, n_steps, n_features):
    """Return a function that trains a network for one step."""
    import torch

    torch.manual_seed(0)
    rnn = getattr(torch.nn, cell)(n_features, hidden_size, batch_first=True)
    head = torch.nn.Linear(hidden_size, n_features)
    parameters = [*rnn.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters)
    x = torch.randn(4 * batch_size, n_steps, n_features)
    y = torch.randn(4 * batch_size, n_features)

    def step():
        index = torch.randint(len(x), (batch_size,))
        optimizer.zero_grad()
        # The mean, for gradients that fade over many steps end as denormal numbers,
        # with which processors are slow.
        loss = (head(rnn(x[index])[0].mean(1)) - y[index]).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return step


def measured(train, n_calls):
    """Return what a number of calls cost, with the present settings."""
    from sklrnn.training.memory import reused_memory

    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # sets the peak back
    faults, start = page_faults(), time.process_time()
    with reused_memory():
        for _ in range(n_calls):
            train()
    return {
        "time": (time.process_time() - start) / n_calls,
        "faults": (page_faults() - faults) / n_calls,
        "peak": resident("VmHWM") - before,
        "after": resident("VmRSS") - before,
    }


def measured_loop(name):
    *network, n_calls = LOOPS[name]
    step = new_step(*network)
    for _ in range(3):
        step()
    return measured(step, n_calls)


def measured_fit(name):
    from sklrnn import RNNForecaster
    from sklrnn.datasets import load_compressor

    parameters, rows = FITS[name]
    y = load_compressor().iloc[:rows, :3]
    RNNForecaster(max_epochs=1, random_state=0).fit(y[:300], fh=[1])
    fitted = []  # an estimator that is kept keeps its memory

    def fit():
        forecaster = RNNForecaster(random_state=0, **parameters)
        fitted.append(forecaster.fit(y, fh=[1, 2, 3]))

    return measured(fit, 1)


def arithmetic():
    """Return the CPU time of numpy's arithmetic by size of array, in ns a number.

    It follows a training step in the block, or without one; so it shows in what state
    malloc is left.
    """
    import numpy as np

    measured(new_step(64, "LSTM", 256, 48, 1), 3)
    times = {}
    for size in ARRAYS_MB:
        x = np.ones(int(size * 2**17))
        x *= 0.5
        n_calls = int(100 / size**0.5)
        start = time.process_time()
        for _ in range(n_calls):
            (x * 2 + 1) * (x - 3) + x
        times[size] = (time.process_time() - start) / n_calls / len(x) * 1e9
    return times


def work(name, reuse):
    """Do the work of one process: print what it measured."""
    import torch

    import sklrnn

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    sklrnn.set_config(reuse_memory=reuse)
    if name in LOOPS:
        print(json.dumps(measured_loop(name)))
    elif name in FITS:
        print(json.dumps(measured_fit(name)))
    else:
        print(json.dumps(arithmetic()))


def compare(name, rounds):
    """Return the medians of all that is measured, without reuse and with it."""
    results = {False: [], True: []}
    for _ in range(rounds):
        for reuse in results:
            command = [sys.executable, __file__, "--work", name]
            out = subprocess.check_output(command + ["--reuse"] * reuse, text=True)
            results[reuse].append(json.loads(out.splitlines()[-1]))
    return [
        {key: statistics.median(r[key] for r in rows) for key in rows[0]}
        for rows in results.values()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--reuse", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.work, options.reuse)

    print("without reuse -> with it; time and page faults of a training step or a fit")
    print(
        f"{'':30s} {'ratio':>5s} {'CPU time, ms':>19s} {'page faults':>18s} "
        f"{'peak, MB':>14s} {'after, MB':>14s}"
    )
    for name in (*LOOPS, *FITS):
        off, on = compare(name, options.rounds)
        print(
            f"{name:30s} {on['time'] / off['time']:5.2f} "
            f"{off['time'] * 1e3:8.1f} -> {on['time'] * 1e3:7.1f} "
            f"{off['faults']:7.0f} -> {on['faults']:7.0f} "
            f"{off['peak']:5.0f} -> {on['peak']:5.0f} "
            f"{off['after']:5.0f} -> {on['after']:5.0f}",
            flush=True,
        )
    print(
        "\nafterwards: numpy's arithmetic in the same process, ns of CPU time a number"
    )
    off, on = compare("arithmetic", options.rounds)
    for size in off:
        print(f"arrays of {size:>4s} MB {off[size]:17.1f} -> {on[size]:7.1f}")


if __name__ == "__main__":
    main()
