"""Panels in parts: what is a part, Parquet files, errors that name the part."""

import datetime
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sklrnn.data.parts import open_parts, read_panel
from sklrnn.data.reader import SeriesReader
from sklrnn.data.scaling import Moments, standardisation
from sklrnn.data.sources import PartedSeries, open_source


def make_panel(names, n_steps=20, seed=0):
    rng = np.random.default_rng(seed)
    times = pd.date_range("2024-01-01", periods=n_steps, freq="D")
    index = pd.MultiIndex.from_product([list(names), times], names=["shop", "day"])
    return pd.DataFrame({"sold": rng.normal(size=len(index))}, index=index)


READER = SeriesReader(standardize=True)


def read_parted(y, X=None):
    return PartedSeries(open_parts(y, X), READER)


# ---- what is a part ------------------------------------------------------------------


def test_what_sktime_knows_is_no_parts():
    panel = make_panel("ab")
    series = panel.loc["a"]
    arrays = np.zeros((2, 1, 9)), np.float64(3.0)
    for y in (panel, series, series["sold"], [series, series], *arrays):
        assert open_parts(y) is None


class Panels:
    def __iter__(self):
        yield from map(make_panel, "ab")


def test_parts_of_every_kind_are_the_same(tmp_path):
    panels = [make_panel("a"), make_panel("b")]
    files = [tmp_path / f"{i}.parquet" for i in range(2)]
    for panel, file in zip(panels, files, strict=True):
        panel.to_parquet(file)
    (tmp_path / "README").write_text("not a part")
    sources = [
        panels,
        Panels(),
        lambda: iter(panels),
        tmp_path,
        str(tmp_path),
        files,
        list(map(str, files)),
    ]
    for source in sources:
        parts = open_parts(source)
        for _ in range(2):
            found = [part.y for part in parts.read()]
            assert len(found) == 2
            for one, panel in zip(found, panels, strict=True):
                pd.testing.assert_frame_equal(one, panel, check_freq=False)


def test_an_iterator_is_refused():
    with pytest.raises(TypeError, match="generator, which can be gone through only on"):
        open_parts(make_panel(name) for name in "ab")


def test_parts_of_a_list_come_in_any_order():
    panels = [make_panel(name) for name in "abc"]
    parts = open_parts(panels)
    assert [part.number for part in parts.read([2, 0])] == [2, 0]
    parts = open_parts(lambda: iter(panels))
    assert [part.number for part in parts.read([2, 0])] == [0, 2]


@pytest.mark.parametrize("make", [list, lambda panels: lambda: iter(panels)])
def test_exogenous_columns_are_named(make):
    panels = [make_panel(name).assign(price=2.0) for name in "ab"]
    panels[1] = panels[1][["price", "sold"]]
    for part in open_parts(make(panels), X=["price"]).read():
        assert list(part.y.columns) == ["sold"]
        assert list(part.x.columns) == ["price"]


