"""A study of one of the paper's systems, beside what the paper reports of it."""

from __future__ import annotations

import html
import math

import pandas as pd

from analysis.paper_rows import ROWS
from analysis.tables import Analysis, html_table, label_of, number
from analysis.wording import cell_name

COLUMNS = (
    *("place", "system", "published", "block", "label", "measure", "mean", "low", "high"),
    *("num_seeds", "num_failed", "kmeans", "note"),
)


def paper_table(analysis: Analysis) -> pd.DataFrame:
    """Return one row for each system of the paper, cell and measure, in the paper's order; none of another study.

    A study is about a system if it has the name of the file in `search_spaces/` that answers it, and its blocks.
    `kmeans` is k-means' mean clustering error at the same K, NaN beside other measures.
    """
    cells, name = analysis.cells, str(analysis.results.study["name"])
    failed = analysis.runs[analysis.runs["status"] == "failed"].groupby("config_key")["key"].nunique()
    rows: list[dict[str, object]] = []
    for row in (item for item in ROWS if item.study == name):
        for (block, key), group in cells[cells["block"].isin(row.blocks)].groupby(["block", "config_key"], sort=False):
            means = group[group["mean"].notna()].drop_duplicates(["name", "subject"]).to_dict("records")
            own = {(item["name"], item["subject"]): item for item in means}
            common = {name: getattr(row, name) for name in ("place", "system", "published", "note")} | {"block": block}
            for measure in (item for item in row.measures if (item, "model") in own):
                found = own[measure, "model"]
                rows.append(
                    {
                        **common,
                        **{column: found[column] for column in ("label", "mean", "low", "high", "num_seeds")},
                        "measure": measure,
                        "num_failed": int(failed.get(key, 0)),
                        "kmeans": own.get((measure, "kmeans"), {}).get("mean", math.nan),
                    }
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def written_rows(table: pd.DataFrame) -> list[list[str]]:
    """Write a table of `paper_table` for people: where, system, what the paper reports, and ours, a line a cell.

    The last line is the row's note.
    """
    written = []
    for (place, system, published), group in table.groupby(["place", "system", "published"], sort=False):
        lines = [_cell(cell) for _, cell in group.groupby(["block", "label"], sort=False)]
        lines += [str(note) for note in group["note"].unique() if note]
        written.append([str(place), str(system), str(published), "\n".join(lines)])
    return written


HEAD = ("paper", "system", "the paper reports", "ours")


def paper_html(analysis: Analysis) -> str:
    """Return the table and what to know of it as HTML; nothing for a study that the paper does not have."""
    rows = written_rows(paper_table(analysis))
    if not rows:
        return ""
    table = html_table(list(HEAD), rows, 'class="lines"')
    return f"<p>{html.escape(scale_note(analysis))}</p>{table}"


def scale_note(analysis: Analysis) -> str:
    """Say what the numbers are, and how the study differs from the file that states the paper's scale."""
    study = analysis.results.study
    spec = study.get("spec")
    found = spec.get("overrides") if isinstance(spec, dict) else None
    overrides = [str(item) for item in found] if isinstance(found, list) else []
    if study.get("smoke"):
        scale = "This is a smoke run with a tiny budget, so nothing here compares with the paper."
    elif overrides:
        scale = f"Changed from search_spaces/{study['name']}.yaml: {', '.join(overrides)}."
    else:
        scale = f"Run as search_spaces/{study['name']}.yaml says."
    return (
        f"Means over seeds ± half their 95 % seed-level interval, on {analysis.split} images. No label chose a "
        f"checkpoint. {scale}"
    )


def _cell(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    name = cell_name(str(first["block"]), str(first["label"]))
    parts = []
    for _, row in rows.iterrows():
        half = row["mean"] - row["low"]
        text = f"{label_of(row['measure'])} {_short(row['mean'])}"
        text += f" ± {_short(half)}" if math.isfinite(half) else ""
        parts.append(text + (f" (k-means {_short(row['kmeans'])})" if math.isfinite(row["kmeans"]) else ""))
    seeds, failed = int(rows["num_seeds"].max()), int(first["num_failed"])
    count = f"{seeds} seed{'' if seeds == 1 else 's'}" + (f", {failed} failed" if failed else "")
    return f"{name}: {'; '.join(parts)} ({count})"


def _short(value: float) -> str:
    return number(value, 2 if abs(value) >= 0.1 else 3)
