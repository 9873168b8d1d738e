"""Accuracy and time of RNNClassifier beside sktime's recurrent classifiers.

    python examples/benchmarks/archive.py

Data sets of the UCR and UEA archives that come with sktime, with their own division
into training and test part. All recurrent classifiers have their default settings;
those of sktime train for as many epochs as are given here, since their default of 10 is
not enough on so little data. 1-NN with dynamic time warping is sktime's, with a window
of 10 % of the length, on series as they are.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")


from sktime.datasets import (
    load_basic_motions,
    load_gunpoint,
    load_italy_power_demand,
    load_japanese_vowels,
)

DATA = {
    "BasicMotions": load_basic_motions,
    "GunPoint": load_gunpoint,
    "ItalyPowerDemand": load_italy_power_demand,
    "JapaneseVowels": load_japanese_vowels,
}
