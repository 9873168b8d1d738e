"""Generated series with a known answer."""

import numpy as np
import pandas as pd


def make_lag_task(
    n_cycles: int = 300,
    lag: int = 50,
    *,
    noise: float = 0.1,
    random_state: int | None = None,
) -> tuple[pd.Series, pd.DataFrame]:
    """Generate a series that asks for what was seen `lag` steps ago.

    In every cycle of `lag` + 1 steps a cue is shown for one step, noise for the steps
    that follow, and at the last step the target is the cue: 1 or -1. Nothing else tells
    it, so that a forecast of it measures how long a network remembers: one that does
    not remember forecasts 0, with a mean squared error of 1. After the latch task of
    Bengio, Simard and Frasconi (1994), section II.

    Parameters
    ----------
    n_cycles : int, default=300
        Number of cues.
    lag : int, default=50
        Number of steps from a cue to the target, at least 1.
    noise : float, default=0.1
        Standard deviation of what the input shows between the cues.
    random_state : int or None, default=None
        Makes the series repeatable.

    Returns
    -------
    y : pd.Series of length n_cycles * (lag + 1)
        The target: the cue at the last step of every cycle, NaN at the others, which
        are not to be scored. No unit.
    X : pd.DataFrame with the column "input"
        The cue at the first step of every cycle, noise after it.

    Raises
    ------
    ValueError
        If `n_cycles` or `lag` is below 1.

    References
    ----------
    Y. Bengio, P. Simard and P. Frasconi, "Learning long-term dependencies with
    gradient descent is difficult", IEEE Transactions on Neural Networks 5 (2), 1994.

    Examples
    --------
    >>> from sklrnn.datasets import make_lag_task
    >>> y, X = make_lag_task(n_cycles=2, lag=3, noise=0.0, random_state=0)
    >>> X["input"].tolist()
    [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    >>> y.tolist()
    [nan, nan, nan, 1.0, nan, nan, nan, 1.0]
    """
    for name, value in (("n_cycles", n_cycles), ("lag", lag)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    rng = np.random.default_rng(random_state)
    cues = rng.choice([-1.0, 1.0], size=n_cycles)
    rows = rng.normal(scale=noise, size=(n_cycles, lag + 1))
    rows[:, 0] = cues
    targets = np.full((n_cycles, lag + 1), np.nan)
    targets[:, -1] = cues
    return (
        pd.Series(targets.ravel(), name="target"),
        pd.DataFrame({"input": rows.ravel()}),
    )