def with_panel(second, X=None):
    def read_all(tmp_path):
        list(open_parts([make_panel("a"), second], X).read())

    return read_all


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            with_panel(make_panel("b").assign(z=1.0)),
            r"2 of y has the columns \['s",
        ),
        (
            with_panel(make_panel("b").reset_index("shop")),
            "2 of y must be a panel",
        ),
        (
            with_panel(make_panel("b")[::-1]),
            "2 of y are time steps and must be in",
        ),
        (with_panel(make_panel("b")[:0]), "part 2 of y has no rows"),
        (with_panel(pd.concat({"x": make_panel("b")})), "an index of 3 levels"),
        (with_panel(None, ["price"]), "X has the name 'price', but part 1 of y has"),
        (with_panel(None, ["sold"]), "X names all columns of part 1"),
        (lambda path: open_parts(path), "has no files"),
        (lambda path: open_parts(path / "none"), "is no folder of Parquet files"),
        (lambda path: read_parted(lambda: []), "y has no parts"),
    ],
)
def test_what_cannot_be_read_is_named(act, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        act(tmp_path)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (with_panel(3), "part 2 of y must be a DataFrame or a Parquet"),
        (
            with_panel(make_panel("b").astype(str)),
            "holds str, no numbers",
        ),
        (with_panel(make_panel("b"), make_panel("b")), "X must be a list of the names"),
    ],
)
def test_what_has_the_wrong_type_is_named(act, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        act(tmp_path)


# ---- Parquet files -------------------------------------------------------------------

DAY = datetime.date(2024, 1, 1)


@pytest.mark.parametrize(
    ("columns", "levels"),
    [
        ({"shop": ["a"], "day": [pd.Timestamp(DAY)], "sold": [1.0]}, ["shop", "day"]),
        ({"shop": ["a"], "day": [DAY], "sold": [1.0]}, ["shop", "day"]),
        ({"shop": ["a"], "day": [3], "sold": [1.0]}, ["shop", "day"]),
        (
            {"town": [1], "shop": [2], "day": [pd.Timestamp(DAY)], "sold": [1.0]},
            ["town", "shop", "day"],
        ),
    ],
)
def test_columns_of_a_file_tell_series_and_time(columns, levels, tmp_path):
    pd.DataFrame(columns).to_parquet(tmp_path / "a.parquet")
    panel = read_panel(tmp_path / "a.parquet")
    assert list(panel.index.names) == levels
    assert list(panel.columns) == ["sold"]


def test_a_single_index_tells_the_series(tmp_path):
    table = make_panel("ab").reset_index("day")
    table.to_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(
        read_panel(tmp_path / "a.parquet"), make_panel("ab"), check_freq=False
    )


@pytest.mark.parametrize(
    "columns",
    [
        {"day": [pd.Timestamp(DAY)], "sold": [1.0]},
        {"shop": ["a"], "day": [pd.Timestamp(DAY)]},
        {"shop": ["a"], "sold": [1.0], "lost": [1.0]},
    ],
)
def test_a_file_without_series_or_time_is_refused(columns, tmp_path):
    pd.DataFrame(columns).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="a.parquet' has the columns .*, not one"):
        read_panel(tmp_path / "a.parquet")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_text("shop,day,sold")
    with pytest.raises(ValueError, match="a.parquet' is not a Parquet table"):
        read_panel(tmp_path / "a.parquet")


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    make_panel("a").to_parquet(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'sklrnn\[parquet\]'"):
        read_panel(tmp_path / "a.parquet")


def test_a_table_and_its_parts_go_through_one_door():
    panels = [make_panel(name).assign(kind=list("xy") * 10) for name in "ab"]
    whole = pd.concat(panels)
    sources = [
        open_source(READER, open_parts(panels, ["kind"]), None),
        open_source(READER, whole[["sold"]], whole[["kind"]]),
    ]
    parted, table = sources
    assert parted.targets == table.targets == ("sold",)
    assert parted.exogenous.names == table.exogenous.names == ("kind",)
    assert list(parted.exogenous.categories.known["kind"]) == ["x", "y"]
    assert list(table.exogenous.categories.known["kind"]) == ["x", "y"]
    assert parted.has_gaps == table.has_gaps
    cut = dict(window_length=5, horizon=2, validation_fraction=0.2, masked=False)
    assert [len(each) for each in parted.split_windows(**cut)] == [
        len(each) for each in table.split_windows(**cut)
    ]


# ---- what all parts have in common ---------------------------------------------------


def test_a_series_in_two_parts_is_refused():
    with pytest.raises(ValueError, match="'b' is in part 1 of y and in part 3"):
        read_parted([make_panel("ab"), make_panel("c"), make_panel("db")])


def test_parts_that_change_are_refused():
    sizes = iter([20, 20, 20, 15])

    def panels():
        yield make_panel("a", next(sizes))
        yield make_panel("b", next(sizes))

    series = read_parted(panels)
    cut = dict(window_length=5, horizon=1, validation_fraction=0.2, masked=False)
    train, _ = series.split_windows(**cut)
    sizes = iter([20, 16])
    with pytest.raises(ValueError, match="part 2 of y is not what it was"):
        list(train.load(range(2)))


def test_a_bad_series_is_told_with_its_part():
    bad = make_panel("b") * np.inf
    with pytest.raises(ValueError, match="part 2 of y: y of series 'b' has infinite"):
        read_parted([make_panel("a"), bad])


def test_gaps_in_any_part_count():
    gappy = make_panel("b")
    gappy.iloc[3] = np.nan
    assert not read_parted([make_panel("a")]).has_gaps
    assert read_parted([make_panel("a"), gappy]).has_gaps


def test_exogenous_columns_are_scaled_over_all_parts():
    rng = np.random.default_rng(0)
    panels = [make_panel(name) for name in "abc"]
    panels = [
        panel.assign(price=rng.normal(i, i + 1, len(panel)), rare=np.nan, flat=0.1)
        for i, panel in enumerate(panels)
    ]
    panels[1]["rare"] = 1e-12 * rng.normal(size=20)
    X = ["price", "rare", "flat"]
    known = read_parted(panels, X).known[0]
    whole = pd.concat(panels)
    expected = open_source(READER, whole[["sold"]], whole[X]).known[0]
    np.testing.assert_allclose(known.center, expected.center, rtol=1e-12)
    np.testing.assert_allclose(known.scale, expected.scale, rtol=1e-12)


def test_moments_of_large_values_join():
    rows = np.random.default_rng(0).normal(1e200, 1e199, size=(50, 1))
    joined = Moments.of(rows[:20]).joined(Moments.of(rows[20:]))
    np.testing.assert_allclose(
        joined.standardisation(), standardisation([rows], True), rtol=1e-12
    )


def test_categories_of_all_parts_are_known():
    kinds = [["pear", "fig"], ["fig", "apple"]]
    panels = [
        make_panel(name).assign(kind=np.resize(each, 20))
        for name, each in zip("ab", kinds, strict=True)
    ]
    series = read_parted(panels, ["kind"])
    assert list(series.exogenous.categories.known["kind"]) == ["apple", "fig", "pear"]
    panels[1]["kind"] = pd.Categorical(panels[1]["kind"], ["pear", "fig", "apple"])
    panels[0]["kind"] = pd.Categorical(panels[0]["kind"], ["pear", "fig"])
    series = read_parted(panels, ["kind"])
    assert list(series.exogenous.categories.known["kind"]) == ["pear", "fig", "apple"]


def test_categories_that_are_numbers_elsewhere_are_refused():
    panels = [make_panel("a").assign(kind="x"), make_panel("b").assign(kind=1.0)]
    with pytest.raises(ValueError, match="'kind' of X holds numbers in part 2 of y"):
        read_parted(panels, ["kind"])


_PEAK = """
import resource, sys
import numpy as np, pandas as pd
from sklrnn.data.sources import PartedSeries
from sklrnn.data.parts import open_parts
from sklrnn.data.reader import SeriesReader

def panels():
    times = pd.RangeIndex(100_000)
    for name in range(int(sys.argv[1])):
        index = pd.MultiIndex.from_product([[name], times])
        yield pd.DataFrame({"y": np.sin(times)}, index=index)

series = PartedSeries(open_parts(panels), SeriesReader(standardize=True))
cut = dict(window_length=9, horizon=1, validation_fraction=0.2, masked=False)
train, _ = series.split_windows(**cut)
for _, windows in train.load(range(series.n_parts)):
    del windows
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units")
def test_the_peak_of_memory_does_not_grow_with_the_number_of_parts():
    few, many = (
        float(subprocess.check_output([sys.executable, "-c", _PEAK, str(n_parts)]))
        for n_parts in (2, 16)
    )
    # The series of 14 parts alone take 5.6 MB, their tables four times as much.
    assert many < few + 4, (few, many)
