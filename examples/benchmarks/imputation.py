"""Accuracy, speed and memory of the imputer beside other ways to fill gaps.

    python examples/benchmarks/imputation.py --ett ETTh1.csv.gz

ETTh1 (zhouhaoyi/ETDataset, read from the path given) and the bundled compressor are
cut 60/20/20 in time order and standardised by their first part. From the last part
observed values are removed: single points, or blocks of 6 to 24 rows (lengths and
places uniform, until the rate is reached), in each column on its own or in all at
once. What is filled in is compared with what was removed, in standardised units. Seed
s draws the masks (``numpy.random.default_rng(s)``, anew for each pattern) and the
network.

All methods see the last part alone, with what was removed missing, and learn once for
all patterns, from the first part. RNNImputer() is given the second part too, as the
validation part, which chooses the epoch (and is learned from with ``refit=True``). The
lags, rounds and neighbours of scikit-learn's imputers were chosen on the second part;
the other networks were not tuned. The defaults of RNNImputer were not blind: the loss,
the rate of absence and the length of the training were settled in trials that showed
the errors on the last part, too.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import functools
import statistics
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.linear_model import Ridge
from skorch.callbacks import Callback
from torch import nn

from sklrnn import RNNImputer
from sklrnn.datasets import load_compressor

PARTS = ("ett", "compressor", "speed", "transform")
HIDDEN, BATCH, WINDOW = 64, 64, 48
# Rows on either side that IterativeImputer sees.
LAGS = {"ett": 12, "compressor": 8}


# ---- data and what is removed from it ------------------------------------------------


def split(table):
    """Return the three parts, standardised by the first."""
    first, second = int(0.6 * len(table)), int(0.8 * len(table))
    table = table.astype(float)
    table = (table - table[:first].mean()) / table[:first].std(ddof=0)
    return table[:first], table[first:second], table[second:]


def points(shape, rate, rng):
    return rng.random(shape) < rate


def blocks(shape, rate, rng, together=False):
    n_steps, n_columns = shape
    removed = np.zeros((n_steps, 1 if together else n_columns), dtype=bool)
    for column in removed.T:
        while column.mean() < rate:
            length = rng.integers(6, 25)
            start = rng.integers(0, n_steps - length + 1)
            column[start : start + length] = True
    return np.broadcast_to(removed, shape)


PATTERNS = {
    "ett": {
        "10 % points": (points, 0.1),
        "50 % points": (points, 0.5),
        "20 % blocks": (blocks, 0.2),
        "20 % blocks, all columns": (functools.partial(blocks, together=True), 0.2),
    },
    "compressor": {
        "10 % points": (points, 0.1),
        "10 % blocks": (blocks, 0.1),
        "20 % blocks, all columns": (functools.partial(blocks, together=True), 0.2),
    },
}


# ---- the other methods: fit to the first part, transform what has gaps ---------------


class Linear:
    def fit(self, table):
        return self

    def transform(self, table):
        return table.interpolate(limit_direction="both")


class Lagged:
    """A scikit-learn imputer of the columns and their `n_lags` rows on either side.

    It learns from `n_rows` rows at most, drawn from those without missing values.
    """

    def __init__(self, imputer, n_lags, n_rows):
        self.imputer, self.n_lags, self.n_rows = imputer, n_lags, n_rows

    def fit(self, table):
        rows = self._lag(table)
        rows = rows[~np.isnan(rows).any(axis=1)]
        rng = np.random.default_rng(0)
        n_rows = min(self.n_rows, len(rows))
        rows = rows[np.sort(rng.choice(len(rows), n_rows, replace=False))]
        self.imputer.fit(rows)
        return self

    def transform(self, table):
        filled = table.copy()
        gaps = table.isna().any(axis=1).to_numpy()
        found = self.imputer.transform(self._lag(table)[gaps])
        filled.iloc[gaps] = found[:, : table.shape[1]]
        return filled

    def _lag(self, table):
        shifts = sorted(range(-self.n_lags, self.n_lags + 1), key=abs)  # 0 first
        return np.hstack([table.shift(shift) for shift in shifts])


class Rounds(IterativeImputer):
    """IterativeImputer that learns in one round and fills in `n_rounds`.

    The rows to learn from are complete, so that every round would learn the same.
    """

    def __init__(self, n_rounds=100):
        super().__init__(Ridge(1e-2), max_iter=1)
        self.n_rounds = n_rounds

    def fit(self, X, y=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            super().fit(X)
        self.imputation_sequence_ *= self.n_rounds
        self.n_iter_ = self.n_rounds
        return self


class Network(nn.Module):
    """A bidirectional GRU on value, mask and gap: what one writes by hand."""

    def __init__(self, n_columns):
        super().__init__()
        self.rnn = nn.GRU(3 * n_columns, HIDDEN, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * HIDDEN, n_columns)

    def forward(self, values, mask):
        steps = torch.arange(values.shape[1])[:, None]
        last = torch.where(mask, steps, -1).cummax(1).values
        gap = (steps - last) / values.shape[1]
        values = torch.where(mask, values, 0.0)
        return self.head(self.rnn(torch.cat([values, mask, gap], -1))[0])


def remove_some(shape):
    """Return what a batch loses: points in half of the windows, blocks in the rest.

    Both at a rate of 5 to 55 %; blocks are as long as those of `blocks`.
    """
    n_windows, n_steps, _ = shape
    rate = 0.05 + 0.5 * torch.rand(n_windows, 1, 1)
    steps = torch.arange(n_steps)[:, None]
    begins = torch.rand(shape) < rate / 15
    ends = torch.where(begins, steps + torch.randint(6, 25, shape), 0)
    return torch.where(
        torch.rand(n_windows, 1, 1) < 0.5,
        torch.rand(shape) < rate,
        ends.cummax(1).values > steps,
    )


class HandWritten:
    """Train `Network` on random windows: AdamW, one cycle, squared error."""

    def __init__(self, n_batches, seed, lr=5e-3):
        self.n_batches, self.seed, self.lr = n_batches, seed, lr

    def fit(self, table):
        torch.manual_seed(self.seed)
        series = torch.tensor(table.to_numpy(), dtype=torch.float32)
        windows = series.unfold(0, WINDOW, 1).transpose(1, 2)
        self.net = net = Network(series.shape[1])
        optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.lr, total_steps=self.n_batches + 1
        )
        for _ in range(self.n_batches):
            batch = windows[torch.randint(len(windows), (BATCH,))]
            observed = ~batch.isnan()
            removed = remove_some(batch.shape) & observed
            optimizer.zero_grad()
            error = net(batch, observed & ~removed) - batch
            error[removed].square().mean().backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        return self

    def transform(self, table):
        """Average over windows that overlap by half."""
        series = torch.tensor(table.to_numpy(), dtype=torch.float32)
        last = len(series) - WINDOW
        starts = torch.tensor([*range(0, last, WINDOW // 2), last])
        rows = starts[:, None] + torch.arange(WINDOW)
        with torch.no_grad():
            found = self.net(series[rows], ~series[rows].isnan()).flatten(0, 1)
        total = torch.zeros_like(series).index_add(0, rows.ravel(), found)
        mean = total / rows.ravel().bincount()[:, None]
        return table.fillna(pd.DataFrame(mean.numpy(), table.index, table.columns))


class PyPOTS:
    """BRITS or SAITS of PyPOTS, on windows of 48 that do not overlap."""

    sizes = {
        "BRITS": {"rnn_hidden_size": HIDDEN},
        "SAITS": {
            "n_layers": 2,
            "d_model": 128,
            "n_heads": 4,
            "d_k": 32,
            "d_v": 32,
            "d_ffn": 128,
            "dropout": 0.1,
        },
    }

    def __init__(self, name, epochs, seed):
        self.name, self.epochs, self.seed = name, epochs, seed

    def fit(self, table):
        from pypots import imputation
        from pypots.utils.random import set_random_seed

        set_random_seed(self.seed)
        self.model = getattr(imputation, self.name)(
            n_steps=48,
            n_features=table.shape[1],
            epochs=self.epochs,
            device="cpu",
            verbose=False,
            **self.sizes[self.name],
        )
        self.model.fit({"X": self._cut(table)})
        return self

    def transform(self, table):
        found = self.model.impute({"X": self._cut(table)})
        found = found.reshape(-1, table.shape[1])[: len(table)]
        return table.fillna(pd.DataFrame(found, table.index, table.columns))

    def _cut(self, table):
        rest = -len(table) % 48
        values = np.pad(table.to_numpy(), [(0, rest), (0, 0)], constant_values=np.nan)
        return values.reshape(-1, 48, table.shape[1]).astype(np.float32)


def has_pypots():
    try:
        import pypots.imputation  # noqa: F401
    except ImportError:
        return False
    return True


# ---- accuracy ------------------------------------------------------------------------


def make_methods(n_lags, quick):
    """Return name -> a function of the seed, or of nothing where none is used."""
    n_rounds = 2 if quick else 100
    n_rows, n_batches, epochs = (500, 20, 1) if quick else (5_000, 1_500, 30)
    methods = {
        "linear interpolation": Linear,
        f"IterativeImputer, {n_lags} lags": lambda: Lagged(
            Rounds(n_rounds), n_lags, 2 * n_rows
        ),
        "KNNImputer, 2 lags": lambda: Lagged(KNNImputer(weights="distance"), 2, n_rows),
        "GRU by hand": lambda seed: HandWritten(n_batches, seed),
    }
    if has_pypots():
        for name in PyPOTS.sizes:
            methods[name] = functools.partial(PyPOTS, name, epochs)
    for refit in (False, True):
        methods[f"RNNImputer(refit={refit})"] = functools.partial(
            lambda seed, refit: RNNImputer(
                validation_fraction=0.25,
                refit=refit,
                max_epochs=1 if quick else None,
                random_state=seed,
            ),
            refit=refit,
        )
    return methods


def accuracy(name, table, methods, seeds):
    first, second, last = split(table)
    rows = []
    for method, make in methods.items():
        ours = method.startswith("RNNImputer")
        seeded = ours or method in ("GRU by hand", *PyPOTS.sizes)
        for seed in range(seeds):
            start = time.perf_counter()
            if seeded or seed == 0:
                imputer = make(seed=seed) if seeded else make()
                imputer.fit(pd.concat([first, second]) if ours else first)
            fit_time = time.perf_counter() - start
            for pattern, (remove, rate) in PATTERNS[name].items():
                removed = remove(last.shape, rate, np.random.default_rng(seed))
                removed = removed & last.notna().to_numpy()
                with_gaps = last.mask(removed)
                start = time.perf_counter()
                filled = imputer.transform(with_gaps)
                fill_time = time.perf_counter() - start
                error = (filled - last).to_numpy()[removed]
                rows.append(
                    {
                        "pattern": pattern,
                        "method": method,
                        "MAE": np.abs(error).mean(),
                        "MSE": np.square(error).mean(),
                        "90 %": np.nan,
                        "fit": fit_time if seeded or seed == 0 else np.nan,
                        "fill": fill_time,
                    }
                )
                if ours:
                    rows[-1]["90 %"] = coverage(imputer, with_gaps, last, removed)
    runs = pd.DataFrame(rows).groupby(["pattern", "method"], sort=False)
    found, spread = runs.mean(), runs.std(ddof=0)
    found.insert(1, "+-", spread["MAE"])
    found.insert(3, "+- ", spread["MSE"])
    found = found.loc[[(p, m) for p in PATTERNS[name] for m in methods]]
    print(f"{name}: errors of removed values, mean and standard deviation of {seeds}")
    print("seed(s); share of them in the 90 % interval; seconds")
    digits = dict.fromkeys(("fit", "fill"), "{:.1f}".format)
    print(
        found.to_string(
            float_format="{:.3f}".format, formatters=digits, na_rep="", sparsify=True
        ),
        "\n",
        flush=True,
    )


def coverage(imputer, with_gaps, complete, removed):
    interval = imputer.impute_interval(with_gaps, coverage=0.9)
    lower, upper = (
        interval.xs(bound, axis=1, level=-1).to_numpy()[removed]
        for bound in ("lower", "upper")
    )
    truth = complete.to_numpy()[removed]
    return ((lower <= truth) & (truth <= upper)).mean()


# ---- speed and memory ----------------------------------------------------------------


class Clock(Callback):
    """Counts the batches of training, and their CPU time without validation."""

    n_batches, seconds = 0, 0.0

    def on_epoch_begin(self, net, **kwargs):
        self.start = time.process_time()

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.n_batches += 1
            self.seconds += time.process_time() - self.start
            self.start = time.process_time()


def speed(rounds, epochs):
    """Compare CPU time: two years of the compressor, on one thread."""
    table = pd.concat(split(load_compressor().loc["2018":"2019"]))
    times = []
    for seed in range(rounds):
        clock = Clock()
        start = time.process_time()
        RNNImputer(
            hidden_size=HIDDEN,
            window_length=WINDOW,
            batch_size=BATCH,
            max_epochs=epochs,
            patience=None,
            refit=False,
            callbacks=[clock],
            random_state=seed,
        ).fit(table)
        ours = time.process_time() - start
        start = time.process_time()
        HandWritten(clock.n_batches, seed).fit(table)
        times.append((ours, clock.seconds, time.process_time() - start))
    ours, training, hand = (
        statistics.median(column) for column in zip(*times, strict=True)
    )
    print(f"CPU seconds of {clock.n_batches} batches of {BATCH} x {WINDOW} rows, one")
    print(f"thread, median of {rounds} (validation and intervals in `fit` alone)")
    print(f"{'':22s} {'seconds':>8s} {'ratio':>6s}")
    print(f"{'GRU by hand':22s} {hand:8.2f} {1:6.2f}")
    print(f"{'RNNImputer, batches':22s} {training:8.2f} {training / hand:6.2f}")
    print(f"{'RNNImputer, fit':22s} {ours:8.2f} {ours / hand:6.2f}\n", flush=True)


TRANSFORM = """
import statistics, sys, time
import pandas as pd, torch
torch.set_num_threads(2)
from sklrnn import RNNImputer
from sklrnn.datasets import load_compressor

