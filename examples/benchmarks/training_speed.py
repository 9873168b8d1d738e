"""Training speed and memory beside a hand-written PyTorch loop.

    python examples/benchmarks/training_speed.py

Both train the same network on the same windows with the same batch size, optimiser
(AdamW, gradient clipped by norm) and normalisation, in turns, in one run on one thread.
The hand-written loop gathers its batches by index from a view of the series, which is
the fastest way that plain PyTorch offers; CPU time is compared, for machines are noisy.
Memory is measured in processes of its own, as peak resident memory above what a process
holds after ``import torch``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from torch import nn

SETTINGS = {
    "ETT-like": {"channels": 7, "rows": 4000, "window": 96, "horizon": 24},
    "airline": {"channels": 1, "rows": 144, "window": 24, "horizon": 12},
}
MEMORY = (96, 24, "window")
HIDDEN, BATCH, LR = 64, 32, 1e-3


def make_series(rows, channels):
    t = np.arange(rows)[:, None]
    noise = np.random.default_rng(0).normal(scale=0.3, size=(rows, channels))
    return np.sin(t / (4 + np.arange(channels))) + noise


class HandWritten(nn.Module):
    def __init__(self, channels, horizon, normalize):
        super().__init__()
        self.rnn = nn.LSTM(channels, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, horizon * channels)
        self.normalize = normalize

    def forward(self, x):
        if self.normalize == "window":
            variance, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
            scale = (variance + 1e-5).sqrt()
            x = (x - mean) / scale
        out = self.head(self.rnn(x)[0][:, -1]).view(len(x), -1, x.shape[-1])
        return out * scale + mean if self.normalize == "window" else out


def hand_written_epochs(y, window, horizon, normalize, n_epochs):
    """Return the CPU time of each epoch, in seconds, and the number of windows."""
    y = torch.as_tensor((y - y.mean(0)) / y.std(0), dtype=torch.float32)
    windows = y.unfold(0, window + horizon, 1).transpose(1, 2)
    net = HandWritten(y.shape[1], horizon, normalize)
    optimizer = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=1e-2)
    loss_function = nn.MSELoss()
    times = []
    for _ in range(n_epochs):
        start = time.process_time()
        for index in torch.randperm(len(windows)).split(BATCH):
            batch = windows[index]
            optimizer.zero_grad()
            loss = loss_function(net(batch[:, :window]), batch[:, window:])
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        times.append(time.process_time() - start)
    return times, len(windows)


def sklrnn_epochs(y, window, horizon, normalize, n_epochs):
    """The same for RNNForecaster, through its public interface."""
    import skorch

    from sklrnn import RNNForecaster

    class Timer(skorch.callbacks.Callback):
        def on_epoch_begin(self, net, dataset_train=None, **kwargs):
            self.start = time.process_time()

        def on_epoch_end(self, net, dataset_train=None, **kwargs):
            times.append(time.process_time() - self.start)
            sizes.append(len(dataset_train))

    times, sizes = [], []
    RNNForecaster(
        window_length=window,
        horizon=horizon,
        hidden_size=HIDDEN,
        batch_size=BATCH,
        lr=LR,
        normalize=normalize,
        max_epochs=n_epochs,
        validation_fraction=None,
        patience=None,
        callbacks=[Timer()],
        random_state=0,
    ).fit(y)
    return times, sizes[0]


def compare(name, normalize, rounds, epochs):
    setting = SETTINGS[name]
    y = make_series(setting["rows"], setting["channels"])
    rates = {"hand": [], "sklrnn": []}
    for _ in range(rounds):
        for label, epochs_of in (
            ("hand", hand_written_epochs),
            ("sklrnn", sklrnn_epochs),
        ):
            times, n_windows = epochs_of(
                y, setting["window"], setting["horizon"], normalize, epochs
            )
            rates[label] += [n_windows / seconds for seconds in times[1:]]
    hand, ours = (statistics.median(rates[label]) for label in ("hand", "sklrnn"))
    return hand, ours


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
from training_speed import MEMORY, hand_written_epochs, make_series, sklrnn_epochs
epochs = {label}_epochs
epochs(make_series(400, 7), *MEMORY, 1)
y = make_series({rows}, 7)
loaded = memory("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # sets the peak back
epochs(y, *MEMORY, 1)
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
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("windows per second of CPU time, LSTM 64, batch 32, one thread")
    print(f"{'data':10s} {'normalize':10s} {'hand-written':>13s} {'sklrnn':>9s} ratio")
    for name, epochs in (("ETT-like", 3), ("airline", 30)):
        for normalize in ("standard", "window"):
            hand, ours = compare(name, normalize, options.rounds, epochs)
            print(
                f"{name:10s} {normalize:10s} {hand:13,.0f} {ours:9,.0f} "
                f"{ours / hand:5.2f}",
                flush=True,
            )
    print("\nMB of memory above `import torch` (7 channels, window 96, horizon 24)")
    print(f"{'':14s} {'rows':>8s} {'libraries':>10s} {'fit':>6s}")
    for rows in (4_000, 40_000):
        for label in ("hand_written", "sklrnn"):
            libraries, fit = peak_memory(label, rows)
            print(f"{label:14s} {rows:8,d} {libraries:10.0f} {fit:6.1f}", flush=True)


if __name__ == "__main__":
    main()
