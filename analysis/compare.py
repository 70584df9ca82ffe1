"""Studies side by side: the same cells in each, and what changed between them.

    python -m analysis.compare STUDY_DIR STUDY_DIR [STUDY_DIR …] [--measures NAME …] [--out FILE.md]

Prints a Markdown table: each measure's mean over the cells that all studies have, with its interval, and the difference
of every study from the first one, paired by configuration and seed where both have the same runs. The cells' own rows
are written as CSV beside the file that `--out` names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.attribution import attributed_names
from analysis.full_measure_names import measure_info
from analysis.matched import MATCHED, at_one_size, group_words
from analysis.results import load_results
from analysis.statistics import GridMean, cell_names, estimate
from analysis.tables import Analysis, analyse, label_of, number, signed
from analysis.wording import counted


def compare(analyses: dict[str, Analysis], measures: Sequence[str] = ()) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the trained models of studies, over the cells that all of them have.

    Cells are the same where everything but the seed is: code, sizes, training. They are compared by code, number of
    categories and encoder, on the images that all studies were measured on, see `common_split`.

    Args:
        analyses: At least two studies' numbers by their names; the first one is what the others are compared with.
        measures: Names of measures; those of `attribution.ATTRIBUTED` that all studies have if empty.

    Returns:
        The summary, one row for each code, number of categories, encoder, measure and study, with the mean and its
        seed-level interval, and the difference from the first study with its interval, paired by cell and seed; and the
        cells' means, one row a cell and measure with a column for each study.
    """
    split = common_split(analyses)
    values = pd.concat([_values(analysis, name, split) for name, analysis in analyses.items()])
    known = values.groupby("name")["study"].nunique()
    names = list(known[known == len(analyses)].index)
    names = [name for name in measures if name in names] if measures else attributed_names(names)
    shared = values.groupby("config_key")["study"].nunique()
    values = values[values["config_key"].isin(shared[shared == len(analyses)].index) & values["name"].isin(names)]
    first = next(iter(analyses))
    rows = []
    values = at_one_size(values.assign(order=values["name"].map(names.index)))
    groups = values.groupby(["code", MATCHED, "trained_encoder", "order"], sort=True, dropna=False)
    for (code, size, trained, _), group in groups:
        name = group["name"].iloc[0]
        for study in analyses:
            own = estimate(group[group["study"] == study], "value")
            change = estimate(_paired(group, first, study), "difference")
            place = {"code": code, MATCHED: size, "trained_encoder": trained, "name": name, "study": study}
            rows.append({**place, **_columns("", own), **_columns("difference_", change)})
    index = ["code", "trained_encoder", "config_key", "name"]
    cells = values.pivot_table(index=index, columns="study", values="value", aggfunc="mean").reset_index()
    cells.insert(2, "cell", cells["config_key"].map(cell_names(values)))
    columns = ["code", MATCHED, "trained_encoder", "name", "study", "mean", "low", "high", "num_cells", "num_runs"]
    return pd.DataFrame(rows, columns=None if rows else columns), cells


def common_split(analyses: dict[str, Analysis]) -> str:
    """Return the images on which studies are compared: test images, or validation images where a study has no others.

    A study may have been measured on validation images alone; its values are not to be subtracted from those of
    another one on test images.
    """
    splits = [set(analysis.values.loc[analysis.values["value"].notna(), "split"]) for analysis in analyses.values()]
    return "test" if all("test" in found for found in splits) else "validation"


def markdown(summary: pd.DataFrame, analyses: dict[str, Analysis]) -> str:
    """Return the summary as a Markdown page."""
    names = list(analyses)
    lines = [f"# {' against '.join(names)}", ""]
    for name, analysis in analyses.items():
        question = analysis.results.study["question"]
        lines.append(f"- **{name}**: {counted(len(analysis.runs), 'run')}. {question}")
    if summary.empty:
        words = "The studies have no cell and measure in common: there is nothing to compare."
        return "\n".join([*lines, "", words])
    cells = counted(int(summary["num_cells"].max()), "cell")
    words = "all studies have, [95 % seed-level interval]; differences are paired by cell and seed."
    split = common_split(analyses)
    lines += ["", f"Means on {split} images over up to {cells} that {words}"]
    if any(analysis.split != split for analysis in analyses.values()):
        lines += ["", "Not on test images, for not every study has been measured on them."]
    head = ["code", "encoder", "measure", *names, *(f"{name} − {names[0]}" for name in names[1:])]
    lines += ["", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    groups = summary.groupby(["code", MATCHED, "trained_encoder", "name"], sort=False, dropna=False)
    for (code, size, trained, measure), group in groups:
        rows = {row["study"]: row for _, row in group.iterrows()}
        own = [_written(rows[study], "", signed_value=False) for study in names]
        changes = [_written(rows[study], "difference_", signed_value=True) for study in names[1:]]
        encoder = "frozen" if trained is False else "trained"
        lines.append(f"| {' | '.join([group_words(code, size), encoder, label_of(str(measure)), *own, *changes])} |")
    return "\n".join(lines)


def _values(analysis: Analysis, name: str, split: str) -> pd.DataFrame:
    values = analysis.values
    chosen = values[(values["split"] == split) & (values["subject"] == "model") & values["value"].notna()]
    return chosen.assign(study=name)


def _paired(group: pd.DataFrame, first: str, study: str) -> pd.DataFrame:
    keys = ["config_key", "replicate"]
    base = group.loc[group["study"] == first, [*keys, "value"]].rename(columns={"value": "base"})
    pairs = group[group["study"] == study].merge(base, on=keys)
    return pairs.assign(difference=pairs["value"] - pairs["base"])


def _columns(prefix: str, mean: GridMean) -> dict[str, object]:
    names = ("mean", "low", "high", "num_cells", "num_runs")
    return {f"{prefix}{name}": getattr(mean, name) for name in names}


def _written(row: pd.Series, prefix: str, *, signed_value: bool) -> str:
    write = signed if signed_value else number
    text, low, high = write(row[f"{prefix}mean"]), row[f"{prefix}low"], row[f"{prefix}high"]
    return f"{text} [{write(low)}, {write(high)}]" if low == low else text


def _named(folders: Sequence[Path]) -> dict[str, Analysis]:
    """Return each study's numbers by a name of its own."""
    found: dict[str, Analysis] = {}
    for folder in folders:
        analysis = analyse(load_results(folder))
        name = str(analysis.results.study["name"])
        if name in found:
            name = folder.resolve().name
        if name in found:
            name = str(folder)
        found[name] = analysis
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the studies that the command line names; return 2 where one is not there or a measure is unknown."""
    parser = argparse.ArgumentParser(prog="python -m analysis.compare", description="Put studies side by side.")
    parser.add_argument("study_dirs", type=Path, nargs="+", help="two or more; the first is what is compared with")
    parser.add_argument("--measures", nargs="+", default=[], metavar="NAME", help="measures instead of the usual ones")
    parser.add_argument("--out", type=Path, help="write the page here, and the cells as CSV beside it")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.measures if measure_info(name) is None]
    if len(options.study_dirs) < 2 or unknown:
        problem = f"unknown measures: {', '.join(unknown)}" if unknown else "needs two studies or more"
        print(f"analysis.compare: {problem}.", file=sys.stderr)
        return 2
    try:
        analyses = _named(options.study_dirs)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    summary, cells = compare(analyses, options.measures)
    page = markdown(summary, analyses)
    if options.out is None:
        print(page)
        return 0
    options.out.write_text(page + "\n", encoding="utf-8")
    cells.to_csv(options.out.with_suffix(".csv"), index=False)
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
