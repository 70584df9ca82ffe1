"""The first screen of a report's page: the answer, a few numbers, what to know before believing them, the controls."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis.caveats import caveats
from analysis.controls_table import CONTROLS
from analysis.effect_findings import CODE_NAMES
from analysis.findings import answers, headline
from analysis.full_measure_names import measure_info
from analysis.matched import MATCHED, code_groups, some_sizes
from analysis.tables import Analysis, html_table, label_of, number, signed, typeset
from analysis.wording import counted

OPEN_SIZES = 2
"""Numbers of categories whose controls are shown at once, the smallest and the largest; the others fold out."""

WIDE = ("frozen", "untrained", "pca", "kmeans")
"""Controls with a column of their own; the others, which few measures have, share one."""

BETTER = {
    "lower": "lower is better",
    "higher": "higher is better",
    "one": "1 is the best",
    "floor": "the data's is best",
}


def first_screen(analysis: Analysis) -> str:
    """Return the first screen as HTML."""
    first, *rest = answers(analysis)
    numbers = "".join(
        f"<div><dt>{typeset(item.title)}</dt><dd>{html.escape(item.value)}<small>{typeset(item.note)}</small></dd></div>"
        for item in headline(analysis)
    )
    return "\n".join(
        [
            f'<p class="first">{typeset(first)}</p>',
            f'<dl class="numbers">{numbers}</dl>',
            html_list(rest, "answers"),
            f'<div class="caveats"><h3>Before you believe it</h3>{html_list(caveats(analysis), "")}</div>',
            controls_html(analysis),
        ]
    )


def html_list(items: Sequence[str], name: str) -> str:
    """Return sentences as an HTML list, a question that one begins with in bold; nothing for none."""
    lines = "".join(f"<li>{_with_question(typeset(item))}</li>" for item in items)
    return f'<ul class="{name}">{lines}</ul>' if items else ""


def _with_question(text: str) -> str:
    return re.sub(r"^([A-Z][^.?:;]{0,60}\?) ", r"<b>\1</b> ", text)


def controls_html(analysis: Analysis) -> str:
    """Return a table for each code and number of categories: trained models beside every control that they have."""
    table = analysis.controls
    if table.empty:
        return ""
    shown, folded = list[str](), list[str]()
    open_sizes = some_sizes(table[MATCHED], OPEN_SIZES)
    for code, size, rows in code_groups(table):
        is_open = math.isnan(size) or size in open_sizes
        (shown if is_open else folded).append(_group_html(code, size, rows))
    more = f"<details><summary>{len(folded)} further numbers of categories</summary>{''.join(folded)}</details>"
    note = (
        f"Means over cells, {analysis.split} images, [95 % seed-level interval]. Under a control's mean: trained minus "
        "control, paired by cell and seed."
    )
    return f'<h3>Trained beside its controls</h3><p class="note">{note}</p>{"".join(shown)}{more if folded else ""}'


def _group_html(code: str, size: float, rows: pd.DataFrame) -> str:
    controls = {name: words for name, words in CONTROLS.items() if rows[name].notna().any()}
    wide = {name: words for name, words in controls.items() if name in WIDE}
    others = {name: words for name, words in controls.items() if name not in WIDE}
    most = int(rows["trained_cells"].max())
    lines = [
        [
            _measure(str(row["name"])),
            _with_interval(row, "trained", signed_value=False) + _fewer(int(row["trained_cells"]), most),
            *(_beside(row, control) for control in wide),
            *(
                ["\n".join(_beside(row, name, words) for name, words in others.items() if _has(row, name)) or "–"]
                if others
                else []
            ),
        ]
        for _, row in rows.iterrows()
    ]
    name = f"Categorical codes, K = {size:g}" if math.isfinite(size) else f"{CODE_NAMES.get(code, code)} codes"
    title = f"{name}, {counted(most, 'cell')}"
    head = [title, "trained", *wide.values(), *(["others"] if others else [])]
    return html_table(head, lines, 'class="lines cells controls"')


def _measure(name: str) -> str:
    info = measure_info(name)
    better = BETTER.get(info.better, "") if info else ""
    return f"{label_of(name)}\n{better}" if better else label_of(name)


def _fewer(count: int, most: int) -> str:
    """Say over how many cells a mean is, where they are fewer than those beside it."""
    return f" ({counted(count, 'cell')})" if count < most else ""


def _has(row: pd.Series[Any], control: str) -> bool:
    return math.isfinite(row[control])


def _beside(row: pd.Series[Any], control: str, words: str = "") -> str:
    """Write a control's mean, over how many cells where they are fewer, and below it trained minus control."""
    if not _has(row, control):
        return "–"
    fewer = _fewer(int(row[f"minus_{control}_cells"]), int(row["trained_cells"]))
    value = f"{words} {number(row[control])}{fewer}".strip()
    return f"{value}\n{_with_interval(row, f'minus_{control}', signed_value=True)}"


def _with_interval(row: pd.Series[Any], name: str, *, signed_value: bool) -> str:
    write = signed if signed_value else number
    text, low, high = write(row[name]), row[f"{name}_low"], row[f"{name}_high"]
    return f"{text} [{write(low)}, {write(high)}]" if math.isfinite(low) else text
