import copy

import numpy as np
import pandas as pd
import pytest

from sklrnn.data.arrivals import read_arrivals
from sklrnn.data.categories import Categories
from sklrnn.data.exogenous import Exogenous
from sklrnn.data.reader import SeriesReader
from sklrnn.data.rows import iterate_series

HOURS = pd.date_range("2024-01-01", periods=12, freq="h")


def panel(keys, hours, columns=("flow",), start=0.0):
    values = start + np.arange(float(len(hours) * len(columns)))
    frame = pd.DataFrame(values.reshape(len(hours), -1), hours, list(columns))
    return pd.concat({key: frame for key in keys}, names=["id"])


PLAIN = SeriesReader(standardize=False, step=pd.offsets.Hour())
LOAD = Exogenous(("load",), Categories({}), (np.zeros(1), np.ones(1)))


def arrive(known, y, x=None, **options):
    exogenous = None if x is None else LOAD
    reader = PLAIN._replace(**{"exogenous": exogenous, **options})
    return read_arrivals(y, x, known, reader)


def fitted(exogenous=False):
    x = panel("ab", HOURS[:8], ["load"]) if exogenous else None
    return PLAIN._replace(exogenous=LOAD).read(panel("ab", HOURS[:8]), x)


def test_arrivals_written_give_the_series_read_whole():
    known = fitted(exogenous=True)
    later = HOURS[8:]
    y, x = panel("ab", later, start=8.0), panel("ab", later, ["load"], start=8.0)
    arrivals, new = arrive(known, y, x)
    written = [arrival.written() for arrival in arrivals]
    assert [n_new for _, n_new in written] == [4, 4] and not new
    whole = PLAIN._replace(exogenous=LOAD).read(
        panel("ab", HOURS), panel("ab", HOURS, ["load"])
    )
    for (one, _), old, expected in zip(written, known, whole, strict=True):
        assert old.end == 8 and len(old.values) == 8
        assert one.end == expected.end and one.cutoff == expected.cutoff
        np.testing.assert_array_equal(one.values[: one.end], expected.values)


def test_series_that_are_new_are_read_and_the_others_left_alone():
    known = fitted()
    before = copy.deepcopy(known)
    arrivals, new = arrive(known, panel("bc", HOURS[8:]))
    assert [arrival.series.key for arrival in arrivals] == ["b"]
    assert [one.key for one in new] == ["c"]
    for one, old in zip(known, before, strict=True):
        np.testing.assert_array_equal(one.values, old.values)
        assert one.end == old.end


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda y: y.replace(11.0, np.inf), {}, "infinite"),
        (lambda y: y + 0.5, {"counts": True}, "must hold counts"),
        (lambda y: y.droplevel(0)[:4], {}, "y is a single series, but `fit` had a"),
        (lambda y: y.rename({"b": "c"}), {"exogenous": LOAD}, "new series 'c'"),
        (
            lambda y: y.set_index(y.index.set_levels(range(4), level=1)),
            {},
            "y of series .a. has integers for times",
        ),
    ],
)
def test_what_is_refused_changes_nothing(change, options, message):
    known = fitted()
    before = [one.values.copy() for one in known]
    with pytest.raises(ValueError, match=message):
        arrive(known, change(panel("ab", HOURS[8:], start=8.0)), **options)
    for one, values in zip(known, before, strict=True):
        np.testing.assert_array_equal(one.values, values)
        assert one.end == 8


def test_a_panel_is_refused_after_a_single_series():
    known = PLAIN.read(panel("a", HOURS[:8]).droplevel(0))
    with pytest.raises(ValueError, match="y is a panel, but `fit` had a single series"):
        arrive(known, panel("ab", HOURS[8:]))


def test_series_keep_their_own_rows():
    y = panel("ab", HOURS[8:])
    arrivals, _ = arrive(fitted(), y)
    for arrival, (key, frame) in zip(arrivals, iterate_series(y), strict=True):
        assert arrival.series.key == key
        np.testing.assert_array_equal(arrival.targets[1], frame.to_numpy())
