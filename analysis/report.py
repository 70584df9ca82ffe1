"""The report of a study: one HTML page that needs nothing else, its figures as files, its tables as CSV.

    python -m analysis.report STUDY_DIR

It reads the study folder only, needs neither torch nor Ray, and may be run at any time, also while the study runs.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import json
import math
import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Template

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from analysis import plots
from analysis.attribution_figures import attribution_html
from analysis.caveats import caveats
from analysis.drawing import Drawing
from analysis.figures import FIGURES
from analysis.findings import answers, headline
from analysis.importance import parameter_importance
from analysis.page_data import embedded
from analysis.results import load_results
from analysis.search_figures import importance_bars
from analysis.tables import (
    CALIBRATED,
    Analysis,
    analyse,
    csv_tables,
    html_table,
    label_of,
    number,
    signed,
    status_table,
    typeset,
    write_tables,
)
from study.records import StudyFolder, atomic_path

PAGE = "index.html"
PNG_DPI = 150
SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "effect": ("What training adds", ("training_effect",)),
    "decomposition": ("Decomposition", ("decomposition_maps", "controls", "share_bars", "along_axes")),
    "attribution": ("What it depends on", ("attribution",)),
    "clustering": ("Clustering", ("clustering",)),
    "samples": (
        "Samples",
        ("reconstructions", "cluster_columns", "generated", "translations", "mixture", "posteriors"),
    ),
    "curves": ("Learning curves", ("learning_curves",)),
    "search": ("Search", ("objective_history", "importance", "pareto", "searched")),
}
"""Sections with figures: anchor, title, and the figures in their order."""


def write_report(study_dir: Path | str) -> Path:
    """Write the report of a study and return the path of its page, `STUDY_DIR/report/index.html`.

    Raises:
        FileNotFoundError: There is no such folder.
        NotADirectoryError: The path is a file.
    """
    folder = StudyFolder(study_dir)
    analysis = analyse(load_results(study_dir))
    importance, notes = parameter_importance(
        analysis.configurations, analysis.runs, analysis.results.study["objectives"]
    )
    problems: list[str] = []
    builders: dict[str, Callable[[], Drawing | str]] = {name: _builder(name, analysis) for name in FIGURES}
    builders["importance"] = lambda: importance_bars(importance)
    figures = {name: _draw(name, build, folder.report / "figures", problems) for name, build in builders.items()}
    figures["attribution"] += attribution_html(analysis)
    for note in notes:
        figures["importance"] += f'<p class="note">{html.escape(note)}</p>'
    known = analysis.results.problems
    problems = [*known, *(line for line in analysis.results.history.problems if line not in known), *problems]
    tables = {**csv_tables(analysis), "importance": importance, "problems": pd.DataFrame({"problem": problems})}
    write_tables(tables, folder.report / "tables")
    page = _page(analysis, figures, list(tables), problems)
    with atomic_path(folder.report / PAGE) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return folder.report / PAGE


def _builder(name: str, analysis: Analysis) -> Callable[[], Drawing | str]:
    return lambda: FIGURES[name](analysis)


def _draw(name: str, build: Callable[[], Drawing | str], folder: Path, problems: list[str]) -> str:
    """Draw one figure into its files and return its HTML, or a line that says why it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("svg", "png"):
        (folder / f"{name}.{suffix}").unlink(missing_ok=True)
    with mpl.rc_context(plots.STYLE):
        try:
            drawing = build()
            if isinstance(drawing, str):
                return f'<p class="note">{html.escape(drawing)}</p>' if drawing else ""
            _lay_out(drawing.figure)
            svg = io.BytesIO()
            drawing.figure.savefig(svg, format="svg", metadata={"Date": None})
            drawing.figure.savefig(folder / f"{name}.png", dpi=PNG_DPI)
        except Exception as error:  # noqa: BLE001  one figure that a strange study breaks must not take the page with it
            problems.append(f"figure {name} could not be drawn: {type(error).__name__}: {error}")
            return f'<p class="note">{html.escape(problems[-1])}</p>'
    (folder / f"{name}.svg").write_bytes(svg.getvalue())
    return _figure_html(name, drawing.caption, svg.getvalue())


