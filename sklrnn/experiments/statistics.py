"""Statistics of a comparison: means over seeds, the best group, ranks, effects."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

NAIVE = ("last value", "linear interpolation", "mean")
DEVIATIONS = 2.0
VIEWS = ("online", "offline")
_LEVEL = 0.05
_MOST_RANKED = 20


def tabulate(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Put records into a table, one row per task, architecture and seed.

    Parameters
    ----------
    records : list of dict
        As `sklrnn.experiments.trials.run_trial` returns them.

    Returns
    -------
    results : DataFrame
        The columns are described at `sklrnn.experiments.compare`.
    """
    names = list(dict.fromkeys(n for record in records for n in record["params"]))
    rows = []
    for record in records:
        row = {name: record[name] for name in ("task", "architecture", "seed")}
        for name in names:
            value = record["params"].get(name)
            row[name] = json.dumps(value) if isinstance(value, (dict, list)) else value
        row |= {name: record["scores"].get(name) for name in _score_names()}
        row |= {name: record.get(name) for name in _MEASURED}
        rows.append(row)
    table = pd.DataFrame(rows)
    table["seed"] = table["seed"].astype("Int64")
    for name in _WHOLE:
        table[name] = table[name].astype("Int64")
    for name in (*_score_names(), *_TIMES):
        table[name] = table[name].astype("float64")
    return table


_WHOLE = (
    "best_epoch",
    "epochs",
    "parameters",
    "layer_parameters",
    "formula_parameters",
    "multiply_adds",
    "offline_multiply_adds",
)
_TIMES = ("fit_seconds", "epoch_seconds", "latency_ms", "peak_memory_mb")
_MEASURED = (*_WHOLE, *_TIMES, "failed")


def _score_names() -> list[str]:
    scores = ("micro_mse", "macro_mse", "micro_mae", "macro_mae")
    prefixes = ("", "removed_", "offline_", "offline_removed_")
    return [prefix + name for prefix in prefixes for name in scores]


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """Take means over seeds, sort, and mark the best group and the choice.

    Parameters
    ----------
    results : DataFrame
        As `tabulate` returns it.

    Returns
    -------
    summary : DataFrame
        One row per task, view and architecture, sorted by "micro_mse" within each
        task and view. "online" sees nothing after the scored step, "offline" does.
        "std" is the deviation over seeds; "best_group" is True where the mean is
        within two of the best one's standard deviations of the best mean; "choice"
        where, of these, multiply-adds are fewest. Naive rows are in no group.
    """
    parts = []
    for task in results["task"].unique():
        for view in VIEWS:
            part = _view(results[results["task"] == task], view)
            if len(part):
                parts.append(_judge(part))
    return pd.concat(parts, ignore_index=True)


def _view(results: pd.DataFrame, view: str) -> pd.DataFrame:
    prefix = "" if view == "online" else "offline_"
    known = results[results[f"{prefix}micro_mse"].notna()]
    grouped = known.groupby("architecture", sort=False)
    table = pd.DataFrame(
        {
            "task": grouped["task"].first(),
            "view": view,
            "seeds": grouped["seed"].count(),
            "micro_mse": grouped[f"{prefix}micro_mse"].mean(),
            "std": grouped[f"{prefix}micro_mse"].std(),
            "macro_mse": grouped[f"{prefix}macro_mse"].mean(),
            "micro_mae": grouped[f"{prefix}micro_mae"].mean(),
            "macro_mae": grouped[f"{prefix}macro_mae"].mean(),
            "removed_micro_mse": grouped[f"{prefix}removed_micro_mse"].mean(),
            "multiply_adds": grouped[f"{prefix}multiply_adds"].first(),
        }
    )
    for name in ("parameters", "layer_parameters", "formula_parameters"):
        table[name] = grouped[name].first()
    for name in ("best_epoch", *_TIMES):
        table[name] = grouped[name].mean()
    return table.reset_index()


def _judge(table: pd.DataFrame) -> pd.DataFrame:
    """Sort a view of a task, and mark the best group and the choice."""
    table = table.sort_values("micro_mse", kind="stable", ignore_index=True)
    trained = table["seeds"] > 0
    table["best_group"] = False
    table["choice"] = False
    if trained.any():
        best = table[trained].iloc[0]
        margin = DEVIATIONS * (0.0 if np.isnan(best["std"]) else best["std"])
        inside = trained & (table["micro_mse"] <= best["micro_mse"] + margin)
        table["best_group"] = inside
        table.loc[table.loc[inside, "multiply_adds"].idxmin(), "choice"] = True
    return table


# ---- ranks --------------------------------------------------------------------------


