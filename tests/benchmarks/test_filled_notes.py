"""Numbers in the words of what was found are those of the kept results."""

import pytest

from benchmarks.filled_notes import filled

ERRORS = {"clustering_error": [0.2, 0.3, 0.4], "share_z_factor/ink": [0.5, None, None]}


def cell(block, label, replicates, **values):
    return {"block": block, "label": label, "replicates": replicates, "values": values}


STUDIES = {
    "clusters": {
        "cells": [
            cell("iae", "K=30", [0, 1, 2], **ERRORS),
            cell("vat", "vat", [1, 2], clustering_error=[0.1, 0.24], recogniser_gap=[0.04, 0.06]),
            cell("alone", "alone", [1], clustering_error=[0.4]),
        ],
        "confirmed": [{"choice": 1, **cell("iae", "K=10", [1000], clustering_error=[0.05])}],
    }
}


@pytest.mark.parametrize(
    ("place", "text"),
    [
        # t(2) = 4.303, times 0.1 / sqrt(3)
        ("{clusters: iae, K=30 | clustering_error}", "0.30 ± 0.25"),
        ("{clusters: iae, K=30 | clustering_error %}", "30 ± 25 %"),
        ("{clusters: iae, K=30 | mean clustering_error %}", "30 %"),
        ("{clusters: iae,\n  K=30 | mean clustering_error}", "0.30"),
        ("{clusters: iae, K=30 | share_z_factor/ink}", "0.50 ± ?"),
        ("{clusters: choice 1 | clustering_error}", "0.050 ± ?"),
        # of seeds 1 and 2 alone: −0.2 and −0.16; t(1) = 12.71, times 0.02
        ("{clusters: vat − iae, K=30 | clustering_error}", "−0.18 ± 0.25 in 2 pairs"),
        ("{clusters: vat − iae, K=30 | clustering_error %}", "−18.0 ± 25.4 points in 2 pairs"),
        # of seeds 1 and 2: (0.3 + 0.1) / 2 and (0.4 + 0.24) / 2
        ("{clusters: iae, K=30 & vat | mean clustering_error}", "0.26"),
        ("{clusters: iae, K=30 − vat | mean clustering_error %}", "+18.0 points in 2 pairs"),
        ("{clusters: vat | recogniser_gap %}", "+5.0 ± 12.7 points"),
        ("{clusters: alone − vat | clustering_error}", "+0.30 in 1 pair"),
    ],
)
def test_a_place_becomes_its_number(place, text):
    assert filled(f"It is {place}, and so on.", STUDIES) == f"It is {text}, and so on.\n"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("{other: iae, K=30 | clustering_error}", "other has no cells"),
        (
            "{clusters: iae, K=31 | clustering_error}",
            "clusters has iae, K=30; vat; alone; choice 1, or no clustering_error",
        ),
        ("{clusters: iae, K=30 | r2_mean}", "or no r2_mean in this one"),
        ("{clusters: vat − vat − vat | clustering_error}", "must have one minus sign at most, but has 2"),
        ("{clusters: choice 1 − vat | clustering_error}", "must be of cells that share a replicate"),
    ],
)
def test_what_is_not_kept_is_refused(place, words):
    with pytest.raises(ValueError, match=words):
        filled(place, STUDIES)


def test_other_braces_stay():
    assert filled("a set {1, 2} and ![x](y.png)", {}) == "a set {1, 2} and ![x](y.png)\n"


def test_lines_are_broken_anew():
    item = "- " + "word " * 30 + "\n  of one\n  item\n"
    lines = filled(f"{item}\n  ![a picture](of/it.png)\n- **next**\n\n## Head\n\nPlain\ntext.", {}).splitlines()
    assert lines[0].startswith("- word") and lines[1].endswith("of one item") and max(map(len, lines)) <= 120
    assert lines[2:] == ["", "  ![a picture](of/it.png)", "- **next**", "", "## Head", "", "Plain text."]
