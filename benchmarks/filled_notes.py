"""The numbers in what was found, in words: each is computed from `docs/results/` where the text names it.

    {four_cases: cases, n=100 regularization_weight=1 | label_preservation}      mean ± half the 95 % t interval
    {four_cases: cases, n=100 … − cases, n=0 … | label_preservation}             the difference, paired by replicate
    {clustering: iae, K=30 | clustering_error %}                                 in per cent
    {clustering: iae, K=30 | mean clustering_error %}                            the mean alone

A cell is named as in the table, and a minus sign with a space on each side stands between two cells. A difference is
that of runs of the same replicate, which see the same batches; its interval is the t interval of these differences.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from analysis.statistics import t_half_width
from analysis.wording import cell_name

PLACE = re.compile(r"\{([a-z0-9_]+):\s+([^|{}]+)\|\s*(mean\s+)?([a-z0-9_/A-Z]+)(\s*%)?\s*\}")
MINUS = re.compile(r"\s+−\s+")


def filled(text: str, studies: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a text with its numbers.

    Args:
        text: Markdown with places as above; one may be broken between words over lines.
        studies: What is kept of studies, by name.

    Raises:
        ValueError: A place names a study, cell or measure of which nothing is kept, or cells that share no replicate.
    """

    def number(match: re.Match[str]) -> str:
        study, cells, only_mean, measure, percent = match.groups()
        names = MINUS.split(" ".join(cells.split()))
        if len(names) > 2:
            raise ValueError(f"{match[0]} must name one cell or two, but names {len(names)}.")
        found = [_values(studies, study, name, measure, match[0]) for name in names]
        if len(found) == 2:
            first, second = found
            shared = [place for place in first if place in second]
            if not shared:
                raise ValueError(f"{match[0]} must share a replicate to be a difference, but its cells share none.")
            values = [first[place] - second[place] for place in shared]
        else:
            values = list(found[0].values())
        scale = 100 if percent else 1
        return _text([scale * value for value in values], not only_mean, len(found) == 2, bool(percent))

    return PLACE.sub(number, text)


def _values(
    studies: Mapping[str, Mapping[str, Any]], study: str, name: str, measure: str, place: str
) -> dict[int, float]:
    """Return a measure of a cell by replicate."""
    kept = studies.get(study, {})
    cells = [*kept.get("cells", ()), *kept.get("confirmed", ())]
    for cell in cells:
        if cell_name(cell["block"], cell["label"]) == name and measure in cell["values"]:
            pairs = zip(cell["replicates"], cell["values"][measure], strict=True)
            return {replicate: value for replicate, value in pairs if value is not None}
    names = "; ".join(cell_name(cell["block"], cell["label"]) for cell in cells)
    raise ValueError(f"{place} must name what is kept: {study} has {names or 'no cells'}, or no {measure} in this one.")


def _text(values: Sequence[float], with_interval: bool, sign: bool, percent: bool) -> str:
    """Write a mean, with its interval if asked, a plus or minus sign if asked, and a per cent sign if asked."""
    half = t_half_width(stdev(values) / len(values) ** 0.5, len(values) - 1) if len(values) > 1 else math.nan
    value = mean(values)
    digits = (1 if abs(value) < 1 else 0) if percent else (2 if abs(value) >= 0.1 else 3)
    if with_interval and not math.isnan(half):
        digits = max(0, (1 if half < 1 else 0) if percent else (1 if half >= 10 else 2 if half >= 0.1 else 3))
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    if with_interval:
        text += " ± ?" if math.isnan(half) else f" ± {half:.{digits}f}"
    return text.replace("-", "−") + (" %" if percent and not sign else " points" if percent else "")
