"""The report as Markdown: the answers, the caveats, the main tables, and links to the figures beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from analysis.caveats import caveats
from analysis.drawn import Drawn
from analysis.findings import answers, headline
from analysis.page import SECTIONS, report_command
from analysis.paper_table import HEAD, paper_table, scale_note, written_rows
from analysis.tables import Analysis, label_of, number


def markdown_report(analysis: Analysis, figures: Mapping[str, Drawn]) -> str:
    """Return the page."""
    study = analysis.results.study
    first, *rest = answers(analysis)
    lines = [f"# {study['name']}", "", study["question"], "", f"**{first}**", ""]
    lines += [f"- {sentence}" for sentence in rest]
    lines += [
        "",
        *_table(["what", "value", "note"], [[item.title, item.value, item.note] for item in headline(analysis)]),
    ]
    lines += ["", "## Before you believe it", "", *(f"- {sentence}" for sentence in caveats(analysis))]
    paper = written_rows(paper_table(analysis))
    if paper:
        lines += ["", "## Paper and ours", "", scale_note(analysis), "", *_table(HEAD, paper)]
    if len(analysis.summary):
        lines += ["", "## Means over the cells of each block", "", *_summary(analysis)]
    for title, names in SECTIONS.values():
        drawn = [figures[name] for name in names if figures[name].svg]
        if drawn:
            lines += ["", f"## {title}"]
        for figure in drawn:
            lines += ["", f"![{figure.name}](figures/{figure.name}.svg)", "", figure.caption]
    lines += ["", f"Written by `{report_command(analysis)}`; tables as CSV and Parquet lie in [tables](tables)."]
    return "\n".join(lines) + "\n"


def _summary(analysis: Analysis) -> list[str]:
    rows = [
        [
            str(row["block"]),
            label_of(str(row["name"])),
            _between(row["mean"], row["low"], row["high"]),
            _between(row["iqm"], row["iqm_low"], row["iqm_high"]),
            str(row["num_cells"]),
            str(row["num_runs"]),
        ]
        for _, row in analysis.summary.iterrows()
    ]
    return _table(["block", "measure", "mean [95 %]", "interquartile mean [95 %]", "cells", "runs"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *(line(row) for row in rows)]


def _between(value: float, low: float, high: float) -> str:
    return f"{number(value)} [{number(low)}, {number(high)}]" if math.isfinite(low) else number(value)