class Ranks(NamedTuple):
    """Ranks of architectures over data segments.

    Attributes
    ----------
    average : Series of shape (n_architectures,)
        Average ranks, 1 the best; sorted.
    p_values : DataFrame of shape (n_architectures, n_architectures)
        Of Nemenyi's test after Friedman's.
    friedman : float
        p-value of Friedman's test that all are alike.
    difference : float
        Ranks that differ by less cannot be told apart (at 5 %).
    n_segments, n_left_out : int
        Segments with scores, and architectures beyond the best 20, left out.
    """

    average: pd.Series
    p_values: pd.DataFrame
    friedman: float
    difference: float
    n_segments: int
    n_left_out: int


def rank(records: list[dict[str, Any]], task: str, view: str) -> Ranks | None:
    """Rank architectures on every data segment, by their means over seeds.

    Returns
    -------
    Ranks or None
        None where there are fewer than three architectures or segments.
    """
    import scikit_posthocs
    from scipy.stats import friedmanchisquare, studentized_range

    scores: dict[str, list[Any]] = {}
    for record in records:
        known = record["task"] == task and view in record.get("segments", {})
        if known and record["seed"] is not None:
            scores.setdefault(record["architecture"], []).append(
                record["segments"][view]
            )
    table = pd.DataFrame(
        {n: np.mean(np.array(rows, dtype=float), axis=0) for n, rows in scores.items()}
    ).dropna()
    if table.shape[1] < 3 or len(table) < 3:
        return None
    ordered = table.rank(axis=1).mean().sort_values(kind="stable").index
    kept = ordered[:_MOST_RANKED]
    left_out = len(ordered) - len(kept)
    table = table[kept]
    ranks = table.rank(axis=1).mean().sort_values(kind="stable")
    p_values = scikit_posthocs.posthoc_nemenyi_friedman(table)
    k, n = table.shape[1], len(table)
    # As in the p-values above, after Demsar (2006), section 3.2.2.
    quantile = studentized_range.ppf(1 - _LEVEL, k, np.inf) / np.sqrt(2)
    return Ranks(
        average=ranks,
        p_values=p_values.loc[ranks.index, ranks.index],
        friedman=float(friedmanchisquare(*table.to_numpy().T).pvalue),
        difference=float(quantile * np.sqrt(k * (k + 1) / (6 * n))),
        n_segments=n,
        n_left_out=left_out,
    )


# ---- effects ------------------------------------------------------------------------


def find_effects(results: pd.DataFrame) -> pd.DataFrame:
    """Compare values of one parameter where all else is the same.

    Parameters
    ----------
    results : DataFrame
        As `tabulate` returns it.

    Returns
    -------
    effects : DataFrame
        One row per task, view, parameter and pair of its values: how many pairs of
        architectures differ in it alone, the mean over them and over seeds of the
        change of the micro MSE from the first value to the second, in per cent, its
        deviation over seeds, and "verdict": "lower" or "higher" where the mean is more
        than two deviations from 0, else "not told apart".
    """
    rows = []
    trained = results[results["seed"].notna()]
    params = list(results.columns[3 : results.columns.get_loc("micro_mse")])
    for task in trained["task"].unique():
        part = trained[trained["task"] == task]
        for view in VIEWS:
            score = "micro_mse" if view == "online" else "offline_micro_mse"
            known = part[part[score].notna()]
            for name in params:
                rows += _effects_of(known, task, view, name, params, score)
    columns = ["task", "view", "parameter", "from", "to", "pairs", "seeds"]
    return pd.DataFrame(rows, columns=[*columns, "change_percent", "std", "verdict"])


def _effects_of(
    table: pd.DataFrame,
    task: str,
    view: str,
    name: str,
    params: list[str],
    score: str,
) -> list[tuple]:
    others = [p for p in params if p != name]
    texts = table[name].map(str)
    keys = ["|".join(map(str, row)) for row in table[others].itertuples(index=False)]
    wide = (
        pd.DataFrame({"key": keys, "value": texts.to_numpy()})
        .assign(score=np.log(table[score].to_numpy()), seed=table["seed"].to_numpy())
        .pivot_table(index=["key", "seed"], columns="value", values="score")
    )
    # In the order in which the grid has them.
    values = [v for v in dict.fromkeys(texts) if v in wide]
    rows = []
    for i, first in enumerate(values):
        for second in values[i + 1 :]:
            change = (wide[second] - wide[first]).dropna()
            if not len(change):
                continue
            by_seed = change.groupby("seed").mean()
            mean, std = by_seed.mean(), by_seed.std()
            verdict = "not told apart"
            if len(by_seed) > 1 and abs(mean) > DEVIATIONS * std:
                verdict = "lower" if mean < 0 else "higher"
            percent = 100 * np.expm1(mean)
            pairs = len(change) // len(by_seed)
            row = (task, view, name, first, second, pairs, len(by_seed))
            rows.append((*row, percent, 100 * std, verdict))
    return rows


