"""Data to try the estimators on, bundled or generated: nothing is downloaded."""

from sklrnn.datasets.association import make_copy, make_dates, make_reversal
from sklrnn.datasets.compressor import load_compressor
from sklrnn.datasets.synthetic import make_lag_task

__all__ = [
    "load_compressor",
    "make_copy",
    "make_dates",
    "make_lag_task",
    "make_reversal",
]
