"""Training speed and memory beside hand-written PyTorch loops and other libraries.

    python examples/benchmarks/training.py
    python examples/benchmarks/training.py --only panel --rounds 1

All train a recurrent layer of 64 units on the same windows with the same batch size,
AdamW and a gradient clipped by norm, in turns, in one run on one thread. CPU time is
compared, for machines are noisy. Every contender trains once for few steps and once for
many: "ms a step" is the difference, divided by the steps between the two, "set-up" what
a training takes besides its steps.

"DataLoader" is the loop that most people write, over a TensorDataset of all windows.
"by index" is the fastest that plain PyTorch offers: whole batches gathered by index
from a view of the series. Other libraries take part where they are installed
(`libraries.py`: darts, gluonts, neuralforecast, pytorch-forecasting).

Memory is measured in processes of its own, as peak resident memory above what a process
holds after ``import torch``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from libraries import LIBRARIES
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset


class Setting(NamedTuple):
    cell: str
    series: int
    channels: int
    rows: int
    window: int
    horizon: int
    batch: int
    steps: tuple[int, int]  # of the short and of the long training
    hidden: int = 64
    lr: float = 1e-3

    def n_windows(self):
        return self.series * (self.rows - self.window - self.horizon + 1)

    def n_batches(self, size):
        return -(-size // self.batch)

    def epochs(self):
        """Return the windows of an epoch, and the epochs of both trainings.

        An epoch is at most as many steps as the short training has.
        """
        size = min(self.n_windows(), self.steps[0] * self.batch)
        return size, [max(n // self.n_batches(size), 1) for n in self.steps]


SETTINGS = {
    "airline": Setting("lstm", 1, 1, 144, 24, 12, 32, (100, 600)),
    "panel": Setting("lstm", 1000, 1, 500, 48, 24, 256, (32, 96)),
    "ETT-like": Setting("gru", 1, 7, 4000, 96, 24, 32, (122, 366)),
}


def make_series(setting):
    """Return values of shape (series, rows, channels)."""
    shape = setting.series, setting.rows, setting.channels
    noise = np.random.default_rng(0).normal(scale=0.3, size=shape)
    t = np.arange(setting.rows)[:, None]
    return np.sin(t / (4 + np.arange(setting.channels))) + noise


class HandWritten(nn.Module):
    def __init__(self, setting):
        super().__init__()
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[setting.cell]
        self.rnn = layer(setting.channels, setting.hidden, batch_first=True)
        self.head = nn.Linear(setting.hidden, setting.horizon * setting.channels)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1]).view(len(x), -1, x.shape[-1])


def all_windows(values, setting):
    """Return a view of shape (n_windows, window + horizon, channels)."""
    values = (values - values.mean(1, keepdims=True)) / values.std(1, keepdims=True)
    rows = torch.as_tensor(values, dtype=torch.float32)
    unfolded = rows.unfold(1, setting.window + setting.horizon, 1)
    return unfolded.transpose(2, 3)  # series, start, step, channel


def train_by_hand(setting, batches, n_epochs):
    net = HandWritten(setting)
    optimizer = torch.optim.AdamW(net.parameters(), lr=setting.lr, weight_decay=1e-2)
    loss_function = nn.MSELoss()
    for _ in range(n_epochs):
        for past, future in batches():
            optimizer.zero_grad()
            loss = loss_function(net(past), future)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()


def dataloader(values, setting, size, n_epochs):
    windows = all_windows(values, setting).reshape(
        -1, setting.window + setting.horizon, setting.channels
    )
    past, future = windows[:, : setting.window], windows[:, setting.window :]
    dataset = TensorDataset(past.contiguous(), future.contiguous())
    sampler = RandomSampler(dataset, num_samples=size)
    loader = DataLoader(dataset, batch_size=setting.batch, sampler=sampler)
    train_by_hand(setting, lambda: loader, n_epochs)


def by_index(values, setting, size, n_epochs):
    windows = all_windows(values, setting)
    n_starts = windows.shape[1]

    def batches():
        order = torch.randperm(setting.n_windows())[:size]
        for index in order.split(setting.batch):
            batch = windows[index // n_starts, index % n_starts]
            yield batch[:, : setting.window], batch[:, setting.window :]

    train_by_hand(setting, batches, n_epochs)


def long_form(values):
    """Return a table with the columns id, time, and one per channel."""
    n_series, n_rows, n_channels = values.shape
    times = pd.date_range("2024-01-01", periods=n_rows, freq="h")
    return pd.DataFrame(
        {
            "id": np.repeat([f"s{i:04d}" for i in range(n_series)], n_rows),
            "time": np.tile(times, n_series),
            **{f"y{i}": values[..., i].ravel() for i in range(n_channels)},
        }
    )


def sklrnn(values, setting, size, n_epochs):
    from sklrnn import RNNForecaster

    table = long_form(values).set_index(["id", "time"])
    RNNForecaster(
        setting.cell,
        window_length=setting.window,
        horizon=setting.horizon,
        hidden_size=setting.hidden,
        batch_size=setting.batch,
        lr=setting.lr,
        normalize="standard",
        shortcut=False,
        loss="mse",
        max_epochs=None if size < setting.n_windows() else n_epochs,
        validation_fraction=None,
        patience=None,
        callbacks=[StopAfter(n_epochs)],
        random_state=0,
    ).fit(table if setting.series > 1 else table.droplevel(0))


def StopAfter(n_epochs):
    """Return a callback that ends a training whose length is the default."""
    import skorch

    class Stop(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) >= n_epochs:
                raise KeyboardInterrupt

    return Stop()


def of_library(train):
    """Return a contender that gives a library the series as a long table."""
    return lambda values, *rest: train(long_form(values), *rest)


CONTENDERS = {
    "DataLoader": dataloader,
    "by index": by_index,
    "sklrnn": sklrnn,
    **{
        name: of_library(train)
        for name, train in LIBRARIES.items()
        if importlib.util.find_spec(name)
    },
}


def cost(contender, values, setting):
    """Return seconds of CPU time a step, and those besides the steps."""
    size, epochs = setting.epochs()
    steps = [n * setting.n_batches(size) for n in epochs]
    seconds = []
    for n_epochs in epochs:
        start = time.process_time()
        contender(values, setting, size, n_epochs)
        seconds.append(time.process_time() - start)
    a_step = (seconds[1] - seconds[0]) / (steps[1] - steps[0])
    return a_step, max(seconds[0] - steps[0] * a_step, 0.0)


def compare(name, rounds):
    setting = SETTINGS[name]
    values = make_series(setting)
    tiny = setting._replace(series=2, rows=200, steps=(1, 2))
    found = {label: [] for label in CONTENDERS}
    for label in CONTENDERS:  # imports, compilation
        cost(CONTENDERS[label], make_series(tiny), tiny)
    for _ in range(rounds):
        for label in CONTENDERS:
            found[label].append(cost(CONTENDERS[label], values, setting))
    base = statistics.median(step for step, _ in found["DataLoader"])
    for label, costs in found.items():
        step, rest = map(statistics.median, zip(*costs, strict=True))
        ratios = [
            step / by_hand
            for (step, _), (by_hand, _) in zip(costs, found["DataLoader"], strict=True)
        ]
        print(
            f"{name:10s} {label:20s} {1000 * step:11.2f} {step / base:6.2f} "
            f"{min(ratios):6.2f} {max(ratios):6.2f} {rest:9.1f}",
            flush=True,
        )


def peak_memory(label, rows):
    """Return MB above `import torch`: of the libraries, and of a fit on top of them.

    The libraries count as loaded after a fit to a few rows: torch loads its compiler
    when the first optimiser is made, whoever makes it. Linux only.
    """
    code = f"""