def _lay_out(figure: Figure) -> None:
    """Lay the panels out once for all files of a figure: it takes as long as drawing them."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        # with any engine, even "none", every file would be drawn twice
        figure.set_layout_engine(None)
    for axes in figure.axes:
        # the solver's last digits differ from run to run, and names within an SVG are made of them
        left, bottom, width, height = (round(item, 9) for item in axes.get_position(original=True).bounds)
        axes.set_position((left, bottom, width, height))


def _figure_html(name: str, caption: str, svg: bytes) -> str:
    source = f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    title, _, rest = caption.partition(". ")
    links = f'<a href="figures/{name}.svg">SVG</a> · <a href="figures/{name}.png">PNG</a>'
    return (
        f'<figure id="figure-{name}"><img src="{source}" alt="{html.escape(title, quote=True)}">'
        f"<figcaption><b>{typeset(title)}.</b> {typeset(rest)} {links}</figcaption></figure>"
    )


def _page(analysis: Analysis, figures: dict[str, str], tables: Sequence[str], problems: Sequence[str]) -> str:
    study = analysis.results.study
    sections = [("answer", "Answer", _first_screen(analysis))]
    sections += [
        (anchor, title, "\n".join(figures[name] for name in names)) for anchor, (title, names) in SECTIONS.items()
    ]
    sections.insert(3, ("cells", "Cells", _map_section()))
    sections += [
        ("runs", "Runs", _runs_section()),
        ("provenance", "Provenance", _provenance(analysis, tables, problems)),
    ]
    body = "\n".join(
        f'<section id="{anchor}">{"" if anchor == "answer" else f"<h2>{title}</h2>"}\n{content}</section>'
        for anchor, title, content in sections
    )
    here = Path(__file__).parent
    return Template((here / "report.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(study["name"] + (" (smoke test)" if study.get("smoke") else "")),
        question=html.escape(study["question"]),
        navigation="".join(f'<a href="#{anchor}">{title}</a>' for anchor, title, _ in sections),
        body=body,
        footer=f"Written by <code>{html.escape(_command(analysis))}</code>.",
        data=embedded(analysis),
        style=(here / "report.css").read_text(encoding="utf-8"),
        script=(here / "report.js").read_text(encoding="utf-8"),
    )


def _first_screen(analysis: Analysis) -> str:
    first, *rest = answers(analysis)
    numbers = "".join(
        f"<div><dt>{typeset(item.title)}</dt><dd>{html.escape(item.value)}<small>{typeset(item.note)}</small></dd></div>"
        for item in headline(analysis)
    )
    return "\n".join(
        [
            f'<p class="first">{typeset(first)}</p>',
            _list(rest, "answers"),
            f'<dl class="numbers">{numbers}</dl>',
            _controls_html(analysis),
            f'<div class="caveats"><h3>Before you believe it</h3>{_list(caveats(analysis), "")}</div>',
        ]
    )


def _controls_html(analysis: Analysis) -> str:
    if analysis.controls.empty:
        return ""
    head = [
        "code",
        "measure",
        "trained",
        "frozen encoder",
        "trained − frozen",
        "untrained",
        "trained − untrained",
        "PCA",
    ]
    rows = [
        [
            str(row["code"]),
            label_of(str(row["name"])),
            _with_interval(row, "trained", number),
            _of_fewer(row, "frozen"),
            _with_interval(row, "minus_frozen", signed),
            _of_fewer(row, "untrained"),
            _with_interval(row, "minus_untrained", signed),
            _of_fewer(row, "pca"),
        ]
        for _, row in analysis.controls.iterrows()
    ]
    title = f"Trained beside its controls, {analysis.split} images; [95 % seed-level interval]"
    return f"<h3>{title}</h3>{html_table(head, rows)}"


def _of_fewer(row: pd.Series, control: str) -> str:
    """Write a control's mean, and over how many cells it is where they are fewer than the trained model's."""
    count = row[f"minus_{control}_cells"]
    return number(row[control]) + (f" ({count} cells)" if 0 < count < row["trained_cells"] else "")


def _with_interval(row: pd.Series, name: str, write: Callable[[float], str]) -> str:
    text = write(row[name])
    if not math.isfinite(row[f"{name}_low"]):
        return text
    return f"{text} [{write(row[f'{name}_low'])}, {write(row[f'{name}_high'])}]"


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


def _provenance(analysis: Analysis, tables: Sequence[str], problems: Sequence[str]) -> str:
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
        f"<p>Every figure and table on this page is written by</p><pre>{html.escape(_command(analysis))}</pre>",
        "<p>Tables: " + " · ".join(f'<a href="tables/{name}.csv">{name}.csv</a>' for name in tables) + "</p>",
    ]
    if len(odd):
        rows = [[str(value) for value in row] for row in odd.to_numpy().tolist()]
        parts.append(
            "<h3>Measures without a plain value</h3>"
            + html_table(["status", "measure", "subject", "reason", "runs"], rows)
        )
    if problems:
        parts.append(f"<h3>Problems with the study's files</h3>{_list(problems[:50], 'problems')}")
    return "\n".join(parts)


def _hashes(column: pd.Series) -> str:
    return ", ".join(f"{key} ({count} runs)" for key, count in column.value_counts().items()) or "–"


def _command(analysis: Analysis) -> str:
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


def _list(items: Sequence[str], name: str) -> str:
    return f'<ul class="{name}">' + "".join(f"<li>{typeset(item)}</li>" for item in items) + "</ul>" if items else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report of the study folder that the command line names; return 2 where there is none."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.report", description="Write the report of a study folder."
    )
    parser.add_argument("study_dir", type=Path, help="the study folder, for example runs/decomposition")
    options = parser.parse_args(arguments)
    try:
        path = write_report(options.study_dir)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
