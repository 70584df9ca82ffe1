import pytest

from analysis.measure_names import MEASURES
from analysis.measures.code_styles import CODE_STYLES
from analysis.measures.points import POINTS
from analysis.measures.suite import CATEGORICAL_CODES, CODES, GAUSSIAN_CODES
from analysis.measures.suite import MEASURES as MEASURED
from analysis.measures.translation import TRANSLATION
from iae_models.config import field_types


@pytest.mark.parametrize("name", list(MEASURES))
def test_every_measure_is_described(name):
    info = MEASURES[name]
    assert name == name.lower()
    assert info.label
    assert info.unit
    assert info.description.endswith(".")
    assert info.better in {"lower", "higher", "one", "floor", "neither"}
    for rule in info.undefined:
        assert rule.field in field_types()
        assert rule.reason


def test_labels_have_labels_of_their_own():
    assert len({info.label for info in MEASURES.values()}) == len(MEASURES)


def test_exactly_the_measures_of_the_suite_are_described():
    measured = (*MEASURED, *POINTS, *TRANSLATION, *CODE_STYLES)
    assert set(MEASURES) == set(measured) and len(MEASURES) == len(measured)


def test_what_the_suite_skips_is_undefined_here():
    def undefined(field, value):
        return {
            name
            for name, info in MEASURES.items()
            if name not in (*POINTS, *TRANSLATION, *CODE_STYLES)
            and any((rule.field, rule.value) == (field, value) for rule in info.undefined)
        }

    assert undefined("model.code", "image") == set(MEASURED)
    assert undefined("model.code", "gaussian") == set(CATEGORICAL_CODES)
    assert undefined("model.code", "categorical") == set(GAUSSIAN_CODES)
    assert undefined("model.latent_dim", 0) == set(CODES) - set(CATEGORICAL_CODES)
    assert undefined("model.noise_dim", 0) == {"dispersion_ratio", "dispersion_ratio_feature"}
