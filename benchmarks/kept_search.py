"""What is kept of a study's searches, and how the page of the paper's results says it.

A search chooses by an objective on validation images. What it would have chosen with labels, and how the objective and
each searched parameter rank the configurations beside a measure on test images, is said of all configurations that have
both. One configuration is mostly one run, so the best of them is partly luck: what fresh seeds confirmed is in the
table itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.full_measure_names import measure_info
from analysis.statistics import configuration_objectives, joined, pareto_front
from analysis.tables import label_of
from analysis.wording import cell_name
from iae_models.config import default_values

SHOWN = 5
"""Configurations that are shown, the best by the objective; of several objectives the whole front."""

DIGITS = 4
"""Significant digits that are kept."""

MINIMUM = 8
"""Configurations below which nothing is said of ranks."""

SEARCHED = ("search", "duplicate")
"""Origins of the runs that a search proposes."""


def kept_search(
    study: Mapping[str, Any],
    runs: pd.DataFrame,
    values: pd.DataFrame,
    measures: Sequence[str],
    configs: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any] | None:
    """Return what is kept of the searches of a study; None where nothing was searched.

    Args:
        study: The resolved study.
        runs: Rows of `statistics.describe_runs`, of all runs that have ended.
        values: A table of measures, both splits.
        measures: Measures of the model on the test images that are kept.
        configs: What each run's configuration says beyond what all have, by the run's key.

    Returns:
        `sampler`; `objectives` with measure and direction; `without`, the searched configurations that have no value
        since they failed or were ended early; and `configurations` of the blocks that search, best first, with block,
        label, origin, config, `objectives` (means over seeds, on validation images), `on_front` (whether no other
        one of its block is at least as good in all objectives and better in one), and `values` (means likewise).
    """
    begun = runs[runs["origin"].isin(SEARCHED)]
    blocks = begun["block"].unique()
    # seeds that confirm a winner were never chosen by
    runs = runs[runs["block"].isin(blocks) & (runs["origin"] != "confirm")]
    objectives = study["objectives"]
    table = joined(values[values["value"].notna()], runs)
    if not len(table) or not objectives:
        return None
    chosen = _best_first(configuration_objectives(table, objectives), objectives)
    test = table[(table["split"] == "test") & (table["subject"] == "model") & table["name"].isin(measures)]
    means = test.groupby(["config_key", "name"])["value"].mean()
    first = runs.drop_duplicates("config_key").set_index("config_key")["key"]
    return {
        "sampler": study["spec"]["search"]["sampler"],
        "objectives": [{name: item[name] for name in ("measure", "direction")} for item in objectives],
        "without": len(set(begun["config_key"]) - set(chosen["config_key"])),
        "configurations": [
            {
                "block": row["block"],
                "label": row["label"],
                "origin": row["origin"],
                "config": dict(configs[first[row["config_key"]]]),
                "objectives": [rounded(row[f"objective_{index}"]) for index in range(len(objectives))],
                "on_front": bool(row["on_front"]),
                "values": {
                    name: rounded(means[row["config_key"], name])
                    for name in measures
                    if (row["config_key"], name) in means
                },
            }
            for row in chosen.to_dict("records")
        ],
    }


def _best_first(table: pd.DataFrame, objectives: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Sort configurations as a search ranks them: those of the front first, by the first objective."""
    signs = [1 if item["direction"] == "minimize" else -1 for item in objectives]
    names = [f"objective_{index}" for index in range(len(objectives))]
    costs = table[names] * signs
    fronts = [pd.Series(pareto_front(group.to_numpy()), group.index) for _, group in costs.groupby(table["block"])]
    table = table.assign(on_front=pd.concat(fronts), cost=costs[names[0]])
    return table.sort_values(["on_front", "cost"], ascending=[False, True], ignore_index=True)


def search_text(search: Mapping[str, Any], measures: Mapping[str, Sequence[str]]) -> str:
    """Return a table of the best configurations of each block, and what moved its first measure, as Markdown.

    Args:
        search: What `kept_search` returned.
        measures: The measures that are shown of each block, the most important first.
    """
    blocks = dict.fromkeys(item["block"] for item in search["configurations"])
    return "\n".join(
        _block_text(
            search["objectives"],
            [item for item in search["configurations"] if item["block"] == block],
            search["sampler"],
            measures[block],
        )
        for block in blocks
        if block in measures
    ) + (f"{search['without']} searched configurations failed or were ended early.\n" if search["without"] else "")


