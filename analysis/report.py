"""The report of a study: one HTML page that needs nothing else, its figures as files, its tables as CSV and Parquet.

    python -m analysis.report STUDY_DIR [--figures NAME …] [--fanova]

It reads the study folder only, needs neither torch nor Ray, and may be run at any time, also while the study runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from analysis.current import digest_of, forget_digest, keep_digest
from analysis.drawn import Drawn, draw_all
from analysis.figures import FIGURES
from analysis.importance import EVALUATORS, SLOW_EVALUATORS
from analysis.markdown_report import markdown_report
from analysis.page import page
from analysis.paper_table import paper_table
from analysis.results import load_results
from analysis.search_part import MODULES, SEARCH_FIGURES, SearchPart, needed, search_part
from analysis.second_process import second_process
from analysis.tables import Analysis, analyse, csv_tables, write_tables
from analysis.whole_files import atomic_path
from study.records import StudyFolder, names_in

PAGE, MARKDOWN = "index.html", "report.md"
FIGURE_NAMES = (*FIGURES, "importance")

LARGE = 1000
"""Runs from which a second process draws a part of the figures."""


def write_report(study_dir: Path | str, evaluators: Sequence[str] = EVALUATORS) -> Path:
    """Write the report of a study and return the path of its page, `STUDY_DIR/report/index.html`.

    Args:
        study_dir: The study's folder.
        evaluators: Evaluators of the parameters' importance, see `importance`.

    Raises:
        FileNotFoundError: There is no such folder, or it holds no study.
        NotADirectoryError: The path is a file.
    """
    folder = StudyFolder(study_dir)
    forget_digest(folder)
    place = folder.report / "figures"
    with second_process(MODULES, wanted=len(names_in(folder.runs)) >= LARGE) as start:
        made_of = digest_of(folder)
        analysis = analyse(load_results(study_dir))
        waiting = start(search_part, needed(analysis), evaluators, place, FIGURE_NAMES)
        figures, undrawn = _draw_others(analysis, place, FIGURE_NAMES)
        tables = {**csv_tables(analysis), "paper": paper_table(analysis)}
        write_tables(tables, folder.report / "tables")
        search: SearchPart = waiting()
    figures = {name: (figures | search.figures)[name] for name in FIGURE_NAMES}
    problems = list(dict.fromkeys([*analysis.results.problems, *undrawn, *search.problems]))
    last = {"importance": search.importance, "problems": pd.DataFrame({"problem": problems})}
    write_tables(last, folder.report / "tables")
    names = list(tables | last)
    texts = {MARKDOWN: markdown_report(analysis, figures), PAGE: page(analysis, figures, search.notes, names, problems)}
    for name, text in texts.items():
        with atomic_path(folder.report / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    keep_digest(folder, made_of)
    return folder.report / PAGE


def write_figures(study_dir: Path | str, names: Collection[str]) -> list[str]:
    """Draw some figures of a study's report into their files, and return a line for each: its file, or why it is not.

    Raises:
        FileNotFoundError: There is no such folder, or it holds no study.
        NotADirectoryError: The path is a file.
    """
    folder = StudyFolder(study_dir).report / "figures"
    analysis = analyse(load_results(study_dir))
    figures, _ = _draw_others(analysis, folder, names)
    if set(names) & set(SEARCH_FIGURES):
        evaluators = EVALUATORS if "importance" in names else ()
        figures |= search_part(analysis, evaluators, folder, names).figures
    return [str(folder / f"{name}.svg") if drawn.svg else f"{name}: {drawn.note}" for name, drawn in figures.items()]


def _draw_others(analysis: Analysis, folder: Path, names: Collection[str]) -> tuple[dict[str, Drawn], list[str]]:
    """Draw the figures that are not of the search."""
    chosen = [name for name in FIGURES if name in names and name not in SEARCH_FIGURES]
    return draw_all({name: partial(FIGURES[name], analysis) for name in chosen}, folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report of the study folder that the command line names; return 2 where there is none."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.report", description="Write the report of a study folder."
    )
    parser.add_argument("study_dir", type=Path, help="the study folder, for example runs/decomposition")
    parser.add_argument("--figures", nargs="+", metavar="NAME", choices=FIGURE_NAMES, help="draw these figures only")
    parser.add_argument(
        "--fanova", action="store_true", help="importances by fANOVA, too: a minute for 2,000 configurations"
    )
    options = parser.parse_args(arguments)
    try:
        if options.figures:
            lines = write_figures(options.study_dir, options.figures)
        else:
            evaluators = (*EVALUATORS, *SLOW_EVALUATORS) if options.fanova else EVALUATORS
            lines = [str(write_report(options.study_dir, evaluators))]
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
