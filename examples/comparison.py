"""Which architecture for two months of a compressor's sensors, and what is a tie.

python examples/comparison.py
python examples/comparison.py --plot errors.png

``sklrnn compare compressor --out report`` writes a whole report, with its page.
"""

import argparse

from sklrnn.datasets import load_compressor
from sklrnn.experiments import compare
from sklrnn.experiments.statistics import (
    NAIVE,
    compare_teacher,
    find_effects,
    summarise,
)

parser = argparse.ArgumentParser(description="A small comparison of architectures.")
parser.add_argument("--quick", action="store_true", help="train too little, but fast")
parser.add_argument("--plot", metavar="FILE", help="draw errors of reconstruction")
options = parser.parse_args()

columns = ["suction_pressure", "discharge_pressure", "suction_temperature"]
table = load_compressor(regular=True).loc["2020-04-01":"2020-05-31", columns]
params = {"hidden_size": 16, "max_epochs": 12, "seeds": 3}
if options.quick:
    table = table[:300]
    params = {"hidden_size": 4, "max_epochs": 1, "seeds": 2}
grid = {
    "cell": ["elman"] if options.quick else ["elman", "gru"],
    "direction": ["forward", "coupled", "decoupled"],
}
results = compare(table, grid=grid, window_length=24, **params)

summary = summarise(results)
for (task, view), part in summary.groupby(["task", "view"], sort=False):
    print(
        f"\n{task}, {view}: mean squared error in deviations, {params['seeds']} seeds"
    )
    for row in part.itertuples():
        mark = "* " if row.choice else "= " if row.best_group else "  "
        spread = "" if row.seeds == 0 else f" +- {row.std:.4f}"
        print(f"{mark}{row.architecture:36s}{row.micro_mse:8.4f}{spread}")
print("\n= is tied with the best, * the one of these with the fewest multiply-adds")

print("\nwhat one parameter changes, all else the same:")
for row in find_effects(results).itertuples():
    change = f"{row.change_percent:+6.1f} % +- {row.std:.1f}"
    print(f"{row.task}, {row.view}, {row[4]} to {row.to}: {change}, {row.verdict}")

print("\nwhat the teacher gives the forward network:")
for row in compare_teacher(results).itertuples():
    errors = f"{row.forward:.4f} alone, {row.online:.4f} taught"
    print(f"{row.task}, {row.architecture}: {errors}: {row.verdict}")

if options.plot:
    from sklrnn.experiments.pictures import draw_errors

    task, view = "reconstruction", "online"
    part = summary[(summary["task"] == task) & (summary["view"] == view)]
    rows = results[(results["task"] == task) & results["seed"].notna()]
    seeds = rows.groupby("architecture")["micro_mse"].apply(list).to_dict()
    figure = draw_errors(part, seeds, NAIVE)
    figure.savefig(options.plot, dpi=120, bbox_inches="tight")
    print(f"\nwrote {options.plot}")
