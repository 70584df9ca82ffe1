"""The table of the paper's results says what the studies and the kept numbers say."""

import shutil
from pathlib import Path

import pytest

from analysis.full_measure_names import measure_info
from analysis.paper_rows import ROWS
from benchmarks.kept_results import keep
from benchmarks.kept_search import short_name
from benchmarks.paper_results import HEAD, KEPT, NOTES, kept_studies, main, page
from study.records import StudyFolder, read_json, write_json
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
            "replicates": [0, 1, 2, 3],
            "values": {"component_information": [0.1, 0.2, 0.3, None], "off_modes": [0.02, None, None, None]},
            "real": {"off_modes": [0.011]},
        },
        {"block": "iae", "label": "iae", "num_runs": 1, "failed": 0, "replicates": [0], "values": {}},
    ],
    "unrun": [],
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.place}, {row.system}")
def test_rows_are_about_blocks_of_shipped_studies(row):
    spec = load_study(ROOT / "search_spaces" / f"{row.study}.yaml")
    assert set(row.blocks) <= {block.name for block in spec.blocks}
    assert all(measure_info(name) for name in row.measures)
    assert len(set(row.measures)) == len(row.measures)


@pytest.mark.parametrize("study", sorted({row.study for row in ROWS}))
def test_every_block_of_a_study_of_the_paper_is_in_a_row(study):
    blocks = {block.name for block in load_study(ROOT / "search_spaces" / f"{study}.yaml").blocks}
    assert blocks == {block for row in ROWS if row.study == study for block in row.blocks}


def test_what_a_model_generates_is_measured_where_it_infers_nothing():
    """A GAN infers no code, so neither shares nor labels of reconstructions say anything of it."""
    of_images = {"frechet_samples", "sharpness_samples"}
    for row in ROWS:
        spec = load_study(ROOT / "search_spaces" / f"{row.study}.yaml")
        fixed = [spec.block(name).fixed for name in row.blocks]
        if any(item.get("model.variant") == "gan" or item.get("model.latent_dim") == 0 for item in fixed):
            assert of_images <= set(row.measures) or row.study == "seven_gaussians", row


@pytest.mark.parametrize("study", ["street_digits", "celeba_decomposition"])
def test_known_factors_are_in_the_rows_that_claim_something_of_them(study):
    factors = {name.partition("/")[2] for row in ROWS if row.study == study for name in row.measures}
    wanted = {"street_digits": {"left", "middle", "right", "ink"}, "celeba_decomposition": {"Eyeglasses", "Smiling"}}
    assert wanted[study] <= factors


def test_the_page_is_the_one_that_the_command_writes():
    assert (ROOT / "docs" / "paper_results.md").read_text(encoding="utf-8") == page(
        kept_studies(KEPT), NOTES.read_text(encoding="utf-8")
    )


def test_values_are_means_with_t_intervals_over_seeds():
    lines = page({"seven_gaussians": FIGURE_5B}, "").splitlines()
    (line,) = (line for line in lines if line.startswith("| Fig. 5b"))
    # t(2) = 4.303, times 0.1 / sqrt(3)
    assert (
        "**gan, r1_gamma=0**: I(z; component) 0.20 ± 0.25; share off the modes 0.020 (1 of 3 seeds) (data: 0.011) "
        "(3 seeds, 1 failed)" in line
    )
    (iae,) = (line for line in lines if line.startswith("| Fig. 5c"))
    assert "not run" in iae
    assert "Changed from the file: `train.steps=100`." in lines[-2]
    assert "steps = 100; at their defaults: discriminator_norm = pre_activation." in lines[-2]


def test_notes_stand_beside_how():
    lines = page({}, "").splitlines()
    (line,) = (line for line in lines if line.startswith("| Fig. 8, small"))
    assert line.endswith(
        "`search_spaces/edges_shoes_28.yaml`; " + next(r.note for r in ROWS if r.study == "edges_shoes_28") + " |"
    )


