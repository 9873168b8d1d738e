"""Data to try the estimators on, bundled with the package: nothing is downloaded."""

from sklrnn.datasets.compressor import load_compressor

__all__ = ["load_compressor"]
