"""RNNSeq2Seq on dates as people write them, to be written as ISO 8601 has it.

The same network with attention and without learns from 2000 pairs, and is asked for
days that it has not seen. The picture shows where it looks while it writes.

python examples/seq2seq.py --plot attention.png
"""

import argparse

from sklrnn import RNNSeq2Seq
from sklrnn.datasets import make_dates

N_LEARNED, N_ASKED = 2000, 500
SHOWN = ("Tuesday, 3 March 1987", "March 3, 1987", "3.3.1987")


def main():
    arguments = parse_arguments()
    n_learned, max_epochs = N_LEARNED, arguments.max_epochs
    if arguments.quick:
        n_learned, max_epochs = 50, 1
    X, y = make_dates(n_learned + N_ASKED, random_state=0)
    asked, wanted = X[n_learned:], y[n_learned:]

    print("share of dates, and of their characters, that are right:")
    for attention in ("additive", None):
        model = RNNSeq2Seq(
            attention=attention,
            max_epochs=max_epochs,
            batch_size=64,
            refit=False,
            random_state=0,
        )
        model.fit(X[:n_learned], y[:n_learned])
        exact = model.score(asked, wanted)
        tokens = model.token_accuracy(asked, wanted)
        print(f"  attention={attention!r:10}  {exact:6.1%}  {tokens:6.1%}")
        if attention:
            looking = model

    print("\nwith attention:")
    for text, found in zip(SHOWN, looking.predict(SHOWN), strict=True):
        print(f"  {text:22} {found}")
    if arguments.plot:
        draw(looking, arguments.plot)
        print(f"\ndrawn: {arguments.plot}")


def parse_arguments():
    parser = argparse.ArgumentParser(description="RNNSeq2Seq on written dates.")
    parser.add_argument(
        "--max-epochs", type=int, default=15, help="passes (default: %(default)s)"
    )
    parser.add_argument("--plot", metavar="FILE", help="draw where the network looks")
    parser.add_argument(
        "--quick", action="store_true", help="train too little, but fast"
    )
    return parser.parse_args()


def draw(model, path):
    """Draw the weights of two ways of writing the same day."""
    from matplotlib import pyplot

    from sklrnn.plotting import plot_attention

    shown = SHOWN[:2]
    figure, axes = pyplot.subplots(
        ncols=len(shown),
        figsize=(10, 3.4),
        layout="constrained",
        width_ratios=[len(text) for text in shown],
    )
    for ax, text in zip(axes, shown, strict=True):
        (weights,), (written,) = model.attention_weights([text]), model.predict([text])
        plot_attention(weights, text, written, ax=ax)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
