"""Tasks on symbols: temporal XOR, syllables, embedded Reber grammar, a character model.

    python examples/benchmarks/classic_tasks/symbols.py

Seeds are 0, 1, ...; test sequences have seeds of their own. Sizes and numbers of epochs
were settled on seeds 100 to 102. The default learning rate and the scale of one-hot
rows were chosen on the first 50,000 characters of the text, which are in its training
part; the character model has the defaults but for the number of passes.
"""

import argparse
import sys
import time
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

from sklrnn import RNNGenerator
from sklrnn.datasets import (
    make_reber,
    make_syllables,
    make_temporal_xor,
    reber_successors,
)

# Found beside this file, however it is run.
sys.path.insert(0, str(Path(__file__).parents[1]))
from classic_tasks.row import Row  # noqa: E402

TEST_SEED = 1000
CONSONANTS = "bdg"
MOST_PRESENTED = 25_600
PAPER_PRESENTED = 8440
TEXT_LENGTH = 120_000


# ---- Elman 1990: errors dip where a sequence is predictable --------------------------


def temporal_xor(quick):
    return (
        count(
            "temporal XOR (3000 bits)",
            cell,
            range(1 if quick else 10),
            lambda seed, cell=cell: xor_once(cell, seed, 2 if quick else 60),
            "squared error below 0.05 at every third bit, 0.2 or more elsewhere",
        )
        for cell in ("elman", "lstm")
    )


def xor_once(cell, seed, max_epochs):
    generator = fit_elman_task(
        cell, make_temporal_xor(random_state=seed), seed, max_epochs
    )
    test = make_temporal_xor(1200, random_state=TEST_SEED + seed)
    ones = generator.predict_proba(test)[:, generator.symbols_.index("1")]
    errors = (ones - np.array(list(test), dtype=int)) ** 2
    third, others = errors[2::3].mean(), np.delete(errors, slice(2, None, 3)).mean()
    return third < 0.05 and others >= 0.2, {"third": third, "others": others}


def syllables(quick):
    return (
        count(
            "ba dii guuu (1000 syllables)",
            cell,
            range(1 if quick else 10),
            lambda seed, cell=cell: syllables_once(cell, seed, 2 if quick else 60),
            "vowels below 0.1 nats; consonants within 10 % of log 3, the least",
        )
        for cell in ("elman", "lstm")
    )


def syllables_once(cell, seed, max_epochs):
    generator = fit_elman_task(
        cell, make_syllables(random_state=seed), seed, max_epochs
    )
    test = make_syllables(300, random_state=TEST_SEED + seed)
    surprisal = generator.surprisal(test)
    random = np.isin(list(test), list(CONSONANTS))
    vowels, consonants = surprisal[~random].mean(), surprisal[random].mean()
    solved = vowels < 0.1 and abs(consonants / np.log(3) - 1) < 0.1
    return solved, {"vowels": vowels, "consonants": consonants}


def fit_elman_task(cell, sequence, seed, max_epochs):
    """Fit on streams of a tenth of the sequence each."""
    return RNNGenerator(
        cell=cell,
        hidden_size=20,
        bptt_steps=30,
        batch_size=10,
        max_epochs=max_epochs,
        validation_fraction=None,
        random_state=seed,
    ).fit(sequence)


# ---- Hochreiter and Schmidhuber 1997: embedded Reber grammar -------------------------


def embedded_reber(quick):
    """Run an LSTM, and Elman's network with the gradient of today and that of 1990."""
    most = 512 if quick else MOST_PRESENTED
    return (
        count(
            "embedded Reber (256 strings)",
            model,
            range(1 if quick else 3 if "bptt_steps" in params else 10),
            lambda seed, params=params: reber_once(seed, most, **params),
            f"all strings of training and test set right within {MOST_PRESENTED}; the "
            f"paper's LSTM took {PAPER_PRESENTED}",
        )
        for model, params in {
            "lstm": {"cell": "lstm"},
            "elman": {"cell": "elman"},
            # No gradient from one step to another; larger batches, to save time.
            "elman, bptt_steps=1": {
                "cell": "elman",
                "bptt_steps": 1,
                "batch_size": 32,
            },
        }.items()
    )


def reber_once(seed, most, **params):
    """Present the training set until all strings are right, or often enough.

    A string is right if at every step the symbols that the grammar allows next are
    the most active ones.
    """
    train = make_reber(256, random_state=seed)
    test = make_reber(256, random_state=TEST_SEED + seed)
    fixed = {
        "hidden_size": 16,
        "lr": 1e-2,
        "warmup": 0.0,
        "schedule": None,
        "batch_size": 4,
        "max_epochs": 1,
        "validation_fraction": None,
        "warm_start": True,
        "random_state": np.random.default_rng(seed),
    }
    generator = RNNGenerator(**fixed | params)
    presented, right = 0, 0.0
    while presented < most and right < 1:
        generator.fit(train)
        presented += len(train)
        right = share_right(generator, train + test)
    return right == 1, {"strings presented": presented, "right": right}


