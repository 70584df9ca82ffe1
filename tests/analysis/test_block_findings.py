from dataclasses import replace

import pandas as pd
import pytest

from analysis.block_findings import block_answers
from analysis.caveats import caveats
from analysis.findings import answers
from analysis.statistics import describe_runs

COLUMNS = ["name", "subject", "block", "replicate", "value"]


@pytest.fixture
def of_rows(analysis):
    """Turn a study into one whose measures are these rows of name, subject, block, replicate and value."""

    def make(rows, code="image"):
        table = pd.DataFrame(rows, columns=COLUMNS)
        table = table.assign(
            config_key=table["block"], code=code, trained_encoder=True, noise_dim=10.0, code_size=2.0, status="ok",
            split="test", reason="", run=table["block"] + table["replicate"].astype(str),
        )  # fmt: skip
        none = {name: getattr(analysis, name).iloc[:0] for name in ("pairs", "controls", "cells")}
        runs = analysis.runs.assign(code=code)
        return replace(analysis, grid=table, values=table, runs=runs[runs["origin"] == "grid"], **none)

    return make


RETRIEVAL = [
    *(("image_retrieval", "model", "a", seed, value) for seed, value in enumerate((0.5, 0.7))),
    *(("image_retrieval", "model", "b", seed, 0.9) for seed in range(2)),
    ("image_retrieval", "untrained", "a", 0, 0.05),
    ("image_retrieval", "chance", "a", 0, 0.002),
    ("cycle_error", "model", "a", 0, 0.3),
]


def test_blocks_stand_side_by_side_the_better_first_with_interval_and_controls(of_rows):
    (sentence,) = block_answers(of_rows(RETRIEVAL))
    start = "Share of reconstructions whose nearest of all held-out images is their own, codes being images: 0.90"
    assert sentence.startswith(start)
    assert (
        " in b, 0.60 (95 % interval " not in sentence
        and " in b and 0.60 (95 % interval −0.67 to 1.87) in a" in sentence
    )
    assert sentence.endswith("; beside it the untrained network 0.050 and chance 0.002. Higher is better.")


def test_where_less_is_better_the_least_comes_first(of_rows):
    (sentence,) = block_answers(
        of_rows([("component_kl", "model", block, 0, value) for block, value in (("a", 0.3), ("b", 0.2))])
    )
    assert ": 0.20 in b and 0.30 in a. Lower is better." in sentence


def test_a_study_of_image_codes_is_answered_and_warned_of_by_its_own_measures(of_rows):
    found = of_rows(RETRIEVAL)
    assert list(answers(found)) == block_answers(found)
    text = " ".join(caveats(found))
    assert "An image is retrieved by its distance in pixels" in text and "Nothing was searched" in text
    for absent in ("S_z", "classifier", "clusters", "The search"):
        assert absent not in text


def test_vector_codes_without_a_frozen_twin_are_told_so_after_the_answer(of_rows):
    found = answers(of_rows([("label_preservation", "model", "a", 0, 0.5)], "gaussian"))
    assert found[0].startswith("Probability that the classifier gives a reconstruction the class")
    assert found[1].startswith("Trained minus frozen cannot be stated")


def test_a_code_that_is_an_image_has_no_size(analysis):
    runs = analysis.results.runs.assign(**{"model.code": "image"})
    assert describe_runs(runs)["code_size"].isna().all()


def test_numbers_of_categories_stand_apart_each_beside_its_own_controls(of_rows):
    rows = [("clustering_error", "model", block, 0, value) for block, value in (("a", 0.5), ("b", 0.1))]
    rows += [("clustering_error", "kmeans", block, 0, value) for block, value in (("a", 0.4), ("b", 0.2))]
    found = of_rows(rows, "categorical")
    sized = found.grid.assign(code_size=found.grid["block"].map({"a": 10.0, "b": 100.0}))
    (sentence,) = block_answers(replace(found, grid=sized))
    assert "K = 10: 0.50 in a; beside it k-means 0.40; K = 100: 0.10 in b; beside it k-means 0.20." in sentence