def compare_teacher(results: pd.DataFrame) -> pd.DataFrame:
    """Put decoupled networks beside the plain forward network of the same size.

    Returns
    -------
    table : DataFrame
        One row per decoupled architecture: means and deviations over seeds of the
        micro MSE of the forward network, of the decoupled one online, and of its
        fusion offline, and what the difference online comes to ("verdict", as of
        `find_effects`, over the seeds that both have).
    """
    rows = []
    trained = results[results["seed"].notna()]
    params = list(results.columns[3 : results.columns.get_loc("micro_mse")])
    same = [p for p in params if p not in ("direction", "fusion", "fusion_params")]
    if "direction" not in params:
        return pd.DataFrame()
    for (task, name), part in trained[trained["direction"] == "decoupled"].groupby(
        ["task", "architecture"], sort=False
    ):
        first = part.iloc[0]
        beside = trained[
            (trained["task"] == task) & (trained["direction"] == "forward")
        ]
        for p in same:
            beside = beside[beside[p].map(str) == str(first[p])]
        pair = (
            part.set_index("seed")["micro_mse"],
            beside.set_index("seed")["micro_mse"],
        )
        change = (pair[0] - pair[1]).dropna()
        if not len(change):
            continue
        mean, std = change.mean(), change.std()
        verdict = "no difference told"
        if len(change) > 1 and abs(mean) > DEVIATIONS * std:
            verdict = "the teacher helps" if mean < 0 else "the teacher harms"
        rows.append(
            {
                "task": task,
                "architecture": name,
                "forward": pair[1].mean(),
                "forward_std": pair[1].std(),
                "online": pair[0].mean(),
                "online_std": pair[0].std(),
                "offline": part["offline_micro_mse"].mean(),
                "offline_std": part["offline_micro_mse"].std(),
                "seeds": len(change),
                "verdict": verdict,
            }
        )
    return pd.DataFrame(rows)


def weights_beside_lstm(results: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return each architecture's weights as a share of the same one's with lstm.

    Returns
    -------
    dict from (task, architecture) to float
        Of the recurrent layers; without those that have no twin.
    """
    trained = results[results["seed"].notna()]
    if "cell" not in trained:
        return {}
    params = list(results.columns[3 : results.columns.get_loc("micro_mse")])
    others = [p for p in params if p != "cell"]
    trained = trained.drop_duplicates(["task", "architecture"])
    keys = [
        tuple(map(str, row))
        for row in trained[["task", *others]].itertuples(index=False)
    ]
    counts = dict(
        zip(
            zip(keys, trained["cell"], strict=True),
            trained["layer_parameters"],
            strict=True,
        )
    )
    shares = {}
    for key, row in zip(keys, trained.to_dict("records"), strict=True):
        twin = counts.get((key, "lstm"))
        if twin is not None and not pd.isna(row["layer_parameters"]):
            shares[row["task"], row["architecture"]] = row["layer_parameters"] / twin
    return shares


def compare_tasks(results: pd.DataFrame) -> pd.DataFrame:
    """Put the reconstruction of every network beside its prediction.

    Returns
    -------
    pairs : DataFrame
        One row per architecture of reconstruction that has a twin in prediction, of
        the same parameters as far as both tasks have them: means over seeds of the
        micro MSE of prediction, and of reconstruction online and offline, with
        "online_verdict" and "offline_verdict": whether reconstruction is "better" or
        "worse" by more than two deviations of the difference over seeds.
    """
    trained = results[results["seed"].notna()]
    params = list(results.columns[3 : results.columns.get_loc("micro_mse")])
    parts = {
        task: trained[trained["task"] == task] for task in trained["task"].unique()
    }
    if len(parts) < 2:
        return pd.DataFrame()
    shared = [
        p for p in params if all(part[p].notna().any() for part in parts.values())
    ]
    first, rows = parts["prediction"], []
    for name, part in parts["reconstruction"].groupby("architecture", sort=False):
        row = part.iloc[0]
        twins = first
        for p in shared:
            # A decoupled forecast is the same with every fusion.
            if p != "fusion" or row.get("direction") != "decoupled":
                twins = twins[twins[p].map(str) == str(row[p])]
        predicted = twins.set_index("seed")["micro_mse"]
        if not len(predicted):
            continue
        found = {"architecture": name, "prediction": predicted.mean()}
        for view, column in (("online", "micro_mse"), ("offline", "offline_micro_mse")):
            change = (part.set_index("seed")[column] - predicted).dropna()
            found[view] = part[column].mean()
            found[f"{view}_verdict"] = _better(change)
        rows.append(found)
    return pd.DataFrame(rows)


def _better(change: pd.Series) -> str:
    if len(change) < 2:
        return "" if not len(change) else "not told apart"
    if abs(change.mean()) <= DEVIATIONS * change.std():
        return "not told apart"
    return "better" if change.mean() < 0 else "worse"
