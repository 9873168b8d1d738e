"""Training time of RNNClassifier beside a loop written by hand in PyTorch.

    python examples/benchmarks/recognition_speed.py

10,000 sequences of 100 steps, one channel, two classes; networks of 64 units, batches
of 128, two epochs, no validation part, one thread. The loop has torch's own layers,
AdamW, a shuffled index and clipped gradients, and nothing else. Both run in turn; times
are CPU seconds, the median of the rounds. A speed of 1 is that of the loop.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import time

import numpy as np
import torch
from torch import nn

from sklrnn import RNNClassifier

HIDDEN, BATCH = 64, 128
LAYERS = {"elman": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class Network(nn.Module):
    def __init__(self, cell, coupled):
        super().__init__()
        self.rnn = LAYERS[cell](1, HIDDEN, batch_first=True, bidirectional=coupled)
        self.head = nn.Linear(HIDDEN * (1 + coupled), 2)
        self.coupled = coupled

    def forward(self, x):
        outputs, _ = self.rnn(x)
        if not self.coupled:
            return self.head(outputs[:, -1])
        ends = [outputs[:, -1, :HIDDEN], outputs[:, 0, HIDDEN:]]
        return self.head(torch.cat(ends, dim=1))


def by_hand(X, y, cell, coupled, epochs):
    torch.manual_seed(0)
    x = torch.tensor(X, dtype=torch.float32)[..., None]
    x = (x - x.mean()) / x.std()
    target = torch.tensor(y)
    net = Network(cell, coupled)
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3)
    loss_of = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for index in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss_of(net(x[index]), target[index]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()


def with_sklrnn(X, y, cell, coupled, epochs):
    RNNClassifier(
        cell=cell,
        direction="coupled" if coupled else "forward",
        pooling="last",
        hidden_size=HIDDEN,
        batch_size=BATCH,
        max_epochs=epochs,
        validation_fraction=None,
        patience=None,
        random_state=0,
    ).fit(X, y)


def measure(fit, *arguments):
    start = time.process_time()
    fit(*arguments)
    return time.process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="see that it runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    n_samples, rounds, epochs = 10_000, options.rounds, 2
    if options.quick:
        n_samples, rounds, epochs = 300, 1, 1
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 100))
    y = (X[:, :50].mean(axis=1) > X[:, 50:].mean(axis=1)).astype(np.int64)
    print(f"{'':24s}{'by hand':>9s}{'sklrnn':>9s}{'speed':>8s}")
    for cell in LAYERS:
        for coupled in (False, True):
            work = (X, y, cell, coupled, epochs)
            with_sklrnn(X[:300], y[:300], cell, coupled, 1)  # compiled, loaded
            times = [
                (measure(by_hand, *work), measure(with_sklrnn, *work))
                for _ in range(rounds)
            ]
            hand, ours = (statistics.median(t) for t in zip(*times, strict=True))
            name = f"{cell}, {'coupled' if coupled else 'forward'}"
            print(f"{name:24s}{hand:9.2f}{ours:9.2f}{hand / ours:8.2f}", flush=True)


if __name__ == "__main__":
    main()
