"""The report's HTML page, from a study's numbers and its drawn figures: nothing here computes or draws."""

from __future__ import annotations

import base64
import html
import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Template

import pandas as pd

from analysis.attribution_figures import attribution_html
from analysis.calibration import CALIBRATED
from analysis.cell_tables import cell_table_html
from analysis.drawn import Drawn
from analysis.first_screen import first_screen, html_list
from analysis.page_data import embedded
from analysis.paper_table import paper_html
from analysis.tables import Analysis, html_table, number, status_table, typeset

EMBEDDED_BYTES = 12_000_000
"""Bytes of figures that the page holds itself, at most; what is beyond is linked. Base64 adds a third."""

SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "effect": ("What training adds", ("training_effect",)),
    "decomposition": ("Decomposition", ("decomposition_maps", "controls", "share_bars", "along_axes")),
    "calibration": ("Calibration", ("calibration",)),
    "full": ("Full suite", ("rate_distortion", "pixel_maps", "confusion", "factors")),
    "attribution": ("What it depends on", ("attribution",)),
    "clustering": ("Clustering", ("clustering",)),
    "samples": (
        "Samples",
        ("reconstructions", "cluster_columns", "generated", "translations", "mixture", "posteriors"),
    ),
    "curves": ("Training", ("learning_curves", "timeline")),
    "search": ("Search", ("objective_history", "importance", "parallel_coordinates", "pareto", "searched")),
}
"""Sections with figures: anchor, title, and the figures in their order."""

SECTION_TABLES = {
    "decomposition": "shares",
    "calibration": "calibration",
    "full": "fidelity",
    "clustering": "clustering",
}
"""The table of `cell_tables` at the end of a section."""


