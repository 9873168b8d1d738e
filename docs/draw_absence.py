"""Draw docs/images/absence.png: what each pattern of absence removes from a table.

python docs/draw_absence.py
"""

from pathlib import Path

from matplotlib.figure import Figure

from sklrnn.data.absence import PATTERNS, AbsenceDiffusion, find_joint_gaps
from sklrnn.datasets import load_compressor
from sklrnn.plotting import plot_absence
from sklrnn.plotting.absence import LEVELS, picture_size

RATE, SPREAD, SEED = 0.4, 48, 2


def main():
    """Draw the picture, with the gaps of the bundled sensors for "observed"."""
    table = load_compressor(regular=True)
    gaps = find_joint_gaps(table.notna().to_numpy())
    diffusions = {
        name: AbsenceDiffusion(name, rate=RATE, spread=SPREAD, gaps=gaps)
        for name in ["point", "block", "channel", "observed", "mixed"]
    }
    assert set(diffusions) == set(PATTERNS)
    figure = Figure(
        figsize=picture_size(len(diffusions), len(LEVELS)), layout="constrained"
    )
    plot_absence(diffusions, n_columns=table.shape[1], random_state=SEED, figure=figure)
    path = Path(__file__).with_name("images") / "absence.png"
    figure.savefig(path, dpi=144, metadata={"Software": None})


if __name__ == "__main__":
    main()
