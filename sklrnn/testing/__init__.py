"""Checks that cells and fusions, built in or plugged in, keep their contract."""

from sklrnn.testing.cells import check_cell
from sklrnn.testing.fusions import check_fusion

__all__ = ["check_cell", "check_fusion"]