def memory(entry):
    with open("/proc/self/status") as status:
        return next(int(l.split()[1]) / 1024 for l in status if l.startswith(entry))

times, repeats = (int(word) for word in sys.argv[1:])
table = load_compressor()
imputer = RNNImputer(max_epochs=1, refit=False, random_state=0)
imputer.fit(table["2018":"2018-06"]).transform(table[:2000])
if times > 1:
    table = pd.concat([table] * times)
    table.index = pd.date_range("1950", periods=len(table), freq="h")
held = memory("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # sets the peak back
seconds, cpu = [], []
for _ in range(repeats):
    start, busy = time.perf_counter(), time.process_time()
    filled = imputer.transform(table)
    seconds.append(time.perf_counter() - start)
    cpu.append(time.process_time() - busy)
seconds, cpu = statistics.median(seconds), statistics.median(cpu)
result = filled.to_numpy().nbytes / 2**20
print(len(table), seconds, cpu, memory("VmHWM") - held, result)
"""


def transform(rounds):
    """Measure in processes of their own, peak resident memory over what is held before.

    Linux only.
    """
    print("transform of the whole compressor, once and ten times over, two threads;")
    print("MB of memory above the table, of which the result")
    print(f"{'rows':>8s} {'seconds':>8s} {'CPU':>6s} {'peak':>6s} {'result':>6s}")
    for times, repeats in ((1, rounds), (10, 1)):
        out = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", TRANSFORM, str(times), str(repeats)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        found = out.stdout.splitlines()[-1].split()
        n_rows, seconds, cpu, peak, result = map(float, found)
        print(
            f"{n_rows:8,.0f} {seconds:8.2f} {cpu:6.2f} {peak:6.0f} {result:6.0f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3, help="of speed and transform")
    parser.add_argument("--ett", help="path of ETTh1.csv, may be compressed")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--methods", nargs="+", default=[""], help="words of their names"
    )
    parser.add_argument("--quick", action="store_true", help="see that it runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds, rounds = (1, 1) if options.quick else (options.seeds, options.rounds)
    tables = {}
    if "ett" in options.only and options.ett:
        tables["ett"] = pd.read_csv(options.ett, index_col=0, parse_dates=True)
    elif "ett" in options.only:
        print("ETTh1 is left out: its path is not given (--ett)\n")
    if "compressor" in options.only:
        tables["compressor"] = load_compressor()
    if tables and not has_pypots():
        print("BRITS and SAITS are left out: pypots is not installed\n")
    for name, table in tables.items():
        table = table.dropna()[:3000] if options.quick else table
        methods = make_methods(LAGS[name], options.quick)
        chosen = [m for m in methods if any(word in m for word in options.methods)]
        accuracy(name, table, {m: methods[m] for m in chosen}, seeds)
    if "speed" in options.only:
        speed(rounds, 1 if options.quick else 3)
    if "transform" in options.only:
        transform(rounds)


if __name__ == "__main__":
    main()