import sys, torch
def memory(entry):
    with open("/proc/self/status") as status:
        return next(int(l.split()[1]) / 1024 for l in status if l.startswith(entry))
before = memory("VmRSS")
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
from training import CONTENDERS, SETTINGS, make_series
def fit(rows):
    setting = SETTINGS["ETT-like"]._replace(cell="lstm", rows=rows)
    return CONTENDERS[{label!r}], make_series(setting), setting, setting.n_windows()
train, *few = fit(400)
train(*few, 1)
train, *all = fit({rows})
loaded = memory("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # sets the peak back
train(*all, 1)
print(loaded - before, memory("VmHWM") - loaded)
"""
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        check=True,
        capture_output=True,
        text=True,
    )
    return [float(word) for word in out.stdout.splitlines()[-1].split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--no-memory", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("CPU time of training, 64 units, one thread; ratios to the DataLoader's loop")
    print(f"{'data':10s} {'':20s} {'ms a step':>11s}  ratio   from     to   set-up s")
    for name in options.only:
        compare(name, options.rounds)
    if options.no_memory:
        return
    print(
        "\nMB of memory above `import torch` (LSTM, 7 channels, window 96, horizon 24)"
    )
    print(f"{'':14s} {'rows':>8s} {'libraries':>10s} {'fit':>6s}")
    for rows in (4_000, 40_000):
        for label in ("DataLoader", "by index", "sklrnn"):
            libraries, fit = peak_memory(label, rows)
            print(f"{label:14s} {rows:8,d} {libraries:10.0f} {fit:6.1f}", flush=True)


if __name__ == "__main__":
    main()
