"""The literature's own tests of recurrent networks, all in one table.

    python examples/benchmarks/classics.py
    python examples/benchmarks/classics.py adding memories

Every task has fixed seeds (0, 1, ...) and a criterion; a row tells how many seeds met
it. The tasks, their sources and what was chosen how stand in `classic_tasks/`.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse

import torch
from classic_tasks import association, memories, recognition, symbols

TASKS = {
    **symbols.TASKS,
    **recognition.TASKS,
    **association.TASKS,
    **memories.TASKS,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)}; all if none"
    )
    parser.add_argument("--quick", action="store_true", help="too little, but fast")
    options = parser.parse_args()
    unknown = set(options.tasks) - set(TASKS)
    if unknown:
        parser.error(f"unknown tasks {sorted(unknown)}; there are {list(TASKS)}")
    torch.set_num_threads(1)
    for task in options.tasks or TASKS:
        for row in TASKS[task](options.quick):
            print(
                f"{row.task:28s} {row.model:24s} {row.successes:2d} of {row.seeds:2d}"
            )
            print(
                f"    {row.result}  ({row.criterion}; {row.seconds:.0f} s)", flush=True
            )


if __name__ == "__main__":
    main()
