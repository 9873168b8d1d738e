"""The vanishing gradient: what Elman's network cannot learn, and what LSTM and GRU can.

The task shows a cue, then noise, and asks for the cue many steps later. Gradients have
to travel that far back for a network to learn that the cue matters.

python examples/vanishing_gradient.py --plot flow.png
"""

import argparse

from sklrnn import RNNForecaster
from sklrnn.datasets import make_lag_task
from sklrnn.inspection import gradient_flow
from sklrnn.plotting import plot_gradient_flow

parser = argparse.ArgumentParser(description="Gradients on their way back in time.")
parser.add_argument("--lag", type=int, default=60, help="steps from cue to question")
parser.add_argument("--plot", metavar="FILE", help="draw the gradients")
parser.add_argument("--quick", action="store_true", help="train too little, but fast")
arguments = parser.parse_args()
if arguments.quick:
    n_cycles, n_epochs, lag = 60, 1, 10
else:
    n_cycles, n_epochs, lag = 400, 40, arguments.lag

y, X = make_lag_task(n_cycles, lag, random_state=0)
print(
    f"{n_cycles} cues, asked for {lag} steps later; knowing nothing, the error is 1\n"
)

cells = {
    "elman": {},
    "lstm": {"forget_bias": 3.0},  # begins with a memory: Jozefowicz et al. (2015)
    "gru": {},
}
print(f"{'cell':8}{'error':>8}   gradient of the loss with respect to the state")
print(f"{'':16}   {'at the newest step':>20}{'at the cue':>16}")
flows = {}
for cell, cell_params in cells.items():
    params = {
        "cell": cell,
        "cell_params": cell_params,
        "hidden_size": 16,
        "window_length": lag + 1,
        "normalize": "standard",
        "shortcut": False,  # nothing is to pass by the recurrence
        "loss": "mse",
        "patience": None,
        "refit": False,
        "random_state": 0,
    }
    learned = RNNForecaster(**params, max_epochs=n_epochs).fit(y=y, X=X, fh=[1])
    error = learned.history_[-1, "valid_loss"]
    beginning = RNNForecaster(**params, max_epochs=1).fit(y=y, X=X, fh=[1])
    flow = flows[cell] = gradient_flow(beginning)
    newest, oldest = flow["gradient"].iloc[[-1, 0]]
    print(f"{cell:8}{error:8.3f}   {newest:20.2g}{oldest:16.2g}")
print("\n(errors after training; gradients after the first epoch)")

if arguments.plot:
    axes = plot_gradient_flow(flows)
    axes[0].figure.savefig(arguments.plot, dpi=120)
    print(f"drawn: {arguments.plot}")
