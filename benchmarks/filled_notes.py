"""The numbers in what was found, in words: each is computed from `docs/results/` where the text names it.

    {four_cases: cases, n=100 regularization_weight=1 | label_preservation}      mean ± half the 95 % t interval
    {four_cases: cases, n=100 … − cases, n=0 … | label_preservation}             the difference, paired by replicate
    {cluster_terms: … & … − … & … | clustering_error}                            the difference of means over cells
    {clustering: iae, K=30 | clustering_error %}                                 in per cent
    {clustering: iae, K=30 | mean clustering_error %}                            the mean alone
    {cluster_recipe: choice 1 | clustering_error}                                a search's best, on its fresh seeds

A cell is named as in the table, cells are joined by & to their mean, and a minus sign with a space on each side stands
between two such. Means over cells and differences are those of runs of the same replicate, which see the same batches;
the interval is the t interval of what comes out of each replicate.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from analysis.statistics import t_half_width
from analysis.wording import cell_name

WIDTH = 120
PLACE = re.compile(r"\{([a-z0-9_]+):\s+([^|{}]+)\|\s*(mean\s+)?([a-z0-9_/A-Z]+)(\s*%)?\s*\}")
MINUS = re.compile(r"\s+−\s+")
AND = re.compile(r"\s+&\s+")

DIFFERENCES = ("recogniser_gap",)
"""Measures that are differences themselves."""


def filled(text: str, studies: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a text with its numbers, in lines of `WIDTH` characters.

    Args:
        text: Paragraphs, list items and pictures in Markdown, with places as above, which may be broken over lines.
        studies: What is kept of studies, by name.

    Raises:
        ValueError: A place names a study, cell or measure of which nothing is kept, or cells that share no replicate.
    """

    def number(match: re.Match[str]) -> str:
        study, cells, only_mean, measure, percent = match.groups()
        names = MINUS.split(" ".join(cells.split()))
        if len(names) > 2:
            raise ValueError(f"{match[0]} must have one minus sign at most, but has {len(names) - 1}.")
        found = [_mean_values(studies, study, name, measure, match[0]) for name in names]
        if len(found) == 2:
            first, second = found
            shared = [place for place in first if place in second]
            if not shared:
                raise ValueError(f"{match[0]} must be of cells that share a replicate, but these share none.")
            values = [first[place] - second[place] for place in shared]
        else:
            values = list(found[0].values())
        scale, is_difference = 100 if percent else 1, len(found) == 2 or measure in DIFFERENCES
        text = _text([scale * value for value in values], not only_mean, is_difference, bool(percent))
        few = len(found) == 2 and len(values) < max(3, *map(len, found))
        return f"{text} in {len(values)} pair{'' if len(values) == 1 else 's'}" if few else text

    return _in_lines(PLACE.sub(number, text))


def _in_lines(text: str) -> str:
    """Break the lines of every paragraph and list item anew."""
    parts: list[str] = []
    for line in text.splitlines():
        is_more = line and not line.startswith(("- ", "#", "  !"))
        if is_more and parts and parts[-1] and not parts[-1].startswith(("#", "  !")):
            parts[-1] += f" {line.strip()}"
        else:
            parts.append(line)
    return "\n".join(_broken(part) for part in parts) + "\n"


def _broken(part: str) -> str:
    if part.startswith(("#", "  !")):
        return part
    indent = "  " if part.startswith("- ") else ""
    return textwrap.fill(part, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _mean_values(
    studies: Mapping[str, Mapping[str, Any]], study: str, names: str, measure: str, place: str
) -> dict[int, float]:
    """Return the mean over cells, joined by &, of a measure by replicate."""
    found = [_values(studies, study, name, measure, place) for name in AND.split(names)]
    return {
        number: mean(cell[number] for cell in found) for number in found[0] if all(number in cell for cell in found)
    }


def _values(
    studies: Mapping[str, Mapping[str, Any]], study: str, name: str, measure: str, place: str
) -> dict[int, float]:
    """Return a measure of a cell by replicate."""
    kept = studies.get(study, {})
    cells = {cell_name(cell["block"], cell["label"]): cell for cell in kept.get("cells", ())}
    cells |= {f"choice {cell['choice']}": cell for cell in kept.get("confirmed", ())}
    if name in cells and measure in cells[name]["values"]:
        pairs = zip(cells[name]["replicates"], cells[name]["values"][measure], strict=True)
        return {replicate: value for replicate, value in pairs if value is not None}
    there = "; ".join(cells) or "no cells"
    raise ValueError(f"{place} must name what is kept: {study} has {there}, or no {measure} in this one.")


def half_width(values: Sequence[float]) -> float:
    """Return half the 95 % t interval of the mean of values; NaN of a single one."""
    return t_half_width(stdev(values) / len(values) ** 0.5, len(values) - 1) if len(values) > 1 else math.nan


def _text(values: Sequence[float], with_interval: bool, sign: bool, percent: bool) -> str:
    """Write a mean, with its interval if asked, a plus or minus sign if asked, and a per cent sign if asked."""
    value, half = mean(values), half_width(values)
    digits = (1 if abs(value) < 1 else 0) if percent else (2 if abs(value) >= 0.1 else 3)
    if percent and sign:
        digits = 1
    elif with_interval and not math.isnan(half):
        digits = max(0, (1 if half < 1 else 0) if percent else (1 if half >= 10 else 2 if half >= 0.1 else 3))
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    if with_interval and not (sign and math.isnan(half)):
        text += " ± ?" if math.isnan(half) else f" ± {half:.{digits}f}"
    return text.replace("-", "−") + (" %" if percent and not sign else " points" if percent else "")
