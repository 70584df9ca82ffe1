"""The table of the paper's results says what the studies and the kept numbers say."""

from pathlib import Path

import pytest

from analysis.measure_names import MEASURES
from analysis.paper_rows import ROWS
from benchmarks.kept_results import keep
from benchmarks.paper_results import HEAD, KEPT, kept_studies, main, page
from study.spec import load_study

ROOT = Path(__file__).resolve().parents[2]
FIGURE_5B = {
    "study": "seven_gaussians",
    "question": "Why?",
    "launched_at": "2026-01-02T03:04:05+00:00",
    "machine": {"cpus": 2},
    "versions": {"python": "3.11.2"},
    "devices": ["cpu (x86_64)"],
    "code_hashes": {"abc": 3},
    "run_hours": 0.5,
    "overrides": ["train.steps=100"],
    "common": {"data.name": "seven_gaussians", "train.steps": 100},
    "defaults": {"model.discriminator_norm": "pre_activation"},
    "cells": [
        {
            "block": "gan",
            "label": "r1_gamma=0",
            "num_runs": 4,
            "failed": 1,
            "values": {"component_information": [0.1, 0.2, 0.3], "off_modes": [0.02]},
            "real": {"off_modes": [0.011]},
        },
        {"block": "iae", "label": "iae", "num_runs": 1, "failed": 0, "values": {}},
    ],
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.place}, {row.system}")
def test_rows_are_about_blocks_of_shipped_studies(row):
    spec = load_study(ROOT / "search_spaces" / f"{row.study}.yaml")
    assert set(row.blocks) <= {block.name for block in spec.blocks}
    assert set(row.measures) <= set(MEASURES)


def test_the_page_is_the_one_that_the_command_writes():
    assert (ROOT / "docs" / "paper_results.md").read_text(encoding="utf-8") == page(kept_studies(KEPT))


def test_values_are_means_with_t_intervals_over_seeds():
    lines = page({"seven_gaussians": FIGURE_5B}).splitlines()
    (line,) = (line for line in lines if line.startswith("| Fig. 5b"))
    # t(2) = 4.303, times 0.1 / sqrt(3)
    assert (
        "**gan, r1_gamma=0**: I(z; component) 0.20 ± 0.25; share off the modes 0.020 (data: 0.011) (3 seeds, 1 failed)"
        in line
    )
    (iae,) = (line for line in lines if line.startswith("| Fig. 5c"))
    assert "not run" in iae
    assert "Changed from the file: `train.steps=100`." in lines[-2]
    assert "steps = 100; at their defaults: discriminator_norm = pre_activation." in lines[-2]


def test_bars_in_names_do_not_end_a_cell():
    infogan = {"block": "infogan", "label": "infogan", "failed": 0, "values": {"joint_kl": [1.0, 2.0]}}
    lines = page({"four_points": FIGURE_5B | {"study": "four_points", "cells": [infogan]}}).splitlines()
    (line,) = (line for line in lines if line.startswith("| Fig. 11"))
    assert line.replace("\\|", "").count("|") == 6
    assert "KL(p(z\\|x)" in line


def test_what_is_kept_is_what_was_measured(synthetic, tmp_path):
    planted = synthetic.Planted(gaussian=((2, 10),), categorical=(), frozen=True, replicates=3, searched=2)
    study = synthetic.write_study(tmp_path / "study", planted)
    key = next(path.name for path in (study / "runs").iterdir() if path.name.endswith("-2"))
    synthetic.fail_run(study, key)
    keep(study, ["share_z_pixel", "clustering_error"], tmp_path / "kept.json")
    (kept,) = kept_studies(tmp_path).values()
    assert kept["common"] == {"model.width": 0.125, "model.latent_dim": 2, "model.noise_dim": 10}
    assert kept["defaults"]["model.discriminator_norm"] == "pre_activation" and "model.width" not in kept["defaults"]
    assert sorted((cell["block"], len(cell["values"]["share_z_pixel"]) + cell["failed"]) for cell in kept["cells"]) == [
        ("frozen", 3),
        ("gaussian", 3),
    ]
    assert sum(cell["failed"] for cell in kept["cells"]) == 1
    trained, frozen = (
        next(cell for cell in kept["cells"] if cell["block"] == block)["values"]["share_z_pixel"][0]
        for block in ("gaussian", "frozen")
    )
    assert trained - frozen == pytest.approx(0.12, abs=0.05)
    assert all("clustering_error" not in cell["values"] for cell in kept["cells"])


def test_the_command_refuses_what_it_cannot_keep(synthetic, tmp_path, capsys):
    assert main([]) == 0
    assert capsys.readouterr().out.startswith(HEAD)
    assert main(["keep", str(tmp_path)]) == 2
    assert main(["keep", str(synthetic.write_study(tmp_path / "study"))]) == 2
    assert "no row" in capsys.readouterr().err
