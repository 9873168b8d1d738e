"""Data to try the estimators on, bundled or generated: nothing is downloaded."""

from sklrnn.datasets.association import make_copy, make_dates, make_reversal
from sklrnn.datasets.compressor import load_compressor
from sklrnn.datasets.recognition import (
    load_digit_sequences,
    make_adding,
    make_noise_free_lag,
    make_temporal_order,
)
from sklrnn.datasets.symbols import (
    make_reber,
    make_syllables,
    make_temporal_xor,
    reber_successors,
)
from sklrnn.datasets.synthetic import make_lag_task

__all__ = [
    "load_compressor",
    "load_digit_sequences",
    "make_adding",
    "make_copy",
    "make_dates",
    "make_lag_task",
    "make_noise_free_lag",
    "make_reber",
    "make_reversal",
    "make_syllables",
    "make_temporal_order",
    "make_temporal_xor",
    "reber_successors",
]
