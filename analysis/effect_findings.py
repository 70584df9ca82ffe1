"""What training the encoder changes, and how trained models stand beside their controls, in sentences."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from analysis.block_findings import block_answers
from analysis.full_measure_names import measure_info
from analysis.matched import code_groups, some_sizes
from analysis.statistics import GridMean, estimate
from analysis.tables import COMPARED, HEADLINE, Analysis, count_status, prose, signed
from analysis.wording import between_words, counted, interval, listed

CODE_NAMES = {"gaussian": "Gaussian", "categorical": "categorical"}

MAX_SIZES = 2
"""Numbers of categories that sentences speak of, the smallest and the largest; the tables have all of them."""

SIDES = {1: ("ahead in", "higher in"), -1: ("behind in", "lower in")}
"""How a difference is called whose interval does not contain 0: where one way is better, and where neither is."""


def effect_answers(analysis: Analysis) -> tuple[list[str], list[str]]:
    """Return the sentences that answer first, and those that go into it.

    The first one states trained minus frozen encoder where a study has one; without, the blocks stand side by side.
    """
    groups = _groups(analysis.pairs)
    sentences: list[str] = []
    for code, size, pairs in groups:
        effects = _effects(pairs, HEADLINE)
        if not effects:
            continue
        if sentences:
            sentences.append(_further(code, size, effects))
        else:
            sentences += [_first(code, size, effects), *filter(None, [_verdict(effects, pairs), _side_effects(pairs)])]
    if not sentences:
        return [*block_answers(analysis), *_no_control(analysis)], _control_effects(analysis)
    grid = analysis.runs[(analysis.runs["origin"] == "grid") & analysis.runs["trained_encoder"]]
    # one effect says little of blocks that are different models
    blocks = block_answers(analysis) if grid["model.variant"].nunique() > 1 else []
    return [sentences[0], *blocks], [*sentences[1:], *_control_effects(analysis)]


def first_effect(analysis: Analysis, name: str) -> tuple[str, GridMean] | None:
    """Return trained minus frozen of a measure, and of which cells, for the first group of cells that has pairs."""
    for code, size, pairs in _groups(analysis.pairs):
        effects = _effects(pairs, (name,))
        if effects:
            return f"{cells_words(code, size)} cells", effects[name]
    return None


def cells_words(code: str, size: float) -> str:
    """Return what kind of cells a group holds: "Gaussian", or "K = 10"."""
    return f"K = {size:g}" if math.isfinite(size) else CODE_NAMES.get(code, code)


def _groups(table: pd.DataFrame) -> list[tuple[str, float, pd.DataFrame]]:
    """Split a table by code, Gaussian first, and number of categories, of which the smallest and the largest remain."""
    groups = [group for group in code_groups(table) if group[0] in CODE_NAMES]
    sizes = some_sizes([size for _, size, _ in groups], MAX_SIZES)
    return [group for group in groups if math.isnan(group[1]) or group[1] in sizes]


def _effects(pairs: pd.DataFrame, names: tuple[str, ...]) -> dict[str, GridMean]:
    effects = {name: estimate(pairs[pairs["name"] == name], "difference") for name in names}
    return {name: effect for name, effect in effects.items() if effect.num_runs}


def _first(code: str, size: float, effects: dict[str, GridMean]) -> str:
    most = max(effects.values(), key=lambda effect: effect.num_runs)
    changes = [
        f"{prose(name)} by {signed(effect.mean)}"
        + (f" ({between_words(effect, sign=True)})" if effect.has_interval else "")
        for name, effect in effects.items()
    ]
    return (
        f"Training the encoder changes {listed(changes)} against a frozen random encoder whose decoder and "
        "reconstruction discriminator were trained alike: means over "
        f"{counted(most.num_cells, cells_words(code, size) + ' cell')} and "
        f"{counted(most.num_seeds, 'paired seed')}, {counted(most.num_runs, 'pair')}"
        f"{'' if most.has_interval else '; no interval, for no cell has two seeds'}."
    )


def _further(code: str, size: float, effects: dict[str, GridMean]) -> str:
    most = max(effects.values(), key=lambda effect: effect.num_runs)
    which = f"{counted(most.num_cells, 'cell')}, {counted(most.num_runs, 'pair')}"
    changes = listed([f"{prose(name)} by {interval(effect, sign=True)}" for name, effect in effects.items()])
    return f"With {cells_words(code, size)} categories ({which}) training changes {changes}."


def _verdict(effects: dict[str, GridMean], pairs: pd.DataFrame) -> str:
    groups: dict[str, list[str]] = {}
    for name, effect in effects.items():
        if effect.has_interval:
            groups.setdefault(_side(effect), []).append(prose(name))
    sentences = [f"The interval {'; '.join(f'{side} for {listed(names)}' for side, names in groups.items())}."]
    name = next(iter(effects))
    means = pairs[pairs["name"] == name].groupby(["config_key", "label"])["difference"].mean().droplevel("config_key")
    if len(means) > 1:
        sentences.append(
            f"Between cells the change of {prose(name)} goes from {signed(means.min())} ({means.idxmin()}) "
            f"to {signed(means.max())} ({means.idxmax()})."
        )
    return " ".join(sentences if groups else sentences[1:])


def _side(effect: GridMean) -> str:
    if effect.low > 0:
        return "lies above 0"
    return "lies below 0" if effect.high < 0 else "contains 0"


def _side_effects(pairs: pd.DataFrame) -> str:
    """Say what else training the encoder changes, for better or worse."""
    effects = _effects(pairs, tuple(name for name in COMPARED if name not in HEADLINE))
    parts = [
        f"{prose(name)} by {interval(effect, sign=True)}{_judged(name, effect)}" for name, effect in effects.items()
    ]
    return f"What else does training change? {_capital(listed(parts))}." if parts else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _judged(name: str, effect: GridMean) -> str:
    better = _better(name)
    if not better or not effect.has_interval or effect.low <= 0 <= effect.high:
        return ""
    return " (better)" if better * effect.mean > 0 else " (worse)"


def _better(name: str) -> int:
    """Return 1 where more is better, −1 where less is, and 0 where neither is."""
    info = measure_info(name)
    return {"lower": -1, "higher": 1}.get(info.better, 0) if info else 0


def _no_control(analysis: Analysis) -> list[str]:
    if not count_status(analysis, "finished"):
        return ["No run has finished, so there is nothing to report yet."]
    # codes that are images have no such control
    if not analysis.runs["code"].isin(list(CODE_NAMES)).any():
        return []
    sentence = (
        "Trained minus frozen cannot be stated: no finished run has a twin with a frozen random encoder "
        "(model.train_encoder: false) of the same configuration and seed."
    )
    return [sentence]


def _control_effects(analysis: Analysis) -> list[str]:
    """Put trained models beside PCA, k-means and, where no encoder was frozen, the untrained network."""
    sentences = []
    for code, size, rows in _groups(analysis.controls):
        controls = {"pca": "PCA of the same dimension", "kmeans": "k-means of as many clusters"}
        if rows["minus_frozen"].isna().all():
            controls["untrained"] = "the untrained network"
        for control, words in controls.items():
            beside = rows[rows[f"minus_{control}"].notna()]
            if len(beside):
                sentences.append(
                    f"Beside {words}, trained {cells_words(code, size)} models are {_beside(beside, control)}."
                )
    return sentences


def _beside(rows: pd.DataFrame, control: str) -> str:
    groups: dict[str, list[str]] = {}
    for _, row in rows.iterrows():
        name = str(row["name"])
        groups.setdefault(_standing(row, control), []).append(f"{prose(name)} {_difference(row, control)}")
    order = ["ahead in", "behind in", "higher in", "lower in", "not told apart in", "without an interval in"]
    return "; ".join(f"{standing} {listed(groups[standing])}" for standing in order if standing in groups)


def _standing(row: pd.Series[Any], control: str) -> str:
    low, high = row[f"minus_{control}_low"], row[f"minus_{control}_high"]
    if not math.isfinite(low):
        return "without an interval in"
    if low <= 0 <= high:
        return "not told apart in"
    better, side = _better(str(row["name"])), 1 if low > 0 else -1
    return SIDES[side * better][0] if better else SIDES[side][1]


def _difference(row: pd.Series[Any], control: str) -> str:
    low, high = row[f"minus_{control}_low"], row[f"minus_{control}_high"]
    text = signed(row[f"minus_{control}"])
    return f"{text} [{signed(low)}, {signed(high)}]" if math.isfinite(low) else text
