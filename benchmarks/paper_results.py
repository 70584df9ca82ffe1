"""The table "paper / ours / how" of `docs/paper_results.md`, from what is kept of studies in `docs/results/`.

    python -m benchmarks.paper_results keep STUDY_DIR     # keep a study's measures, under its name
    python -m benchmarks.paper_results                    # print the page

A value is the mean over seeds with half its 95 % t interval and the number of seeds, on test images: on all that
`python -m analysis.measure` takes where it has measured a study before that is kept, else on those of every run.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from analysis.paper_rows import ROWS, Row
from analysis.results import load_results
from analysis.tables import label_of
from analysis.wording import cell_name
from benchmarks.filled_notes import filled, half_width
from benchmarks.kept_results import keep
from benchmarks.kept_search import search_text, short_name
from study.planned import cell_called

KEPT = Path(__file__).resolve().parents[1] / "docs" / "results"
NOTES = KEPT / "notes.md"
"""What was found, in words: written by hand, with places that `filled_notes` gives their numbers."""

MOST_UNRUN = 6
"""Cells that were not run of which a row gives the names."""

USAGE = "usage: python -m benchmarks.paper_results [keep STUDY_DIR]"

HEAD = """# The paper's systems, measured

Every system of the paper, what it reports of each, and what was measured here. A number is the
mean over seeds ± half its 95 % t interval, on test images; no label chose a configuration or a checkpoint. Studies are
files in `search_spaces/`, at the paper's scale; what was run smaller says so under "How". `python -m
benchmarks.paper_results > docs/paper_results.md` writes this page from `docs/results/`, where every seed's value is.

A run measures itself on 2,000 test images at most, `python -m analysis.measure` on more, up to all of them; a cell's
number is never a mean over both, and on how many images it rests stands under "How". Replicates of one number have the
same seed in all cells of a study, and differences in what was found are of such pairs, with a t interval of their own.
Of MNIST's 60,000 training
images 55,000 are trained on and 5,000 are for validation. SVHN's 73,257 are split into 67,153 and 6,104 likewise;
CelebA's splits are the published ones.
"""


def main(arguments: Sequence[str]) -> int:
    """Print the page, or keep a study; return the exit code."""
    match list(arguments):
        case []:
            print(page(kept_studies(KEPT), NOTES.read_text(encoding="utf-8")), end="")
        case ["keep", folder] if (Path(folder) / "study.json").is_file():
            name = load_results(folder).study["name"]
            measures = dict.fromkeys(measure for row in ROWS if row.study == name for measure in row.measures)
            if not measures:
                print(f"no row of analysis/paper_rows.py is about the study {name}.", file=sys.stderr)
                return 2
            try:
                keep(Path(folder), list(measures), KEPT / f"{name}.json")
            except ValueError as error:
                print(error, file=sys.stderr)
                return 2
        case _:
            print(USAGE, file=sys.stderr)
            return 2
    return 0


def kept_studies(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what is kept of studies, by the study's name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def page(studies: Mapping[str, Mapping[str, Any]], notes: str) -> str:
    """Return the page as Markdown, from what is kept of studies and what was found in words."""
    lines = [HEAD, "| paper | system | the paper reports | ours | how |", "|---|---|---|---|---|"]
    lines += [_line(row, studies.get(row.study)) for row in ROWS]
    lines += ["", filled(notes, studies), "## How", ""]
    lines += [_how(study) for study in studies.values()]
    return "\n".join(lines) + "\n"


def _line(row: Row, study: Mapping[str, Any] | None) -> str:
    cells, winners, unrun = (
        [cell for cell in study.get(part, ()) if cell["block"] in row.blocks] if study else []
        for part in ("cells", "confirmed", "unrun")
    )
    cells = [cell for cell in cells if cell["values"] or cell["failed"]]
    cells.sort(key=lambda cell: (row.blocks.index(cell["block"]), _in_order(cell["label"])))
    if not study or not (cells or winners):
        ours = f"not run: needs {row.needs}" if row.needs else "not run yet"
        how = f"`search_spaces/{row.study}.yaml`"
    else:
        parts = [f"{'the grid: ' if winners else ''}{_cell(cell, row.measures)}" for cell in cells]
        parts += [
            f"choice {cell['choice']} of the search, on fresh seeds: {_cell(cell, row.measures)}" for cell in winners
        ]
        names = [cell_name(cell["block"], cell["label"]) for cell in unrun]
        more = f"; {len(names) - MOST_UNRUN} more" if len(names) > MOST_UNRUN else ""
        parts += [f"not run: {'; '.join(names[:MOST_UNRUN])}{more}"] if names else []
        # a bar, as in p(z|x), would end the table's cell
        ours = "<br>".join(parts).replace("|", "\\|")
        how = f"[{row.study}](#{row.study})"
    note = f"; {row.note}" if row.note else ""
    return f"| {row.place} | {row.system} | {row.published} | {ours} | {how}{note} |"


def _in_order(label: str) -> list[tuple[float, str]]:
    """Return what sorts labels by their words and, as numbers, by their numbers."""
    parts = re.split(r"(\d+(?:\.\d+)?)", label)
    return [(float(part), "") if index % 2 else (0.0, part) for index, part in enumerate(parts)]


def _cell(cell: Mapping[str, Any], measures: Sequence[str]) -> str:
    name = short_name(cell["block"], cell["label"])
    real = {item: f" (data: {mean(values):.3f})" for item, values in cell.get("real", {}).items()}
    numbers = {name: [value for value in values if value is not None] for name, values in cell["values"].items()}
    seeds = max(map(len, numbers.values()), default=0)
    parts = [
        f"{label_of(item)} {_number(numbers[item])}{_of(len(numbers[item]), seeds)}{real.get(item, '')}"
        for item in measures
        if numbers.get(item)
    ]
    if "clustering_error" in measures:
        controls = {"kmeans": "k-means", "untrained": "untrained"}
        parts += [f"{words} {mean(cell[name]):.2f}" for name, words in controls.items() if name in cell]
    failed = f", {cell['failed']} failed" if cell["failed"] else ""
    planned = cell.get("planned", seeds)
    count = f"{seeds} of {planned} seeds" if seeds < planned else f"{seeds} seed{'' if seeds == 1 else 's'}"
    return f"**{name}**: {'; '.join(parts) or 'nothing'} ({count}{failed})"


def _of(count: int, seeds: int) -> str:
    """Say how many seeds a number rests on, where others of its cell have more."""
    return "" if count == seeds else f" ({count} of {seeds} seeds)"


def _number(values: Sequence[float]) -> str:
    text = f"{mean(values):.2f}" if abs(mean(values)) >= 0.1 else f"{mean(values):.3f}"
    if len(values) > 1:
        half = half_width(values)
        text += f" ± {half:.2f}" if half >= 0.1 else f" ± {half:.3f}"
    return text.replace("-", "−")


def _how(study: Mapping[str, Any]) -> str:
    machine = study["machine"]
    common, defaults = (
        ", ".join(f"{name.partition('.')[2]} = {_value(value)}" for name, value in study.get(part, {}).items())
        for part in ("common", "defaults")
    )
    common += f"; at their defaults: {defaults}" if defaults else ""
    changed = ", ".join(f"`{item}`" for item in study["overrides"])
    against = f"Changed from the file: {changed}." if changed else "As the file says."
    if study["unrun"]:
        confined = sorted({cell_called(cell["block"], cell["label"]) for cell in study["cells"]})
        against += f" Only {', '.join(f'`{name}`' for name in confined)} ran, to which `--only` confines it."
    hashes = ", ".join(f"{key} ({count} runs)" for key, count in study["code_hashes"].items())
    versions = ", ".join(f"{name} {version}" for name, version in study["versions"].items())
    return (
        f"### {study['study']}\n\n{study['question']} `search_spaces/{study['study']}.yaml`, launched "
        f"{study['launched_at'][:10]}. {against} All cells: {common}. {_images(study)}{machine['cpus']} cores, "
        f"{', '.join(study['devices'])}, {study['run_hours']} hours of runs; code {hashes}; {versions}.\n"
        f"{_searched(study)}"
    )


def _searched(study: Mapping[str, Any]) -> str:
    """Say what the study's searches found; nothing where it searched nothing."""
    measures = {block: row.measures for row in ROWS if row.study == study["study"] for block in row.blocks}
    return f"\n{search_text(study['search'], measures)}" if "search" in study else ""


def _images(study: Mapping[str, Any]) -> str:
    """Say how many test images, or generated ones, each measure was measured on."""
    names: dict[int, dict[str, None]] = {}
    for cell in study["cells"]:
        for name, num in cell.get("images", {}).items():
            names.setdefault(num, {})[label_of(name)] = None
    parts = [f"{num:,} for {', '.join(names[num])}" for num in sorted(names, reverse=True)]
    return f"Images or points: {'; '.join(parts)}. " if parts else ""


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
