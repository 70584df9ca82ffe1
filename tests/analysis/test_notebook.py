import pytest
from matplotlib.figure import Figure

from analysis.notebook import open_study


@pytest.fixture(scope="module")
def study(study_dir):
    return open_study(study_dir)


def test_three_lines_give_a_tidy_table_and_a_figure(study_dir):
    study = open_study(study_dir)
    table = study.table("share_z_pixel")
    figure = study.figure("decomposition_maps")
    assert len(table) == 46 and table["value"].between(-1, 2).all() and set(table["split"]) == {"test"}
    assert isinstance(figure, Figure) and len(figure.axes) == 12


def test_controls_splits_and_tables(study):
    assert set(study.table("share_z_pixel", "validation", None)["subject"]) == {"model", "untrained", "pca"}
    assert "share_z_pixel" in study.measures and {"cells", "attribution"} <= set(study.tables)
    run = study.table("rate")["run"].iloc[0]
    assert set(study.history(run)["run"]) == {run} and study.history()["run"].nunique() == 46


def test_unknown_names_are_answered_with_known_ones(study):
    with pytest.raises(KeyError, match="near it: share_z_pixel"):
        study.table("share_z_pixels")
    with pytest.raises(KeyError, match="figure must be one of training_effect"):
        study.figure("nothing")
    with pytest.raises(ValueError, match="figure posteriors cannot be drawn"):
        study.figure("posteriors")
