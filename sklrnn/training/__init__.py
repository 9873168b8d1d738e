"""Training: what the estimators share from batches to calibrated, refitted networks."""

from sklrnn.training.net import DivergenceError

__all__ = ["DivergenceError"]