def test_the_images_of_each_suite_are_said():
    cell = {"block": "gaussian", "label": "z=5 n=100", "failed": 0, "values": {"factor_split/ink": [0.5]}}
    cells = [cell | {"images": {"joint_accuracy": 10000, "critic_accuracy": 2000, "factor_split/ink": 10000}}]
    text = page({"s": FIGURE_5B | {"cells": cells}}, "")
    assert "Images or points: 10,000 for joint test accuracy, τ_z, ink; 2,000 for critic accuracy. 2 cores" in text
    assert "Images" not in page({"s": FIGURE_5B}, "")


def test_bars_in_names_do_not_end_a_cell():
    infogan = {"block": "infogan", "label": "infogan", "failed": 0, "values": {"joint_kl": [1.0, 2.0]}}
    lines = page({"four_points": FIGURE_5B | {"study": "four_points", "cells": [infogan]}}, "").splitlines()
    (line,) = (line for line in lines if line.startswith("| Fig. 11"))
    assert line.replace("\\|", "").count("|") == 6
    assert "KL(p(z\\|x)" in line


def test_what_is_kept_is_what_was_measured(synthetic, tmp_path):
    planted = synthetic.Planted(gaussian=((2, 10),), categorical=(), frozen=True, replicates=3, searched=0)
    study = synthetic.write_study(tmp_path / "study", planted)
    key = next(path.name for path in (study / "runs").iterdir() if path.name.endswith("-2"))
    synthetic.fail_run(study, key)
    keep(study, ["share_z_pixel", "clustering_error"], tmp_path / "kept.json")
    (kept,) = kept_studies(tmp_path).values()
    assert kept["common"] == {"model.width": 0.125, "model.latent_dim": 2, "model.noise_dim": 10}
    assert kept["defaults"]["model.discriminator_norm"] == "pre_activation" and "model.width" not in kept["defaults"]
    assert sorted((cell["block"], cell["replicates"]) for cell in kept["cells"]) == [
        ("frozen", [0, 1, 2]),
        ("gaussian", [0, 1, 2]),
    ]
    undefined = [value for cell in kept["cells"] for value in cell["values"]["share_z_pixel"] if value is None]
    assert len(undefined) == 1  # of the run that failed, in its place
    assert kept["unrun"] == [] and {cell["planned"] for cell in kept["cells"]} == {3}
    assert sum(cell["failed"] for cell in kept["cells"]) == 1
    trained, frozen = (
        next(cell for cell in kept["cells"] if cell["block"] == block)["values"]["share_z_pixel"][0]
        for block in ("gaussian", "frozen")
    )
    assert trained - frozen == pytest.approx(0.12, abs=0.05)
    assert all("clustering_error" not in cell["values"] for cell in kept["cells"])


def test_what_both_suites_have_is_kept_of_the_full_one(synthetic, tmp_path):
    planted = synthetic.Planted(gaussian=((2, 10),), categorical=(), frozen=False, replicates=3, searched=0, full=True)
    study = synthetic.write_study(tmp_path / "study", planted)
    names = ["share_z_pixel", "critic_accuracy", "joint_accuracy", "factor_split/ink"]
    for number, run in enumerate(StudyFolder(study).run_folders()):
        record = read_json(run.full_measures)
        share = {**record["groups"]["calibration"]["measures"][0], "name": "share_z_pixel", "value": number, "n": 9000}
        record["groups"]["decoder"] = {"measures": [share]}
        write_json(run.full_measures, record)
    keep(study, names, tmp_path / "kept.json")
    (cell,) = kept_studies(tmp_path)["kept"]["cells"]
    assert sorted(cell["values"]["share_z_pixel"]) == [0, 1, 2]
    assert cell["values"]["factor_split/ink"] == pytest.approx([0.9] * 3, abs=0.03)
    assert cell["images"] == {"share_z_pixel": 9000} | dict.fromkeys(names[1:], 1000)
    # of one run the full suite's value is missing: neither its quick one nor two of three may stand for the cell
    del record["groups"]["decoder"]
    write_json(run.full_measures, record)
    with pytest.raises(ValueError, match=rf"{run.key} lack share_z_pixel: python -m analysis.measure does it"):
        keep(study, names, tmp_path / "kept.json")
    run.full_measures.unlink()
    with pytest.raises(ValueError, match=f"{run.key} lack the full suite's measures"):
        keep(study, names[2:], tmp_path / "kept.json")