def page(
    analysis: Analysis,
    figures: Mapping[str, Drawn],
    notes: Sequence[str],
    tables: Sequence[str],
    problems: Sequence[str],
) -> str:
    """Return the page.

    Args:
        analysis: The study's numbers.
        figures: Its figures by name.
        notes: Lines on importances that could not be computed.
        tables: Names of the tables beside the page.
        problems: Lines on files and figures that could not be used.
    """
    study = analysis.results.study
    command = figure_command(analysis)
    room = EMBEDDED_BYTES
    written: dict[str, str] = {}
    for name, drawn in figures.items():
        written[name] = _figure_html(drawn, command, embed=len(drawn.svg) <= room)
        room -= len(drawn.svg) if len(drawn.svg) <= room else 0
    written["attribution"] += attribution_html(analysis)
    searched = (analysis.runs["origin"] == "search").any()
    written["importance"] += "".join(f'<p class="note">{html.escape(note)}</p>' for note in notes if searched)
    sections = [("answer", "Answer", first_screen(analysis)), ("paper", "Paper and ours", paper_html(analysis))]
    for anchor, (title, names) in SECTIONS.items():
        if anchor == "calibration":
            sections.append(("cells", "Cells", _map_section()))
        table = cell_table_html(analysis, SECTION_TABLES[anchor]) if anchor in SECTION_TABLES else ""
        sections.append(
            (anchor, title, "\n".join(text for text in (*(written[name] for name in names), table) if text))
        )
    lacking = [f"{name}: {drawn.note}" for name, drawn in figures.items() if drawn.note]
    sections += [
        ("runs", "Runs", _runs_section()),
        ("provenance", "Provenance", _provenance(analysis, tables, problems, lacking)),
    ]
    sections = [section for section in sections if section[2]]
    body = "\n".join(
        f'<section id="{anchor}">{"" if anchor == "answer" else f"<h2>{title}</h2>"}\n{content}</section>'
        for anchor, title, content in sections
    )
    here = Path(__file__).parent
    return Template((here / "report.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(study["name"] + (" (smoke test)" if study.get("smoke") else "")),
        question=html.escape(study["question"]),
        navigation=" ".join(f'<a href="#{anchor}">{title}</a>' for anchor, title, _ in sections),
        body=body,
        footer=f"Written by <code>{html.escape(report_command(analysis))}</code>.",
        data=embedded(analysis),
        style=(here / "report.css").read_text(encoding="utf-8"),
        script=(here / "report.js").read_text(encoding="utf-8"),
    )


def _figure_html(drawn: Drawn, command: str, *, embed: bool) -> str:
    if not drawn.svg:
        return ""
    source = f"figures/{drawn.name}.svg"
    if embed:
        source = f"data:image/svg+xml;base64,{base64.b64encode(drawn.svg).decode()}"
    title, _, rest = drawn.caption.partition(". ")
    links = f'<a href="figures/{drawn.name}.svg">SVG</a> · <a href="figures/{drawn.name}.png">PNG</a>'
    return (
        f'<figure id="figure-{drawn.name}"><img loading="lazy" src="{source}" alt="{html.escape(title, quote=True)}">'
        f"<figcaption><b>{typeset(title)}.</b> {typeset(rest)} {links} "
        f"<code>{html.escape(command)} {drawn.name}</code></figcaption></figure>"
    )


def _map_section() -> str:
    return (
        "<p>Click on a cell for its runs and samples. Hatched cells are not calibrated: a critic tells (x, ẑ) from "
        f"(x̂, ẑ) with an accuracy above {CALIBRATED}. ± is the half width of the 95 % seed-level interval.</p>"
        '<div id="maps"></div><div id="cell" hidden></div>'
    )


def _runs_section() -> str:
    return (
        '<p><input type="search" id="run-search" placeholder="z=5 frozen critic_accuracy&lt;0.7" '
        'aria-label="Search runs"> <span id="run-choices"></span> <output id="run-count"></output></p>'
        '<div id="run-table" class="scroll"></div>'
        '<noscript><p>Without a script: <a href="tables/runs.csv">runs.csv</a>.</p></noscript>'
    )


def _provenance(analysis: Analysis, tables: Sequence[str], problems: Sequence[str], lacking: Sequence[str]) -> str:
    study, runs = analysis.results.study, analysis.runs
    finished = runs[runs["status"] == "finished"]
    facts = {
        "study folder": analysis.results.folder.root.resolve().name,
        "launched": _text(study.get("launched_at")),
        "machine": _mapping(study.get("machine")),
        "versions, study": _mapping(study.get("versions")),
        "versions, runs": "; ".join(sorted(finished["versions"].dropna().unique())) if "versions" in finished else "–",
        "versions, report": _report_versions(),
        "code hashes": _hashes(finished["code_hash"]),
        "hashes of the measures": _hashes(finished["measures_hash"]),
        "classifiers": ", ".join(map(str, finished["classifier_hash"].dropna().unique())) or "–",
        "run time": f"{number(finished['wall_time_s'].sum() / 3600)} hours, all runs added up",
        "objectives": "; ".join(
            f"{item.get('direction', 'minimize')} {item['measure']} on {item.get('split') or 'validation'}"
            for item in study["objectives"]
        )
        or "–",
    }
    odd = status_table(analysis)
    parts = [
        html_table(["what", "value"], [[name, value] for name, value in facts.items()]),
        f"<p>Every figure and table on this page is written by</p><pre>{html.escape(report_command(analysis))}</pre>",
        "<p>Tables: " + " · ".join(f'<a href="tables/{name}.csv">{name}.csv</a>' for name in tables) + "</p>",
    ]
    if len(odd):
        rows = [[str(value) for value in row] for row in odd.to_numpy().tolist()]
        parts.append(
            "<h3>Measures without a plain value</h3>"
            + html_table(["status", "measure", "subject", "reason", "runs"], rows)
        )
    if lacking:
        parts.append(f"<h3>Figures that this study has nothing for</h3>{html_list(lacking, '')}")
    if problems:
        parts.append(f"<h3>Problems with the study's files</h3>{html_list(problems[:50], 'problems')}")
    return "\n".join(parts)


def _hashes(column: pd.Series) -> str:
    return ", ".join(f"{key} ({count} runs)" for key, count in column.value_counts().items()) or "–"


def figure_command(analysis: Analysis) -> str:
    """Return the command that draws one figure, but for the figure's name."""
    return f"{report_command(analysis)} --figures"


def report_command(analysis: Analysis) -> str:
    """Return the command that writes the report."""
    # the folder's name, not its path: a page may be read on another machine
    return f"python -m analysis.report {shlex.quote(analysis.results.folder.root.resolve().name)}"


def _report_versions() -> str:
    found = [f"python {platform.python_version()}"]
    for name in ("matplotlib", "numpy", "pandas", "pyarrow", "scipy", "optuna"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} missing")
    return ", ".join(found)


def _mapping(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{key} {item if isinstance(item, str | int | float) else json.dumps(item)}" for key, item in value.items()
        )
    return _text(value)


def _text(value: object) -> str:
    return "–" if value is None or value != value else str(value)
