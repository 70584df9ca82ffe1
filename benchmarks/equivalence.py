"""Training in less than single precision held against single precision, by what is measured in the end.

    python -m benchmarks.equivalence [--case DATA:WIDTH:BATCH] [--steps N] [--seeds N] [--device cuda]

Trained weights are chaotic, so other last digits lead to another model of the same kind. Two ways are called equivalent
where the 90 % interval of their mean difference lies within half a standard deviation of the seeds (two
one-sided tests at 5 %).
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from analysis.measures.classifier import Classifier, classifier_for
from benchmarks.machine import conditions, kind_of, show, table
from benchmarks.train_step import case_of
from iae_models.config import RunConfig
from iae_models.data import ImageData, load
from iae_models.training import TrainState, initial_state, train
from study.rungs import measure_objectives

MEASURES = ("share_z_pixel", "share_z_feature", "label_preservation", "r2_mean", "critic_accuracy", "prior_accuracy")
MARGIN = 0.5
"""Of a standard deviation of the seeds, between which a difference of means counts as none."""

Values = list[dict[str, float | None]]
"""What was measured of each seed."""


def main() -> int:
    """Train, measure, print and, if asked, publish; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.equivalence", description=__doc__.splitlines()[0])
    parser.add_argument("--case", default="embedded_digits:0.25:64", metavar="DATA:WIDTH:BATCH")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--precision", action="append", metavar="PRECISION", help="tf32 and bfloat16 if left out")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the Markdown file to put the table into")
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
    config = case_of(options.case)
    config = with_train(config, steps=options.steps, report_every=options.steps)
    data = load(config.data.name).to(device)
    with tempfile.TemporaryDirectory() as folder:
        classifier = classifier_for(data, Path(folder))
    alone = [measured(trained_alone(config, seed, data), data, classifier, seed) for seed in range(options.seeds)]
    ways = {}
    for precision in options.precision or ("tf32", "bfloat16"):
        other = with_train(config, precision=precision)
        ways[precision] = [
            measured(trained_alone(other, seed, data), data, classifier, seed) for seed in range(options.seeds)
        ]
    rows = [row for name, values in ways.items() for row in compared(name, alone, values)]
    header = (
        "precision",
        "measure",
        "float32, mean",
        "deviation of seeds",
        "difference",
        "90 % interval",
        "equivalent",
    )
    title = f"Precision on a {kind_of(device)}"
    settings = f"- {options.case}, {options.steps} steps, {options.seeds} seeds, as many for each way"
    show("\n".join([*conditions(device), settings, "", table(header, rows)]), title, options.write, NOTE)
    return 0


NOTE = f"""Differences are of the same seeds, to single precision. Equivalent: the interval lies within
{MARGIN:g} deviations of the seeds. With so few seeds a difference of nothing at all can miss that now and then."""


def with_train(config: RunConfig, **changes: object) -> RunConfig:
    """Return a configuration with other training."""
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **changes))  # type: ignore[arg-type]


def trained_alone(config: RunConfig, seed: int, data: ImageData) -> TrainState:
    """Return a trained state."""
    state = initial_state(config, seed, data.train.x.device)
    list(train(state, data, config))
    return state


def measured(state: TrainState, data: ImageData, classifier: Classifier | None, seed: int) -> dict[str, float | None]:
    """Return what is measured of a trained state on validation images."""
    return measure_objectives(MEASURES, state, data, classifier, seed, 0)


def compared(name: str, alone: Values, other: Values) -> list[tuple[str, ...]]:
    """Return the rows of one way."""
    rows: list[tuple[str, ...]] = []
    for measure in MEASURES:
        pairs = np.array([[_number(item, measure) for item in pair] for pair in zip(alone, other, strict=True)])
        differences = pairs[:, 1] - pairs[:, 0]
        spread = float(pairs[:, 0].std(ddof=1))
        half = float(stats.t.ppf(0.95, len(pairs) - 1) * differences.std(ddof=1) / math.sqrt(len(pairs)))
        mean = float(differences.mean())
        is_equivalent = max(abs(mean - half), abs(mean + half)) <= MARGIN * spread
        rows.append(
            (
                name,
                measure,
                f"{pairs[:, 0].mean():.3f}",
                f"{spread:.3f}",
                f"{mean:+.4f}",
                f"{mean - half:+.4f} to {mean + half:+.4f}",
                "yes" if is_equivalent else "**not shown**",
            )
        )
    return rows


def _number(values: Mapping[str, float | None], name: str) -> float:
    value = values[name]
    return math.nan if value is None else value


if __name__ == "__main__":
    sys.exit(main())
