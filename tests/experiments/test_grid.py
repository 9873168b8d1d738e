import pytest

from sklrnn.experiments.grid import FULL_GRID, QUICK_GRID, TASKS, expand
from sklrnn.network.cells.gru import GRU


def names(grid, task):
    return [a.name for a in expand(grid, [task])[0]]


def test_a_grid_gives_every_combination_once():
    grid = {"cell": ["gru", "lstm"], "direction": ["forward", "coupled"]}
    architectures, lines = expand(grid, TASKS)
    assert [a.name for a in architectures] == 2 * [
        "gru forward",
        "gru coupled concat",
        "lstm forward",
        "lstm coupled concat",
    ]
    assert [a.task for a in architectures] == 4 * ["prediction"] + 4 * [
        "reconstruction"
    ]
    assert lines == []
    assert len({a.key(0) for a in architectures}) == 8
    assert architectures[0].key(0) != architectures[0].key(1)


def test_fusion_needs_two_directions():
    grid = {
        "cell": ["gru"],
        "direction": ["forward", "coupled"],
        "fusion": ["concat", "gated"],
    }
    architectures, lines = expand(grid, ["reconstruction"])
    assert [a.name for a in architectures] == [
        "gru forward",
        "gru coupled concat",
        "gru coupled gated",
    ]
    assert lines == [
        "skipped 1 combination: fusion='gated' with direction='forward', which leaves "
        "nothing to fuse"
    ]


def test_what_makes_no_difference_runs_once():
    grid = {"direction": ["decoupled"], "fusion": ["concat", "gated"]}
    architectures, lines = expand(grid, ["prediction"])
    assert [a.name for a in architectures] == ["lstm decoupled"]
    assert "the same with every fusion" in lines[0]
    grid = {
        "direction": ["coupled"],
        "reconstruction__loss": ["mse", "gaussian_nll"],
    }
    assert names(grid, "prediction") == ["lstm coupled concat"]
    assert names(grid, "reconstruction") == [
        "gru coupled concat mse",
        "gru coupled concat likelihood",
    ]
    assert "loss make no difference to the prediction" in expand(grid, TASKS)[1][0]


def test_parts_of_a_grid_may_repeat_each_other():
    parts = [{"cell": ["gru"]}, {"cell": ["gru"], "layer_norm": [False, True]}]
    assert len(names(parts, "prediction")) == 2
    assert names(parts, "prediction")[1] == "gru forward layer norm"


def test_classes_join_by_themselves():
    (architecture,), _ = expand({"cell": [GRU]}, ["prediction"])
    assert architecture.name == "GRU forward"
    assert architecture.params["cell"] is GRU
    assert architecture.value("cell") == "sklrnn.network.cells.gru.GRU"


def test_the_grids_at_hand():
    full, lines = expand(FULL_GRID, TASKS)
    directions = {(a.value("cell"), a.value("direction")) for a in full}
    assert len(directions) == 9 and len(full) == 162
    assert any("nothing to fuse" in line for line in lines)
    assert len({(a.task, a.name) for a in full}) == len(full)
    assert len(expand(QUICK_GRID, TASKS)[0]) == 20


@pytest.mark.parametrize("grid", [{}, [], [{}], {"cell": []}])
def test_an_empty_grid(grid):
    with pytest.raises(ValueError, match="the grid is empty"):
        expand(grid, TASKS)


def test_a_grid_of_nothing_valid():
    with pytest.raises(ValueError, match="leaves nothing to compare: skipped 1 comb"):
        expand({"direction": ["forward"], "fusion": ["gated"]}, TASKS[:1])


@pytest.mark.parametrize(
    ("grid", "error", "match"),
    [
        ("cell", TypeError, "a dict of lists, or a list of them, got 'cell'"),
        ({"cell": "gru"}, TypeError, r"'gru' for 'cell'; give a list .* \['gru'\]"),
        ([["cell"]], TypeError, "must be made of dicts"),
        ({"cells": ["gru"]}, ValueError, "'cells', which is no parameter of RNNForec"),
        ({"random_state": [1]}, ValueError, "'random_state', which the comparison"),
        ({"reconstruction__horizn": [1]}, ValueError, "no parameter of RNNImputer"),
        ({"prediction__cell": ["gruu"]}, ValueError, "did you mean 'gru'"),
        ({"cell": ["gruu"]}, ValueError, "did you mean 'gru'"),
        (
            {"direction": ["coupled"], "fusion": ["x"]},
            ValueError,
            "or a class, got 'x'",
        ),
    ],
)
def test_wrong_grids(grid, error, match):
    with pytest.raises(error, match=match):
        expand(grid, TASKS)