def _block_text(
    objectives: Sequence[Mapping[str, str]], items: Sequence[Mapping[str, Any]], sampler: str, measures: Sequence[str]
) -> str:
    several, best = len(objectives) > 1, _best(items, measures[0])
    goals = " and ".join(f"{item['direction']} {label_of(item['measure'])}" for item in objectives)
    count = sum(item["origin"] in SEARCHED for item in items)
    columns = [*(f"{label_of(item['measure'])}, validation" for item in objectives), *map(label_of, measures)]
    text = (
        f"{count} configurations of {items[0]['block']} were searched by {sampler}, beside {len(items) - count} of the "
        f"grid, to {goals} on validation images. "
        f"{'Those that no other beats in one and matches in the rest' if several else 'The best'}, one run each where "
        "they were searched, so that their values are partly luck"
    )
    text += f", and last the best by {label_of(measures[0])}, which no search has seen:" if best else ":"
    lines = [text, "", f"| configuration | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    shown = [("", item) for item in items if item["on_front"] or not several]
    shown = shown if several else shown[:SHOWN]
    if best is not None:
        shown.append((f"by {label_of(measures[0])}: ", best))
    for prefix, item in shown:
        numbers = [*item["objectives"], *(item["values"].get(name) for name in measures)]
        name = prefix + short_name(item["block"], item["label"])
        lines.append(f"| {name} | {' | '.join(map(_number, numbers))} |")
    return "\n".join([*lines, "", _ranks(objectives, items, measures[0]), ""])


def short_name(block: str, label: str) -> str:
    """Return the name of a cell with its numbers to three digits, which a sampler draws with six."""
    return re.sub(r"\d+\.\d+(e-?\d+)?", lambda match: f"{float(match[0]):.3g}", cell_name(block, label))


def _best(items: Sequence[Mapping[str, Any]], measure: str) -> Mapping[str, Any] | None:
    """Return the configuration that a measure calls best; None where the measure has no better end."""
    info = measure_info(measure)
    found = [item for item in items if measure in item["values"]]
    if info is None or info.better not in ("lower", "higher") or not found:
        return None
    choose = min if info.better == "lower" else max
    return choose(found, key=lambda item: item["values"][measure])


def _ranks(objectives: Sequence[Mapping[str, str]], items: Sequence[Mapping[str, Any]], measure: str) -> str:
    """Say how objectives and searched parameters rank the configurations beside a measure."""
    found = [item for item in items if measure in item["values"]]
    target = pd.Series([item["values"][measure] for item in found], dtype=float)
    defaults, names = default_values(), dict.fromkeys(name for item in found for name in item["config"])
    unranked: list[str] = []
    columns = {
        label_of(objective["measure"]): [item["objectives"][index] for item in found]
        for index, objective in enumerate(objectives)
    }
    for name in names:
        values = [item["config"].get(name, defaults[name]) for item in found]
        short, choices = name.partition(".")[2], sorted({str(value) for value in values})
        if all(isinstance(value, (bool, int, float)) for value in values):
            columns[short] = values
        elif len(choices) == 2:
            columns[f"{short}={choices[0]}"] = [str(value) == choices[0] for value in values]
        else:
            unranked.append(short)
    ranks = {name: target.rank().corr(pd.Series(values, dtype=float).rank()) for name, values in columns.items()}
    words = ", ".join(f"{name} {_number(value)}" for name, value in ranks.items() if not math.isnan(value))
    words += f" (not ranked: {', '.join(unranked)})" if unranked else ""
    if len(found) < MINIMUM:
        return f"{len(found)} configurations are too few to rank."
    return (
        f"Rank correlation with {label_of(measure)} over {len(found)} configurations: {words}; below "
        f"{1.96 / math.sqrt(len(found) - 1):.2f} in size it is what {len(found)} independent draws give by chance 19 "
        "times in 20, and a search's draws are not independent."
    )


def rounded(value: float) -> float:
    """Return a value to the digits that are kept."""
    return float(f"{value:.{DIGITS}g}")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")
