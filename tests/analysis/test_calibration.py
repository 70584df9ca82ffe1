from dataclasses import replace

import pandas as pd
import pytest

from analysis.calibration import deciding_critic, deciding_values, uncalibrated
from analysis.calibration_findings import calibration_answers

ROWS = [
    ("a", "joint_accuracy", "model", 0.95),
    ("a", "critic_accuracy", "model", 0.52),
    ("b", "critic_accuracy", "model", 0.53),
    ("b", "joint_accuracy", "pca", 0.99),
    ("c", "rate", "model", 2.0),
]


@pytest.fixture
def cells():
    """A cell with both critics, which disagree; one with the small critic; and one with none."""
    return pd.DataFrame(ROWS, columns=["config_key", "name", "subject", "mean"])


def test_the_joint_test_decides_where_it_was_made(cells):
    assert dict(deciding_critic(cells)) == {"a": "joint_accuracy", "b": "critic_accuracy"}
    assert deciding_values(cells)["mean"].tolist() == [0.95, 0.53]
    assert uncalibrated(cells).tolist() == [True, True, False, False, False]


def test_the_sentence_and_the_hatching_follow_the_same_critic(analysis):
    """Where the joint test has measured a cell, its accuracy is what is stated, and the small critic's is not."""
    critic = analysis.grid[(analysis.grid["name"] == "critic_accuracy") & (analysis.grid["subject"] == "model")]
    joint = critic.assign(name="joint_accuracy", value=0.97)
    some = joint[joint["code"] == "categorical"]
    (first, second, *_) = calibration_answers(replace(analysis, grid=pd.concat([analysis.grid, some])))
    assert first.startswith("Is the split about the data? A fresh convolutional critic") and "0.97" in first
    assert "in 2 cells" in first and second.startswith("A small fresh critic") and "in 6 cells" in second
    text = " ".join(calibration_answers(replace(analysis, grid=pd.concat([analysis.grid, joint]))))
    assert "in 8 cells" in text and "small" not in text


def test_energy_scores_and_label_agreement_support_it(analysis):
    kept = analysis.grid[(analysis.grid["name"] == "label_preservation") & (analysis.grid["subject"] == "model")]
    more = [
        kept.assign(name="label_agreement", value=kept["value"] + 0.25),
        kept.assign(name="energy_score_feature", value=8.0),
        kept.assign(name="energy_score_feature", value=23.0, subject="untrained"),
    ]
    text = " ".join(calibration_answers(replace(analysis, grid=pd.concat([analysis.grid, *more]))))
    assert "energy score, of which less is better, is 8.00 [8.00, 8.00] in features (untrained 23.00)" in text
    assert "by +0.25 [+0.25, +0.25]: label agreement minus label preservation" in text
