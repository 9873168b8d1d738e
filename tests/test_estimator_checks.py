"""sktime's and scikit-learn's own checks, run over every estimator."""

import pytest
from sktime.utils.estimator_checks import check_estimator, parametrize_with_checks

from sklrnn import RNNForecaster


# The checks of sktime are not ours to mend: what they warn of does not count here.
@pytest.mark.filterwarnings("default")
@parametrize_with_checks([RNNForecaster])
def test_sktime(obj, test_name):
    results = check_estimator(
        obj, tests_to_run=test_name, raise_exceptions=True, verbose=False
    )
    assert results


def test_parameter_sets_cover_the_choices():
    sets = RNNForecaster.get_test_params()
    assert len(sets) >= 4
    forecasters = [RNNForecaster(**params) for params in sets]
    names = "cell direction fusion strategy normalize layer_norm recurrent_dropout"
    for name in (*names.split(), "bptt_steps"):
        assert len({getattr(f, name) for f in forecasters}) >= 2
