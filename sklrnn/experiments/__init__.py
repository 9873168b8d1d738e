"""Measuring networks: beside simple answers, and architectures beside each other."""

from sklrnn.experiments.backtest import Backtest
from sklrnn.experiments.comparison import compare

# The function backtest would hide its module: import it from there.
__all__ = ["Backtest", "compare"]
