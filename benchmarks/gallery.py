"""The gallery of the notebook's interface: its snippets are run, and what they print and draw is what the page shows.

    python -m benchmarks.gallery STUDY_DIR > docs/gallery.md

Figures are written into docs/figures/gallery, from the study folder alone.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from analysis.notebook import open_study

PAGE = Path("docs/gallery.md")
FIGURES = Path("docs/figures/gallery")
DPI = 90

SNIPPETS = {
    "Three lines: a tidy table and a figure": (
        'study = open_study("runs/decomposition")',
        'print(study.table("share_z_pixel").head(3)[["label", "replicate", "value", "low", "high", "n"]])',
        'study.figure("decomposition_maps")',
    ),
    "A measure over the grid, as pandas has it": (
        'table = study.table("label_preservation")',
        'table = table[(table["block"] == "gaussian") & (table["origin"] == "grid")]',
        'print(table.pivot_table(index="code_size", columns="noise_dim", values="value").round(2))',
    ),
    "A control beside it": (
        'every = study.table("share_z_pixel", subject=None)',
        'print(every.groupby(["block", "subject"])["value"].mean().unstack().round(2))',
    ),
    "What a measure depends on": (
        'parts = study.tables["attribution"]',
        'print(parts[parts["name"] == "share_z_pixel"][["block", "part", "share", "low", "high"]].round(2))',
        'study.figure("attribution")',
    ),
    "Losses of one run": (
        'run = study.table("rate")["run"].iloc[0]',
        "losses = study.history(run)",
        'print(losses.groupby("name")["value"].agg(["first", "last"]).round(2))',
    ),
}


def page(folder: Path) -> Iterator[str]:
    """Yield the page's lines; the figures are written on the way."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    yield "# Gallery: a study in a notebook"
    yield ""
    yield "`python -m benchmarks.gallery runs/decomposition > docs/gallery.md` ran what follows and wrote what it gave:"
    yield "a short study, two seeds a cell and 500 steps a run, so its numbers say little about models."
    yield ""
    yield "```python\nfrom analysis.notebook import open_study\n```"
    names: dict[str, Any] = {"open_study": lambda _: open_study(folder)}
    for number, (title, lines) in enumerate(SNIPPETS.items(), 1):
        code = "\n".join(lines)
        printed, last = run(code, names)
        yield f"\n## {title}\n\n```python\n{code}\n```"
        if printed:
            yield f"\n```text\n{printed.rstrip()}\n```"
        if isinstance(last, Figure):
            path = FIGURES / f"{number}.png"
            with mpl.rc_context({"savefig.facecolor": "white"}):
                last.savefig(path, dpi=DPI)
            yield f"\n![{title}]({os.path.relpath(path, PAGE.parent)})"


def run(code: str, names: dict[str, Any]) -> tuple[str, Any]:
    """Run a snippet in a namespace; return what it printed and the value of its last expression."""
    tree = ast.parse(code)
    last = tree.body[-1]
    value = last.value if isinstance(last, ast.Expr) else None
    if value is not None:
        tree.body.pop()
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pd.option_context("display.width", 110, "display.max_columns", 12):
        exec(compile(tree, "gallery", "exec"), names)  # noqa: S102  the page shows what its own snippets do
        result = None if value is None else eval(compile(ast.Expression(value), "gallery", "eval"), names)
    return out.getvalue(), result


def main(arguments: list[str]) -> int:
    """Print the page and return the exit code."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m benchmarks.gallery STUDY_DIR", file=sys.stderr)
        return 2
    for line in page(Path(arguments[0])):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
