"""Progress: a bar on the terminal for each training of a network."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm

from sklrnn.training.net import Callback


class ProgressBar(Callback):
    """Draws the progress of each training, if stderr is a terminal.

    Parameters
    ----------
    stage : str
        What the trainings are for, such as "backtest": the bar begins with it.

    Examples
    --------
    >>> from sklrnn import RNNForecaster
    >>> forecaster = RNNForecaster(callbacks=[ProgressBar("forecast")])
    """

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        """Begin a bar of as many batches as the training has at most."""
        n_windows = min(net.epoch_size or len(X[0]), len(X[0]))
        n_batches = -(-n_windows // net.batch_size)
        # Without validation part it is the training that uses all rows.
        what = "choosing the epoch" if X[1] is not None else "learning all rows"
        self.bar_ = tqdm(
            total=net.max_epochs * n_batches,
            desc=f"{self.stage}: {what}",
            unit="batch",
            leave=False,
            disable=None,  # unless stderr is a terminal
        )

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Show the number of the epoch."""
        self.bar_.set_postfix_str(f"epoch {len(net.history)}")

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        """Move on by one batch, unless it is one of validation."""
        self.bar_.update(int(training))

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Clear the bar away."""
        self.bar_.close()
