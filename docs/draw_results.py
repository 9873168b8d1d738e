"""Draw docs/images/results.png: errors of the best reconstructions of the compressor.

python docs/draw_results.py
"""

from pathlib import Path

import pandas as pd

from sklrnn.experiments.pictures import draw_errors
from sklrnn.experiments.statistics import NAIVE, summarise

DOCS = Path(__file__).parent
N_SHOWN = 20


def main():
    """Draw the best of the offline reconstructions, from the results beside this."""
    results = pd.read_csv(DOCS / "results" / "compressor.csv")
    results = results[results["task"] == "reconstruction"]
    summary = summarise(results)
    summary = summary[summary["view"] == "offline"]
    simple = summary["architecture"].isin(NAIVE)
    shown = pd.concat([summary[~simple].head(N_SHOWN), summary[simple]])
    seeds = results.groupby("architecture")["offline_micro_mse"].apply(list).to_dict()
    figure = draw_errors(shown, seeds, NAIVE)
    path = DOCS / "images" / "results.png"
    figure.savefig(path, dpi=120, bbox_inches="tight", metadata={"Software": None})


if __name__ == "__main__":
    main()
