"""RNNGenerator: a character model of a text that Python brings along.

The text is that of Python's help on its topics. With --plot, two small networks of
Elman (1990) are trained besides, and their surprise is drawn: it dips where what came
before tells what comes next.

python examples/generator.py --plot surprisal.png
"""

import argparse
import math
import time
from pydoc_data.topics import topics

from sklrnn import RNNGenerator
from sklrnn.datasets import make_syllables, make_temporal_xor


def main():
    arguments = parse_arguments()
    n_characters, max_epochs, lengths = 120_000, arguments.max_epochs, (1000, 10_000)
    if arguments.quick:
        n_characters, max_epochs, lengths = 4000, 1, (10, 100)

    text = "\n".join(topics[name] for name in sorted(topics))[:n_characters]
    border = int(0.9 * len(text))
    known = set(text[:border])
    test = "".join(letter for letter in text[border:] if letter in known)

    start = time.perf_counter()
    generator = RNNGenerator(max_epochs=max_epochs, random_state=0).fit(text[:border])
    seconds = time.perf_counter() - start
    n_weights = generator.count_parameters()["total"]
    print(
        f"{border} characters, {len(generator.symbols_)} different ones; "
        f"{n_weights} weights, trained for {seconds:.0f} s"
    )
    print(f"perplexity of the {len(test)} characters that follow: ", end="")
    print(f"{generator.perplexity(test):.2f}\n")
    print(generator.generate("The ", 400, temperature=0.7, random_state=0))

    print("\ncharacters   seconds of processor time")
    for length in lengths:
        start = time.process_time()
        generator.generate("The ", length, random_state=0)
        print(f"{length:10}{time.process_time() - start:10.2f}")

    if arguments.plot:
        draw(arguments.plot)
        print(f"\ndrawn: {arguments.plot}")


def parse_arguments():
    parser = argparse.ArgumentParser(description="RNNGenerator on Python's help.")
    parser.add_argument(
        "--max-epochs", type=int, default=12, help="passes (default: %(default)s)"
    )
    parser.add_argument("--plot", metavar="FILE", help="draw two tasks of Elman (1990)")
    parser.add_argument(
        "--quick", action="store_true", help="train too little, but fast"
    )
    return parser.parse_args()


def draw(path):
    """Train two of Elman's networks, and draw what surprises them in new sequences."""
    from matplotlib import pyplot

    from sklrnn.plotting import plot_surprisal

    tasks = {
        "Every third bit is the exclusive or of the two before it": make_temporal_xor,
        "Consonants are drawn, vowels follow: ba, dii, guuu": make_syllables,
    }
    figure, axes = pyplot.subplots(2, figsize=(10, 6), layout="constrained")
    for ax, (title, make) in zip(axes, tasks.items(), strict=True):
        elman = RNNGenerator(
            cell="elman",
            hidden_size=20,
            bptt_steps=30,
            batch_size=10,
            max_epochs=60,
            random_state=0,
        ).fit(make(random_state=0))
        new = make(60, random_state=1)[:48]
        guessing = math.log(len(elman.symbols_))
        plot_surprisal(new, elman.surprisal(new), ax, baseline=guessing)
        ax.set_title(title, loc="left", pad=26)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
