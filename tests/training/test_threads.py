import numpy as np
import pytest
import torch

from sklrnn import RNNForecaster
from sklrnn.training.threads import flushed_denormals, suitable_threads

TINY = torch.tensor([1e-40])


def tiny_numbers_count():
    return bool((TINY * 1.0).item())


def test_tiny_numbers_are_taken_for_zero_and_count_again_after():
    if not torch.set_flush_denormal(False):
        return  # a processor that cannot is left as it is
    with flushed_denormals():
        assert not tiny_numbers_count()
        with flushed_denormals():  # inside, nothing is put back
            pass
        assert not tiny_numbers_count()
    assert tiny_numbers_count()


def test_they_count_again_after_an_error():
    with pytest.raises(KeyError), flushed_denormals():
        raise KeyError
    assert tiny_numbers_count()


def test_a_fit_leaves_the_processor_as_it_was():
    threads = torch.get_num_threads()
    RNNForecaster(max_epochs=1, hidden_size=4, random_state=0).fit(np.arange(36.0))
    assert tiny_numbers_count()
    assert torch.get_num_threads() == threads


def test_small_networks_run_in_one_thread():
    before = torch.get_num_threads()
    with suitable_threads(8):
        assert torch.get_num_threads() == 1
        with suitable_threads(8):
            pass
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with suitable_threads(4096):
        assert torch.get_num_threads() == before
