import numpy as np
import pytest

from analysis.measures.samples import sample_panels
from iae_models.config import run_config
from iae_models.variant import build


def model_of(**fields):
    values = {f"model.{name}": value for name, value in fields.items()}
    return build(run_config({"model.width": 0.03, "model.noise_dim": 3, **values}), 0).eval()


@pytest.mark.parametrize(
    ("fields", "columns"),
    [
        ({"latent_dim": 2}, 8),
        ({"code": "categorical", "num_categories": 5}, 5),
        ({"code": "categorical", "num_categories": 40}, 20),
    ],
)
def test_shapes_and_determinism(fields, columns, few_digits):
    model = model_of(**fields)
    panels = sample_panels(model, few_digits, 0)
    assert panels["originals"].shape == (8, 1, 28, 28)
    assert panels["reconstructions"].shape == (8, 5, 1, 28, 28)
    assert panels["generated"].shape == (8, columns, 1, 28, 28)
    assert {item.dtype for item in panels.values()} == {np.dtype("uint8")}
    again = sample_panels(model, few_digits, 0)
    assert all(np.array_equal(panels[name], again[name]) for name in panels)
    other = sample_panels(model, few_digits, 1)
    assert np.array_equal(panels["originals"], other["originals"])
    assert not np.array_equal(panels["generated"], other["generated"])


def test_originals_are_of_eight_classes(few_digits):
    originals = sample_panels(model_of(), few_digits, 0)["originals"]
    places = [int((few_digits.test.x.numpy() == image).all((1, 2, 3)).argmax()) for image in originals]
    assert len(set(few_digits.test.y[places].tolist())) == 8


def test_a_row_shares_its_noise_and_a_column_its_code(few_digits):
    generated = sample_panels(model_of(latent_dim=2, noise_dim=0), few_digits, 0)["generated"]
    assert (generated == generated[:1]).all()
    assert not (generated == generated[:, :1]).all()


def test_without_a_code_there_are_no_reconstructions(few_digits):
    panels = sample_panels(model_of(latent_dim=0), few_digits, 0)
    assert set(panels) == {"originals", "generated"}
    assert not (panels["generated"] == panels["generated"][:, :1]).all()


def test_codes_that_follow_no_prior_are_those_of_the_originals(few_digits):
    fields = {"latent_dim": 2, "noise_dim": 0, "regularization_weight": 0}
    panels = sample_panels(model_of(**fields), few_digits, 0)
    assert np.array_equal(panels["generated"][0], panels["reconstructions"][:, 0])
    fitted = sample_panels(model_of(**fields, prior_components=1), few_digits, 0)
    assert not np.array_equal(fitted["generated"][0], fitted["reconstructions"][:, 0])
