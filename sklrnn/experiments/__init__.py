"""Measuring forecasters: what a network is worth beside simple answers."""

from sklrnn.experiments.backtest import Backtest, backtest

__all__ = ["Backtest", "backtest"]
