"""The report of a study: one HTML page that needs nothing else, its figures as files, its tables as CSV and Parquet.

    python -m analysis.report STUDY_DIR [--figures NAME …] [--fanova]

It reads the study folder only, needs neither torch nor Ray, and may be run at any time, also while the study runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pandas as pd

from analysis.current import digest_of, forget_digest, keep_digest
from analysis.drawing import Drawing
from analysis.drawn import draw_all
from analysis.figures import FIGURES
from analysis.importance import EVALUATORS, SLOW_EVALUATORS, parameter_importance
from analysis.markdown_report import markdown_report
from analysis.page import page
from analysis.results import load_results
from analysis.search_figures import importance_bars
from analysis.tables import Analysis, analyse, csv_tables, write_tables
from study.records import StudyFolder, atomic_path

PAGE, MARKDOWN = "index.html", "report.md"
FIGURE_NAMES = (*FIGURES, "importance")


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
    made_of = digest_of(folder)
    analysis = analyse(load_results(study_dir))
    importance, notes = _importance(analysis, evaluators)
    figures, undrawn = draw_all(_builders(analysis, importance, FIGURE_NAMES), folder.report / "figures")
    known = analysis.results.problems
    problems = [*known, *(line for line in analysis.results.history.problems if line not in known), *undrawn]
    tables = {**csv_tables(analysis), "importance": importance, "problems": pd.DataFrame({"problem": problems})}
    write_tables(tables, folder.report / "tables")
    texts = {MARKDOWN: markdown_report(analysis, figures), PAGE: page(analysis, figures, notes, list(tables), problems)}
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
    importance = _importance(analysis, EVALUATORS)[0] if "importance" in names else pd.DataFrame()
    figures, _ = draw_all(_builders(analysis, importance, names), folder)
    return [str(folder / f"{name}.svg") if drawn.svg else f"{name}: {drawn.note}" for name, drawn in figures.items()]


def _importance(analysis: Analysis, evaluators: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    objectives = analysis.results.study["objectives"]
    return parameter_importance(analysis.configurations, analysis.runs, objectives, evaluators)


def _builders(
    analysis: Analysis, importance: pd.DataFrame, names: Collection[str]
) -> dict[str, Callable[[], Drawing | str]]:
    def builder(name: str) -> Callable[[], Drawing | str]:
        return lambda: importance_bars(importance) if name == "importance" else FIGURES[name](analysis)

    return {name: builder(name) for name in FIGURE_NAMES if name in names}


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