def test_a_search_is_kept_with_what_it_found(synthetic, tmp_path):
    planted = synthetic.Planted(gaussian=((2, 10),), categorical=(), frozen=True, replicates=3, searched=5)
    study = synthetic.write_study(tmp_path / "study", planted)
    resolved = read_json(StudyFolder(study).resolved)
    spec = resolved["spec"] | {"search": {"sampler": "tpe"}}
    write_json(StudyFolder(study).resolved, resolved | {"spec": spec})
    searched = [run for run in StudyFolder(study).run_folders() if read_json(run.run)["origin"] == "search"]
    # the last one becomes the first's seed 1000, with a value that its own choice has not seen
    winner, confirmed = read_json(searched[0].run), searched.pop()
    names = ("config_key", "config", "all", "label", "block")
    write_json(confirmed.run, read_json(confirmed.run) | {name: winner[name] for name in names} | {"origin": "confirm"})
    plant = dict(zip([run.key for run in searched], [(0.9, 0.5), (0.8, 0.4), (0.7, 0.6), (0.6, 0.3)], strict=True))
    for run in [*searched, confirmed]:
        objective, share = plant.get(run.key, (0.1, 0.99))

        def change(item, objective=objective, share=share):
            if (item["subject"], item["split"], item["name"]) == ("model", "validation", "critic_accuracy"):
                item["value"] = objective
            if (item["subject"], item["split"], item["name"]) == ("model", "test", "share_z_pixel"):
                item["value"] = share

        synthetic.edit_measures(study, run.key, change)
    keep(study, ["share_z_pixel"], tmp_path / "kept.json")
    (kept,) = kept_studies(tmp_path).values()
    assert [(cell["block"], len(cell["values"]["share_z_pixel"])) for cell in kept["cells"]] == [
        ("gaussian", 3),
        ("frozen", 3),
    ]
    (cell,) = kept["confirmed"]
    assert cell["values"]["share_z_pixel"] == [0.99] and cell["label"] == winner["label"]
    found = kept["search"]["configurations"]
    assert kept["search"]["sampler"] == "tpe"
    searched = [item for item in found if item["origin"] == "search"]
    assert {(item["objectives"][0], item["values"]["share_z_pixel"]) for item in searched} == set(plant.values())
    assert len(found) == 5
    # front first, each part from the lowest critic accuracy on
    marks = [(not item["on_front"], item["objectives"][0]) for item in found]
    assert marks == sorted(marks) and not marks[0][0]
    assert {item["config"]["model.latent_dim"] for item in found} >= {winner["all"]["model.latent_dim"], 2}