def share_right(generator, strings):
    """Return the share of strings with all allowed symbols the most active ones."""
    symbols = np.array([str(symbol) for symbol in generator.symbols_])
    right = []
    for string, proba in zip(strings, generator.predict_proba(strings), strict=True):
        # Of the row before the first symbol and of that after the last, no question.
        pairs = zip(reber_successors(string)[:-1], proba[1:-1], strict=True)
        right.append(
            all(
                set(symbols[np.argsort(row)[-len(allowed) :]]) == set(allowed)
                for allowed, row in pairs
            )
        )
    return np.mean(right)


# ---- A character model beside 3-grams ------------------------------------------------


def character_model(quick):
    text, n_train, n_valid = load_text(12_000 if quick else TEXT_LENGTH)
    known, test = text[: n_train + n_valid], text[n_train + n_valid :]
    trigrams = Trigrams(text[:n_train]).mix(known[n_train:])
    start = time.perf_counter()
    limit = trigrams.perplexity(test)
    seconds = time.perf_counter() - start
    criterion = "test perplexity below that of interpolated 3-grams"
    task = f"character model ({len(text)} characters of Python's help)"
    row = Row(task, "3-grams", 1, 0, f"perplexity {limit:.2f}", "beside it", seconds)

    def once(seed, direction):
        generator = RNNGenerator(
            direction=direction,
            max_epochs=1 if quick else 12,
            validation_fraction=n_valid / len(known),
            random_state=seed,
        )
        found = generator.fit(known).perplexity(test)
        return found < limit, {"perplexity": found}

    rows = [
        count(
            task,
            f"lstm, {direction}",
            range(1 if quick else 3),
            lambda seed, direction=direction: once(seed, direction),
            criterion,
        )
        for direction in ("forward", "decoupled")
    ]
    return [row, *rows]


def load_text(length):
    """Return the text, and how many characters of it are training and validation.

    Characters that are not in the training part are left out of the others.
    """
    text = "\n".join(topics[name] for name in sorted(topics))[:length]
    n_train = int(0.8 * length)
    known = set(text[:n_train])
    rest = "".join(letter for letter in text[n_train:] if letter in known)
    return text[:n_train] + rest, n_train, len(rest) // 2


class Trigrams:
    """Interpolated 3-grams of characters (Jelinek and Mercer 1980).

    p(c | a, b) = w3 f(c | a, b) + w2 f(c | b) + w1 f(c) + w0 / n, where the weights
    depend on how often (a, b) was seen, and are found by expectation maximisation on
    a text of their own.
    """

    def __init__(self, text):
        self.numbers = {letter: code for code, letter in enumerate(sorted(set(text)))}
        n = len(self.numbers)
        a, b, c = self.triples(text)
        self.counts = np.zeros((n, n, n))
        np.add.at(self.counts, (a, b, c), 1)
        pairs = self.counts.sum(axis=0)
        self.seen = self.counts.sum(axis=2)
        self.tables = (
            self.counts / np.maximum(self.seen, 1)[..., None],
            pairs / np.maximum(pairs.sum(axis=1), 1)[:, None],
            pairs.sum(axis=0) / pairs.sum(),
        )
        n_classes = int(np.log2(self.seen.max() + 1)) + 1
        self.weights = np.full((n_classes, 4), 0.25)

    def triples(self, text):
        codes = np.array([self.numbers[letter] for letter in text])
        return codes[:-2], codes[1:-1], codes[2:]

    def parts(self, text):
        """Return what each of the four terms says, and the class of the context."""
        a, b, c = self.triples(text)
        three, two, one = self.tables
        each = [three[a, b, c], two[b, c], one[c], np.full(len(c), 1 / len(one))]
        return np.stack(each, axis=1), np.log2(self.seen[a, b] + 1).astype(int)

    def mix(self, text, n_rounds=50):
        parts, classes = self.parts(text)
        for _ in range(n_rounds):
            shares = parts * self.weights[classes]
            shares /= shares.sum(axis=1, keepdims=True)
            for number in np.unique(classes):
                self.weights[number] = shares[classes == number].mean(axis=0)
        return self

    def perplexity(self, text):
        parts, classes = self.parts(text)
        return np.exp(-np.log((parts * self.weights[classes]).sum(axis=1)).mean())


def count(task, model, seeds, once, criterion):
    """Run one model for all seeds; of numbers the median and the range are told."""
    start = time.perf_counter()
    runs = [once(seed) for seed in seeds]
    told = []
    for name in runs[0][1]:
        values = np.array([numbers[name] for _, numbers in runs])
        low, middle, high = (f"{q:.5g}" for q in np.quantile(values, [0, 0.5, 1]))
        told.append(f"{name} {middle} ({low} to {high})")
    return Row(
        task,
        model,
        len(runs),
        sum(bool(solved) for solved, _ in runs),
        ", ".join(told),
        criterion,
        time.perf_counter() - start,
    )


TASKS = {
    "temporal XOR": temporal_xor,
    "syllables": syllables,
    "embedded Reber": embedded_reber,
    "character model": character_model,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", help=f"of {', '.join(TASKS)}; all if none")
    parser.add_argument("--quick", action="store_true", help="too little, but fast")
    options = parser.parse_args()
    for name in options.tasks or TASKS:
        for row in TASKS[name](options.quick):
            print(row.task, row.model, f"{row.successes} of {row.seeds}", sep="; ")
            print(
                f"   {row.result}  ({row.criterion}; {row.seconds:.0f} s)", flush=True
            )


if __name__ == "__main__":
    main()
