"""The report as Markdown: the answers, the caveats, the main tables, and links to the figures beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.attribution_figures import SUMMARY_HEAD, summary_rows
from analysis.caveats import caveats
from analysis.drawn import Drawn
from analysis.findings import answers, headline
from analysis.page import SECTIONS, report_command
from analysis.paper_table import HEAD, paper_table, scale_note, written_rows
from analysis.tables import Analysis


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
        lines += [
            "",
            "## Means over the cells of each block",
            "",
            *_table(SUMMARY_HEAD, summary_rows(analysis.summary)),
        ]
    for title, names in SECTIONS.values():
        drawn = [figures[name] for name in names if figures[name].svg]
        if drawn:
            lines += ["", f"## {title}"]
        for figure in drawn:
            lines += ["", f"![{figure.name}](figures/{figure.name}.svg)", "", figure.caption]
    lines += ["", f"Written by `{report_command(analysis)}`; tables as CSV and Parquet lie in [tables](tables)."]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *(line(row) for row in rows)]