def test_the_page_says_what_a_search_chose_and_what_labels_would_have():
    def configuration(origin, vat, objective, error):
        config = {"model.vat_weight": vat} if vat else {}
        config |= {"model.discriminator_norm": "none"} if vat > 3 else {}
        config |= {"model.conditioning": ["auto", "location_dependent", "location_invariant"][vat % 3]}
        common = {"block": "clusters", "label": f"vat_weight={vat}", "origin": origin}
        values = {"objectives": [objective], "on_front": vat == 7, "values": {"clustering_error": error}}
        return common | {"config": config} | values

    found = [configuration("search", vat, 0.1 * vat, 0.28 - 0.01 * vat) for vat in (7, 6, 5, 4, 3, 2)]
    found += [configuration("grid", 0, 0.1, 0.3), configuration("search", 1, 0.05, 0.11)]
    search = {"sampler": "tpe", "without": 3, "objectives": [{"measure": "r2_mean", "direction": "maximize"}]}
    winner = {"choice": 1, "block": "clusters", "label": "vat_weight=7", "failed": 0, "replicates": [1000, 1001]}
    winner |= {"values": {"clustering_error": [0.25, 0.27]}}
    study = FIGURE_5B | {"study": "cluster_recipe", "confirmed": [winner], "search": search | {"configurations": found}}
    study["cells"] = [winner | {"label": "vat_weight=0", "planned": 3, "values": {"clustering_error": [0.3, None]}}]
    text = page({"cluster_recipe": study}, "")
    assert (
        "the grid: **clusters, vat_weight=0**: clustering error 0.30 (1 of 3 seeds)<br>choice 1 of the search" in text
    )
    assert "on fresh seeds: **clusters, vat_weight=7**: clustering error 0.26 ± 0.13 (2 seeds)" in text
    assert "7 configurations of clusters were searched by tpe, beside 1 of the grid, to maximize R² of the mean" in text
    rows = [line for line in text.splitlines() if line.startswith(("| clusters, vat", "| by clustering error: "))]
    assert rows[0] == "| clusters, vat_weight=7 | 0.70 | 0.21 | – | – | – | – |"
    assert [line.partition("vat_weight=")[2][0] for line in rows] == ["7", "6", "5", "4", "3", "1"]
    assert rows[-1].startswith("| by clustering error: clusters, vat_weight=1 | 0.05 | 0.11 |")
    # ranks (8, 7, 6, 5, 4, 3, 2, 1) and, of VAT, (8, 7, 6, 5, 4, 3, 1, 2) against (2, 3, 4, 5, 6, 7, 8, 1) of the error
    assert "over 8 configurations: R² of the mean −0.33, vat_weight −0.50," in text
    assert "discriminator_norm=none −0.44 (not ranked: conditioning); below 0.74 in size" in text
    assert "3 searched configurations failed or were ended early." in text


def test_numbers_of_a_sampler_are_cut_to_three_digits():
    assert short_name("iae", "code_noise=0.0710835 lr=1.23456e-05 K=30") == "iae, code_noise=0.0711 lr=1.23e-05 K=30"
    assert short_name("iae", "iae") == "iae"


def test_what_was_not_run_is_said(synthetic, tmp_path):
    planted = synthetic.Planted(gaussian=((2, 10), (5, 10)), categorical=(), frozen=False, replicates=2, searched=0)
    study = synthetic.write_study(tmp_path / "study", planted)
    for run in StudyFolder(study).run_folders():
        if read_json(run.run)["all"]["model.latent_dim"] == 5:
            shutil.rmtree(run.root)
    keep(study, ["share_z_pixel"], tmp_path / "kept.json")
    (kept,) = kept_studies(tmp_path).values()
    assert kept["unrun"] == [{"block": "gaussian", "label": "z=5 n=10"}]
    text = page({"mnist_decomposition": kept | {"study": "mnist_decomposition"}}, "")
    assert "<br>not run: gaussian, z=5 n=10 |" in text
    assert "Only `gaussian:z=2 n=10` ran, to which `--only` confines it." in text


def test_a_smoke_run_is_no_result(synthetic, tmp_path):
    study = StudyFolder(synthetic.write_study(tmp_path / "study"))
    write_json(study.resolved, read_json(study.resolved) | {"smoke": True})
    with pytest.raises(ValueError, match="must not be a smoke run"):
        keep(study.root, ["share_z_pixel"], tmp_path / "kept.json")


def test_the_command_refuses_what_it_cannot_keep(synthetic, tmp_path, capsys):
    assert main([]) == 0
    assert capsys.readouterr().out.startswith(HEAD)
    assert main(["keep", str(tmp_path)]) == 2
    assert main(["keep", str(synthetic.write_study(tmp_path / "study"))]) == 2
    assert "no row" in capsys.readouterr().err
