"""Training: what the estimators share from batches to calibrated, refitted networks."""

from sklrnn.training.divergence import DivergenceError

__all__ = ["DivergenceError"]
