"""Tables of a forecaster: names of columns, and targets in another order."""

import numpy as np
import pandas as pd
import pytest

from sklrnn import RNNForecaster

QUICK = {"hidden_size": 2, "max_epochs": 1, "random_state": 0}
Y = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["p", "q"])
TWICE = Y.set_axis(["a", "a"], axis=1)


def test_two_columns_of_one_name():
    for tables in ({"y": TWICE}, {"y": Y, "X": TWICE}):
        name = "X" if "X" in tables else "y"
        with pytest.raises(
            ValueError, match=f"^{name} has more than one column .* 'a'"
        ):
            RNNForecaster(**QUICK).fit(**tables, fh=[1])
    with pytest.raises(ValueError, match="argument 1 has more than one column .* 'a'"):
        RNNForecaster(**QUICK).fit(TWICE, Y["p"].to_numpy())


def test_targets_to_score_in_another_order():
    fitted = RNNForecaster(**QUICK).fit(y=Y)
    new = Y[:5].set_axis(range(40, 45))
    assert fitted.score(y=new[["q", "p"]]) == fitted.score(y=new)
    with pytest.raises(ValueError, match="'q' missing; 'z' unknown"):
        fitted.score(y=new.rename(columns={"q": "z"}))
