"""What every plug-in can run on itself, once it is installed."""

import pytest
from sklrnn_example_plugin.indrnn import IndRNN

from sklrnn.testing import check_cell, check_fusion


# By name, so that the entry points are checked as well.
def test_cell():
    check_cell("indrnn")
    check_cell("indrnn", memory_length=1)


def test_fusion():
    check_fusion("blend")
    check_fusion("blend", share=0.9)


def test_memory_is_bounded():
    assert IndRNN(1, 1, memory_length=2).bound == pytest.approx(2**0.5)
    with pytest.raises(ValueError, match="memory_length must be at least 1, got 0"):
        IndRNN(1, 1, memory_length=0)
