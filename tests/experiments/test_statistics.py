import numpy as np
import pandas as pd
import pytest

from sklrnn.experiments import statistics


def record(name, seed, mse, *, offline=None, task="prediction", adds=10, **params):
    scores = {"micro_mse": mse, "macro_mse": mse, "micro_mae": mse, "macro_mae": mse}
    if offline is not None:
        scores |= {f"offline_{key}": offline for key in list(scores)}
    return {
        "task": task,
        "architecture": name,
        "seed": seed,
        "params": params,
        "scores": scores,
        "multiply_adds": adds,
        "offline_multiply_adds": None if offline is None else 2 * adds,
        "failed": "",
    }


def summary(rows):
    return statistics.summarise(statistics.tabulate(rows)).set_index("architecture")


def test_two_deviations_and_the_cheapest_of_them():
    rows = [
        *(record("best", i, mse, adds=30) for i, mse in enumerate((0.9, 1.0, 1.1))),
        *(record("tied", i, 1.199, adds=10) for i in range(3)),
        *(record("tied too", i, 1.1, adds=20) for i in range(3)),
        *(record("beyond", i, 1.201, adds=1) for i in range(3)),
        record("mean", None, 0.5, adds=None),
    ]
    found = summary(rows)
    assert list(found.index) == ["mean", "best", "tied too", "tied", "beyond"]
    assert found.loc["best", "std"] == pytest.approx(0.1)
    assert list(found.index[found["best_group"]]) == ["best", "tied too", "tied"]
    assert list(found.index[found["choice"]]) == ["tied"]


def test_with_one_seed_nothing_is_tied():
    rows = [record("a", 0, 1.0, adds=9), record("b", 0, 1.0001, adds=1)]
    found = summary(rows)
    assert found["best_group"].to_list() == [True, False]
    assert found["choice"].to_list() == [True, False]


def test_views_are_judged_apart():
    rows = [
        *(record("forward", i, 1.0 + 0.01 * i, task="reconstruction") for i in (0, 1)),
        *(
            record("both", i, 2.0, offline=0.5 + 0.01 * i, task="reconstruction")
            for i in (0, 1)
        ),
    ]
    found = statistics.summarise(statistics.tabulate(rows))
    assert found["view"].to_list() == ["online", "online", "offline"]
    assert found["architecture"].to_list() == ["forward", "both", "both"]
    assert found["best_group"].to_list() == [True, False, True]
    assert found["multiply_adds"].to_list() == [10, 10, 20]


def test_failed_trainings_are_in_the_results_and_not_in_the_means():
    rows = [record("a", 0, 1.0), record("a", 1, 3.0)]
    rows.append(record("a", 2, 9.0) | {"scores": {}, "failed": "diverged"})
    results = statistics.tabulate(rows)
    assert results["failed"].to_list() == ["", "", "diverged"]
    assert len(results) == 3
    assert statistics.summarise(results)["micro_mse"].to_list() == [2.0]
    assert statistics.summarise(results)["seeds"].to_list() == [2]


def test_effects_are_of_pairs_that_differ_in_one_thing():
    rows = [
        record(
            f"{cell} {norm}",
            seed,
            (2.0 if cell == "gru" else 1.0) * (1.0 + 0.001 * seed * norm),
            cell=cell,
            layer_norm=norm,
        )
        for cell in ("elman", "gru")
        for norm in (False, True)
        for seed in (0, 1, 2)
    ]
    found = statistics.find_effects(statistics.tabulate(rows))
    cell = found[found["parameter"] == "cell"].iloc[0]
    assert (cell["from"], cell["to"], cell["pairs"], cell["seeds"]) == (
        "elman",
        "gru",
        2,
        3,
    )
    assert cell["change_percent"] == pytest.approx(100)
    assert cell["verdict"] == "higher"
    norm = found[found["parameter"] == "layer_norm"].iloc[0]
    assert (norm["from"], norm["to"]) == ("False", "True")
    assert norm["verdict"] == "not told apart"


def test_teachers_stand_beside_the_same_without():
    def rows(direction, mses, **more):
        return [
            record(f"gru {direction}", i, mse, cell="gru", direction=direction, **more)
            for i, mse in enumerate(mses)
        ]

    helped = rows("forward", (1.0, 1.1, 1.2)) + rows("decoupled", (0.8, 0.9, 1.0))
    (row,) = statistics.compare_teacher(statistics.tabulate(helped)).to_dict("records")
    assert row["verdict"] == "the teacher helps"
    assert (row["forward"], row["online"]) == (pytest.approx(1.1), pytest.approx(0.9))
    nothing = rows("forward", (1.0, 1.1, 1.2)) + rows("decoupled", (1.2, 0.9, 1.0))
    (row,) = statistics.compare_teacher(statistics.tabulate(nothing)).to_dict("records")
    assert row["verdict"] == "no difference told"


def test_tasks_are_compared_on_twins():
    rows = []
    for seed in (0, 1, 2):
        noise = 0.01 * seed
        rows += [
            record("gru", seed, 1.0 + noise, cell="gru"),
            record(
                "gru mse",
                seed,
                2.0 + noise,
                offline=0.5,
                task="reconstruction",
                cell="gru",
                loss="mse",
            ),
            record("lstm", seed, 1.0, task="reconstruction", cell="lstm", loss="mse"),
        ]
    (row,) = statistics.compare_tasks(statistics.tabulate(rows)).to_dict("records")
    assert row["architecture"] == "gru mse"
    assert (row["online_verdict"], row["offline_verdict"]) == ("worse", "better")


def test_weights_beside_lstm():
    rows = [
        record("lstm", 0, 1.0, cell="lstm") | {"layer_parameters": 400},
        record("gru", 0, 1.0, cell="gru") | {"layer_parameters": 300},
    ]
    shares = statistics.weights_beside_lstm(statistics.tabulate(rows))
    assert shares == {("prediction", "lstm"): 1.0, ("prediction", "gru"): 0.75}


def segmented(name, values):
    return record(name, 0, 1.0) | {"segments": {"online": list(values)}}


def test_ranks_over_segments():
    rng = np.random.default_rng(0)
    rows = [
        segmented("good", 1 + 0.01 * rng.random(10)),
        segmented("middle", 2 + rng.random(10)),
        segmented("middle too", 2 + rng.random(10)),
        segmented("bad", 9 + rng.random(10)),
    ]
    found = statistics.rank(rows, "prediction", "online")
    assert found.average["good"] == 1 and found.average["bad"] == 4
    assert list(found.average.index)[::3] == ["good", "bad"]
    assert found.friedman < 0.001
    # Demsar (2006), table 5a: q = 2.569 for four classifiers.
    assert found.difference == pytest.approx(2.569 * np.sqrt(20 / 60), rel=1e-3)
    apart = (found.average["bad"] - found.average["good"]) > found.difference
    assert (found.p_values.loc["good", "bad"] < 0.05) == apart
    assert found.p_values.loc["middle", "middle too"] > 0.05


def test_ranks_need_three():
    rows = [segmented("a", range(10)), segmented("b", range(10))]
    assert statistics.rank(rows, "prediction", "online") is None


def test_a_table_of_results_has_the_columns_that_are_told():
    results = statistics.tabulate(
        [record("a", 0, 1.0, cell="gru", cell_params={"k": 1})]
    )
    assert list(results)[:5] == ["task", "architecture", "seed", "cell", "cell_params"]
    assert results.loc[0, "cell_params"] == '{"k": 1}'
    assert isinstance(results["seed"].dtype, pd.Int64Dtype)
