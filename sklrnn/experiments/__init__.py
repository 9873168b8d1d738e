"""Measuring forecasters: what a network is worth beside simple answers."""

from sklrnn.experiments.backtest import Backtest

# The function backtest would hide its module: import it from there.
__all__ = ["Backtest"]
