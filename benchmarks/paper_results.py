"""The table "paper / ours / how" of `docs/paper_results.md`, from what is kept of studies in `docs/results/`.

    python -m benchmarks.paper_results keep STUDY_DIR     # keep a study's measures, under its name
    python -m benchmarks.paper_results                    # print the page

A value is the mean over seeds with half its 95 % t interval and the number of seeds, on test images: on all that
`python -m analysis.measure` takes where it has measured a study before that is kept, else on those of every run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from analysis.paper_rows import ROWS, Row
from analysis.results import load_results
from analysis.statistics import t_half_width
from analysis.tables import label_of
from analysis.wording import cell_name
from benchmarks.kept_results import keep

KEPT = Path(__file__).resolve().parents[1] / "docs" / "results"
USAGE = "usage: python -m benchmarks.paper_results [keep STUDY_DIR]"

HEAD = """# The paper's systems, measured

Every system of the paper, what it reports of each, and what was measured here. A number is the
mean over seeds ± half its 95 % t interval, on test images; no label chose a configuration or a checkpoint. Studies are
files in `search_spaces/`, at the paper's scale; what was run smaller says so under "How". `python -m
benchmarks.paper_results > docs/paper_results.md` writes this page from `docs/results/`, where every seed's value is.

A run measures itself on 2,000 test images at most, `python -m analysis.measure` on all of them; a cell's number is
never a mean over both, and is of the run itself where nothing else stands under "How". Of MNIST's 60,000 training
images 55,000 are trained on and 5,000 are for validation. SVHN's 73,257 are split into 67,153 and 6,104 likewise;
CelebA's splits are the published ones.
"""


NOTES = """
## What was found

- **Figure 5.** In five seeds of five the IAE gives each component a category of its own, with each of its four
  switches, and the GAN ignores its categories (0.01 of 1.95 nats); InfoGAN and ALI succeed too, so the IAE is not
  alone in it. None of these three puts a point off the modes, where 1.2 % of the test points are: their components
  are too narrow, a fifth to a third of the data's spread for the IAE, 0.31 for ALI, 0.37 for InfoGAN. The GAN's are
  half as wide as the data's, with 7 to 8 % of its points between them. The AAE's points are off the modes (87 %).
- **Figures 11 and 12, InfoGAN.** −log q(z|x̃) of a continuous code has no lower bound, so the more it weighs the
  more the generator hides z in where x̃ lies. At weight 1, 91 % of the points are off the modes, and the q(z) of
  the data is 4.0 nats from the prior; at 0.1, 39 % and 1.0 nats; at 0.01, 12 % and 0.07. KL of component
  frequencies is near 0 in all of them and sees nothing of it. Posteriors of data are compared with the codes of
  points on their mode, those of generated points at a resolution of 0.1: finer differences do not show.
- **Figures 11 and 12, the FIAE against InfoGAN.** With generators alike, both without noise, and InfoGAN at 0.01,
  where it does best on data, the FIAE's posteriors are nearer to the true ones on generated points (0.24 ± 0.06
  against 0.48 ± 0.04 nats) and on data (0.18 ± 0.07 against 0.34 ± 0.03), and overlap less (0.002 against 0.14), as
  the paper says. Its q(z) is not closer to the prior: 0.23 ± 0.09 against 0.11 ± 0.03. Neither makes the four
  points: 13 and 16 % are off the modes.
- **A negative result.** With noise in its generator the FIAE half ignores its code on four points: posteriors
  overlap with 0.29 to 0.46 where codes that say nothing have 0.75, under all four settings of its two gradients and
  under the f-divergences of Equation 13, and between the settings no difference shows in five seeds. Its posteriors
  match (0.05 to 0.10 nats), because those of different points are alike. On seven Gaussians, tried with
  positive_gradient = false and code_gradient = true alone, it ignores its categories as the GAN does. ALI is alike
  on four points (0.64) and not on seven Gaussians.
- **Figure 6, an eighth of the width and 4 of 100 epochs.** At K = 30 the IAE clusters as k-means does (29 ± 12 against
  27 % error, in three seeds, with 18 to 22 of 30 clusters used); with virtual adversarial training and balance it comes
  to 19 ± 2 %, InfoGAN to 24 ± 1 %. The AAE and noise on the codes leave clusters that say little, 67 %. The paper's 5 %
  is at full width and length, which was not run.
- **Not run here.** The rows that say so. Their studies train in their smoke configurations, and nothing more is known.
"""


def main(arguments: Sequence[str]) -> int:
    """Print the page, or keep a study; return the exit code."""
    match list(arguments):
        case []:
            print(page(kept_studies(KEPT)), end="")
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


def page(studies: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page as Markdown."""
    lines = [HEAD, "| paper | system | the paper reports | ours | how |", "|---|---|---|---|---|"]
    lines += [_line(row, studies.get(row.study)) for row in ROWS]
    lines += [NOTES, "## How", ""]
    lines += [_how(study) for study in studies.values()]
    return "\n".join(lines) + "\n"


def _line(row: Row, study: Mapping[str, Any] | None) -> str:
    cells = [cell for cell in study["cells"] if cell["block"] in row.blocks] if study else []
    cells = [cell for cell in cells if cell["values"] or cell["failed"]]
    if not study or not cells:
        ours = f"not run: needs {row.needs}" if row.needs else "not run yet"
        how = f"`search_spaces/{row.study}.yaml`"
    else:
        # a bar, as in p(z|x), would end the table's cell
        ours = "<br>".join(_cell(cell, row.measures) for cell in cells).replace("|", "\\|")
        how = f"[{row.study}](#{row.study})"
    note = f"; {row.note}" if row.note else ""
    return f"| {row.place} | {row.system} | {row.published} | {ours} | {how}{note} |"


def _cell(cell: Mapping[str, Any], measures: Sequence[str]) -> str:
    name = cell_name(cell["block"], cell["label"])
    real = {item: f" (data: {mean(values):.3f})" for item, values in cell.get("real", {}).items()}
    parts = [
        f"{label_of(item)} {_number(cell['values'][item])}{real.get(item, '')}"
        for item in measures
        if item in cell["values"]
    ]
    if "clustering_error" in measures:
        controls = {"kmeans": "k-means", "untrained": "untrained"}
        parts += [f"{words} {mean(cell[name]):.2f}" for name, words in controls.items() if name in cell]
    seeds = max((len(values) for values in cell["values"].values()), default=0)
    failed = f", {cell['failed']} failed" if cell["failed"] else ""
    return f"**{name}**: {'; '.join(parts) or 'nothing'} ({seeds} seed{'' if seeds == 1 else 's'}{failed})"


def _number(values: Sequence[float]) -> str:
    text = f"{mean(values):.2f}" if abs(mean(values)) >= 0.1 else f"{mean(values):.3f}"
    if len(values) > 1:
        half = t_half_width(stdev(values) / len(values) ** 0.5, len(values) - 1)
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
    hashes = ", ".join(f"{key} ({count} runs)" for key, count in study["code_hashes"].items())
    versions = ", ".join(f"{name} {version}" for name, version in study["versions"].items())
    return (
        f"### {study['study']}\n\n{study['question']} `search_spaces/{study['study']}.yaml`, launched "
        f"{study['launched_at'][:10]}. {against} All cells: {common}. {_images(study)}{machine['cpus']} cores, "
        f"{', '.join(study['devices'])}, {study['run_hours']} hours of runs; code {hashes}; {versions}.\n"
    )


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
