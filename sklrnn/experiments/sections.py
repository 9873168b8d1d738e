"""The sections of the report's page: what each of them says and draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from sklrnn.experiments import pictures, statistics
from sklrnn.experiments.findings import Comparison, Findings, places
from sklrnn.experiments.markup import (
    text_class,
    write_cell,
    write_figure,
    write_number,
    write_paragraphs,
    write_table,
)
from sklrnn.experiments.statistics import DEVIATIONS, NAIVE

_TITLES = {
    ("prediction", "online"): "prediction",
    ("prediction", "offline"): "prediction",
    ("reconstruction", "online"): "reconstruction, online",
    ("reconstruction", "offline"): "reconstruction, offline",
}

_CURVES = 6

_LINES = 5


def write_sections(found: Comparison, findings: Findings) -> list[tuple[str, str, str]]:
    """Return the anchor, the title and the body of every section with a body."""
    sections = [
        ("found", "What came out", _found(found, findings)),
        ("table", "All results", _results(findings)),
        ("errors", "Error by architecture", _errors(found, findings)),
        ("ranks", "Ranks over data segments", _ranks(findings)),
        ("effects", "What each choice changes", _effects(findings)),
        ("tasks", "Prediction against reconstruction", _tasks(findings)),
        ("teacher", "What the teacher gives", _teachers(findings)),
        ("costs", "What it costs", _costs(found, findings)),
        ("curves", "Learning curves", _curves(found, findings)),
        ("windows", "Best and worst window", _windows(found, findings)),
        ("gates", "Gate of the gated fusion", _gates(found)),
        ("gaps", "Error against gap length", _gaps(found, findings)),
        ("how", "How it was done", _how(found)),
    ]
    return [each for each in sections if each[2]]


def _found(found: Comparison, findings: Findings) -> str:
    items = []
    for place in places(found.results):
        task, view = place
        part = _part(findings.summary, task, view)
        items.append(f"<li>{escape(_verdict(part, place))}</li>")
    n_seeds = len(found.seeds)
    if n_seeds == 1:
        seeds = (
            "There was one seed, so that nothing is known of how much chance there is: "
            "the best group below holds the best one alone, and says little."
        )
    else:
        seeds = (
            f"Every architecture was trained with {n_seeds} seeds. Those whose mean is "
            "within two standard deviations (over seeds) of the best one's mean are "
            "the best group: they are not told apart from it, and ties are ties. "
            "Inside the group the fewest multiply-adds decide; deviations of few seeds "
            "are themselves uncertain."
        )
    skipped = "".join(f"<li>{escape(line)}</li>" for line in found.skipped)
    if skipped:
        skipped = f"<details><summary>Left out</summary><ul>{skipped}</ul></details>"
    return f"<ul>{''.join(items)}</ul>{write_paragraphs(seeds)}{skipped}"


def _part(summary: pd.DataFrame, task: str, view: str) -> pd.DataFrame:
    return summary[(summary["task"] == task) & (summary["view"] == view)]


def _verdict(part: pd.DataFrame, place: tuple[str, str]) -> str:
    trained = part[part["seeds"] > 0]
    best, group = trained.iloc[0], trained[trained["best_group"]]
    choice = trained[trained["choice"]].iloc[0]
    spread = "" if pd.isna(best["std"]) else f" ± {write_number(best['std'], 2)}"
    text = (
        f"{_TITLES[place].capitalize()}: the lowest micro MSE is "
        f"{write_number(best['micro_mse'])}{spread}, of {best['architecture']}."
    )
    if len(group) > 1:
        text += (
            f" {len(group)} of {len(trained)} architectures cannot be told apart from "
            f"it; of these {choice['architecture']} needs the fewest multiply-adds."
        )
    else:
        text += f" It stands alone among {len(trained)} architectures."
    simple = part[part["seeds"] == 0]
    if len(simple):
        naive = simple.iloc[0]
        change = 100 * (best["micro_mse"] / naive["micro_mse"] - 1)
        word = "lower" if change < 0 else "higher"
        text += (
            f" The best simple answer, {naive['architecture']}, has "
            f"{write_number(naive['micro_mse'])}: the network's is {abs(change):.1f} % "
            f"{word}"
        )
        margin = DEVIATIONS * best["std"]
        if abs(best["micro_mse"] - naive["micro_mse"]) <= margin:
            text += ", within two deviations: these are not told apart either"
        text += "."
    return text


def _results(findings: Findings) -> str:
    columns: tuple[tuple[str, str], ...] = (
        ("micro_mse", "micro MSE"),
        ("std", "± (seeds)"),
        ("macro_mse", "macro MSE"),
        ("micro_mae", "MAE"),
        ("removed_micro_mse", "micro MSE, all removed"),
        ("parameters", "weights"),
        ("multiply_adds", "multiply-adds"),
        ("best_epoch", "best epoch"),
        ("epoch_seconds", "CPU s per epoch"),
        ("latency_ms", "latency, ms"),
        ("peak_memory_mb", "peak memory, MB"),
        ("seeds", "seeds"),
    )
    heads = ["architecture", "task", *(title for _, title in columns)]
    head = "".join(
        f'<th scope="col"{text_class(i < 2)}{_sorted(name)}><button type="button">'
        f"{escape(name)}</button></th>"
        for i, name in enumerate(heads)
    )
    rows, parts = [], []
    summary = findings.summary.sort_values("micro_mse", kind="stable")
    for row in summary.to_dict("records"):
        name, part = row["architecture"], _TITLES[row["task"], row["view"]]
        parts.append(part)
        classes = [
            c for c in ("group", "choice") if row[f"{'best_' * (c == 'group')}{c}"]
        ]
        if row["seeds"] == 0:
            classes.append("naive")
            if row["task"] == "prediction" and row["view"] == "offline":
                name += " (sees the step after)"
        mark = " ★" if row["choice"] else ""
        cells = "".join(write_cell(row[key]) for key, _ in columns)
        rows.append(
            f'<tr class="{" ".join(classes)}" data-part="{escape(part)}">'
            f'<th scope="row">{escape(str(name))}{mark}</th>'
            f'<td class="text">{escape(part)}</td>{cells}</tr>'
        )
    options = "".join(f"<option>{escape(p)}</option>" for p in dict.fromkeys(parts))
    controls = (
        '<div class="controls">'
        '<label>words <input id="words" type="search" placeholder="gru gated"></label>'
        '<label>task <select id="part"><option value="">all</option>'
        f"{options}</select></label>"
        '<label><input id="group" type="checkbox"> best group alone</label>'
        '<span id="count" class="hint" role="status"></span></div>'
    )
    hint = (
        "Shaded rows are the best group of their task, ★ marks the choice in it; "
        "simple answers are in italics. Errors are in squared deviations of the "
        "training part (MAE: in deviations). Online nothing after the scored step is "
        "seen, offline the steps after it are. The second reconstruction score counts "
        "all that was removed from the windows. Times and memory are means over seeds, "
        "measured while other trainings may have run; latency is from a new row to the "
        "answer for one series. Click a heading to sort."
    )
    return (
        f"{controls}"
        '<div class="scroll" tabindex="0" role="group" aria-label="all results">'
        f'<table id="results"><thead><tr>{head}</tr></thead><tbody>'
        f"{''.join(rows)}</tbody></table></div>"
        f'<p class="hint">{escape(hint)}</p>'
    )


def _sorted(name: str) -> str:
    return ' aria-sort="ascending"' if name == "micro MSE" else ""


def _errors(found: Comparison, findings: Findings) -> str:
    shown = []
    for task, view in places(found.results):
        part = _part(findings.summary, task, view)
        score = "micro_mse" if view == "online" else "offline_micro_mse"
        rows = found.results[(found.results["task"] == task)]
        rows = rows[rows["seed"].notna() & rows[score].notna()]
        seeds: Any = rows.groupby("architecture")[score].apply(list).to_dict()
        title = _TITLES[task, view]
        shown.append(
            f"<h3>{escape(title.capitalize())}</h3>"
            + write_figure(
                pictures.draw_errors(part, seeds, NAIVE),
                f"Error by architecture: {title}",
                "Points are seeds, the short line their mean, bars two standard "
                "deviations to both sides. Blue is the best group, * its choice; the "
                "vertical lines are simple answers, where they are near. At most 40 "
                "architectures are drawn.",
            )
        )
    return "".join(shown)


def _ranks(findings: Findings) -> str:
    shown = []
    for (task, view), ranks in findings.ranks.items():
        title = _TITLES[task, view]
        left = ""
        if ranks.n_left_out:
            left = (
                f" The best {len(ranks.average)} are ranked, {ranks.n_left_out} are "
                "left out; that the best were picked first makes the test optimistic."
            )
        shown.append(
            f"<h3>{escape(title.capitalize())}</h3>"
            + write_figure(
                pictures.draw_ranks(ranks),
                f"Average ranks: {title}",
                f"Average rank over {ranks.n_segments} consecutive segments of the "
                "test part, of means over seeds; 1 is best. Those that a bar joins "
                "cannot be told apart (Nemenyi's test at 5 %, critical difference "
                f"{ranks.difference:.2f}; Friedman's test that all are alike: p = "
                f"{ranks.friedman:.2g}).{left}",
            )
        )
    return "".join(shown)


def _effects(findings: Findings) -> str:
    if not len(findings.effects):
        return ""
    table = findings.effects.copy()
    table["place"] = [
        _TITLES[t, v] for t, v in zip(table["task"], table["view"], strict=True)
    ]
    table["step"] = table["from"] + " → " + table["to"]
    table["change"] = [f"{c:+.1f} %" for c in table["change_percent"]]
    table["spread"] = [
        "" if math.isnan(s) else f"± {s:.1f} %" for s in table["std"].astype(float)
    ]
    heads = {
        "place": "task",
        "parameter": "parameter",
        "step": "change",
        "pairs": "pairs",
        "change": "micro MSE",
        "spread": "deviation over seeds",
        "verdict": "verdict",
    }
    text = (
        "Architectures that differ in one parameter alone, paired: the mean change of "
        "the micro MSE over the pairs and the seeds. It is told as lower or higher "
        "where it is more than two deviations over seeds from none."
    )
    return write_paragraphs(
        text, _chance(findings.effects["seeds"].max())
    ) + write_table(table, heads, "effects of single choices")


def _chance(n_seeds: int) -> str:
    """Say how often the rule of two deviations tells a difference that is none."""
    from scipy.stats import t

    if n_seeds < 2:
        return "With one seed nothing can be told apart."
    share = 2 * t.sf(statistics.DEVIATIONS * math.sqrt(n_seeds), n_seeds - 1)
    return (
        f"With {n_seeds} seeds, about {100 * share:.0f} of 100 lines would be told so "
        "by chance even if nothing differed."
    )


def _tasks(findings: Findings) -> str:
    if not len(findings.tasks):
        return ""
    text = (
        "The same scored entries for both: prediction sees what was recorded up to the "
        "step before, reconstruction sees a window from which entries were removed, "
        "and offline also the steps after it."
    )
    lines = []
    for view in ("online", "offline"):
        verdicts = findings.tasks[f"{view}_verdict"].value_counts()
        verdicts = verdicts[verdicts.index != ""]
        if len(verdicts):
            told = ", ".join(f"{n} {word}" for word, n in verdicts.items())
            lines.append(f"Reconstruction {view} against prediction, by pairs: {told}.")
    picture = write_figure(
        pictures.draw_tasks(findings.tasks),
        "Prediction against reconstruction",
        "A point for each network: below the dashed line reconstruction has the lower "
        "error.",
    )
    return write_paragraphs(text, *lines) + picture


def _teachers(findings: Findings) -> str:
    if not len(findings.teachers):
        return ""
    text = (
        "A decoupled network beside the plain forward network of the same size. Online "
        "both see and compute the same; what differs is that one had a teacher. "
        "Offline the fusion with the teacher answers, which sees the steps after."
    )
    heads = {
        "architecture": "architecture",
        "task": "task",
        "forward": "forward",
        "forward_std": "±",
        "online": "decoupled, online",
        "online_std": "± ",
        "offline": "decoupled, offline",
        "verdict": "online",
    }
    picture = write_figure(
        pictures.draw_teachers(findings.teachers),
        "Online against offline",
        "Squares: the forward network that had no teacher. A forecast has no offline "
        "side.",
    )
    return (
        write_paragraphs(text)
        + picture
        + write_table(findings.teachers, heads, "teachers")
    )


def _costs(found: Comparison, findings: Findings) -> str:
    summary = findings.summary
    rows = summary[(summary["view"] == "online") & (summary["seeds"] > 0)].copy()
    if not len(rows):
        return ""
    known = rows["formula_parameters"].notna()
    agree = int((rows["formula_parameters"] == rows["layer_parameters"])[known].sum())
    lines = [
        f"The weights of the recurrent layers are those of the formulas of the papers "
        f"for {agree} of {int(known.sum())} architectures that these speak of."
    ]
    rows["formula"] = [
        "" if pd.isna(f) else ("yes" if f == n else f"no: {int(f):,}")
        for f, n in zip(
            rows["formula_parameters"], rows["layer_parameters"], strict=True
        )
    ]
    shares = statistics.weights_beside_lstm(found.results)
    rows["share"] = [
        _percent(shares.get((task, name)))
        for task, name in zip(rows["task"], rows["architecture"], strict=True)
    ]
    rows = rows.drop_duplicates(["task", "multiply_adds", "parameters"])
    rows = rows.sort_values(["task", "multiply_adds"], kind="stable")
    heads = {
        "architecture": "architecture",
        "task": "task",
        "layer_parameters": "weights of the layers",
        "share": "of the same with lstm",
        "formula": "as the formula",
        "parameters": "all weights",
        "multiply_adds": "multiply-adds per window",
        "best_epoch": "epochs to best",
        "epoch_seconds": "CPU s per epoch",
        "latency_ms": "latency, ms",
        "peak_memory_mb": "peak memory, MB",
    }
    lines.append(
        "Measured instead of asserted, online; of architectures that cost the same the "
        "best is shown. Peak memory is by how much the process grew in training."
    )
    return write_paragraphs(*lines) + write_table(rows, heads, "costs")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def _curves(found: Comparison, findings: Findings) -> str:
    panels: dict[str, Any] = {}
    for record in _in_order(found, findings):
        if not record.get("history"):
            continue
        loss = record["params"].get("loss", "mse")
        place = f"{record['task']}, loss {loss}"
        losses = [row["valid_loss"] for row in record["history"][-1]]
        panels.setdefault(place, {}).setdefault(record["architecture"], []).append(
            losses
        )
    if not panels:
        return ""
    return write_figure(
        pictures.draw_curves(panels),
        "Learning curves",
        "Validation loss by epoch, a line for each seed, a point at the best epoch. "
        f"The best {_CURVES} architectures of the test part are in colour, the others "
        "grey. Losses of different kinds are not comparable.",
    )


def _in_order(found: Comparison, findings: Findings) -> list[dict[str, Any]]:
    """Return the records of trained networks, best architectures first."""
    summary = findings.summary
    order = {
        (row["task"], row["architecture"]): i
        for i, row in enumerate(summary[summary["view"] == "online"].to_dict("records"))
    }
    known = [r for r in found.records if r["seed"] is not None and not r["failed"]]
    return sorted(known, key=lambda r: order[r["task"], r["architecture"]])


def _windows(found: Comparison, findings: Findings) -> str:
    shown = []
    for task in found.results["task"].unique():
        records = [r for r in _in_order(found, findings) if r["task"] == task]
        if not records:
            continue
        offline = [r for r in records if "offline_micro_mse" in r["scores"]]
        record = min(
            offline or records,
            key=lambda r: r["scores"]["offline_micro_mse" if offline else "micro_mse"],
        )
        for name in ("best", "worst"):
            window = record["windows"][name]
            title = f"{task}, {name} window"
            shown.append(
                f"<h3>{escape(title.capitalize())}</h3>"
                + write_figure(
                    pictures.draw_window(
                        window, found.protocol.columns, found.protocol.window_length
                    ),
                    title,
                    f"{record['architecture']}, seed {record['seed']}; the scored step "
                    f"is {window['time']}, with a micro MSE of "
                    f"{write_number(window['micro_mse'])}. Columns of the largest "
                    "errors.",
                )
            )
    return "".join(shown)


def _gates(found: Comparison) -> str:
    gates: dict[str, list] = {}
    for record in found.records:
        if record.get("gate"):
            name = f"{record['architecture']} ({record['task']})"
            gates.setdefault(name, []).append(record["gate"])
    if not gates:
        return ""
    means = {n: np.mean(g, axis=0).tolist() for n, g in list(gates.items())[:8]}
    left = f" The first 8 of {len(gates)} are drawn." if len(gates) > 8 else ""
    return write_figure(
        pictures.draw_gates(means, found.protocol.window_length),
        "Gate of the gated fusion over time",
        "Mean over units, windows and seeds: 1 is all from the past, 0 all from the "
        "future. A forecaster fuses once, where both directions have read the whole "
        f"window; its course is that of the gate learned there.{left}",
    )


def _gaps(found: Comparison, findings: Findings) -> str:
    shown = []
    for task, view in places(found.results):
        part = _part(findings.summary, task, view)
        trained = part[part["seeds"] > 0]["architecture"].head(_LINES)
        simple = [n for n in part["architecture"] if n in NAIVE and n != "mean"]
        lines: dict[str, Any] = {}
        for name in [*trained, *simple]:
            rows = [
                record["gaps"][view]
                for record in found.records
                if record["architecture"] == name
                and record["task"] == task
                and view in record.get("gaps", {})
            ]
            lines[name] = _mean_gaps(rows)
        title = _TITLES[task, view]
        shown.append(
            f"<h3>{escape(title.capitalize())}</h3>"
            + write_figure(
                pictures.draw_gaps(lines, NAIVE),
                f"Error against gap length: {title}",
                "The gap that the scored entry lies in, as the network sees it: online "
                "up to the scored step, offline on both sides of it. Means over seeds "
                f"of the best {len(trained)} architectures.",
            )
        )
    return "".join(shown)


def _mean_gaps(rows: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    means = []
    for classes in zip(*rows, strict=True):
        values = [c["micro_mse"] for c in classes if c["micro_mse"] is not None]
        mean = float(np.mean(values)) if values else None
        means.append({**classes[0], "micro_mse": mean})
    return means


def _how(found: Comparison) -> str:
    protocol, settings = found.protocol, found.settings
    epochs = settings.max_epochs or "as many as the estimators choose"
    text = [
        *found.lines[1:],
        "Values are standardised by the training part. Networks learn from the "
        "training part and choose their epoch on the validation part, by early "
        "stopping (patience 20 epochs, or 100 steps if those are more, in prediction, "
        "50 epochs in reconstruction, unless the grid says otherwise); the test part "
        "is touched once. AdamW with weight decay, warm-up and a cosine schedule, "
        "unless the grid says otherwise; at most "
        f"{epochs} epochs, batches of {settings.batch_size}, {settings.hidden_size} "
        "hidden units.",
        "Scored are the values observed at the last step of every test window, the "
        "same for both tasks. Prediction minimises the masked squared error one step "
        "ahead; it sees the window up to the step before. Reconstruction sees the "
        "window after absence was applied to it, by fixed masks that are the same for "
        "every architecture; what is scored is always removed. Offline it also sees "
        f"the {protocol.n_after} steps after, with absence, too.",
    ]
    facts = {
        "command": f"<code>{escape(found.command)}</code>",
        "seeds": escape(", ".join(map(str, found.seeds))),
        "data": f"sha256 <code>{protocol.checksum}</code>",
        "columns": escape(", ".join(protocol.columns)),
        **{name: escape(value) for name, value in found.machine.items()},
    }
    pairs = "".join(f"<dt>{escape(n)}</dt><dd>{v}</dd>" for n, v in facts.items())
    return (
        write_paragraphs(*text)
        + f"<dl>{pairs}</dl>"
        + '<p>The same numbers: <a href="results.csv">results.csv</a>, '
        '<a href="results.json">results.json</a>.</p>'
    )
