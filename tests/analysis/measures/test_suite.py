import dataclasses
import itertools
import json
from functools import cache

import pytest
import torch

from analysis.measure_names import MEASURES as KNOWN
from analysis.measures import critic, draws, prior_match
from analysis.measures.bench import CLUSTER_MEASURES, LABELS, NO_CLASSIFIER, NOT_ONE_TO_ONE
from analysis.measures.code_styles import CODE_STYLES
from analysis.measures.draws import NO_SAMPLES
from analysis.measures.full import FullBench, full_suite
from analysis.measures.points import POINTS
from analysis.measures.recognition import GAP
from analysis.measures.subjects import CONTROL_MEASURES, KMEANS_MEASURES, PCA_MEASURES
from analysis.measures.suite import CODES, MEASURES, PRIOR_SHARES, quick_suite
from analysis.measures.translation import TRANSLATION
from iae_models.config import flatten, run_config
from iae_models.data import ImageData, Split
from iae_models.training import evaluation_model, initial_state

CONFIGS = {
    "gaussian": {"model.latent_dim": 3},
    "gaussian without noise": {"model.latent_dim": 3, "model.noise_dim": 0},
    "gaussian with encoder noise": {"model.latent_dim": 3, "model.encoder_noise_dim": 2},
    "categorical": {"model.code": "categorical", "model.num_categories": 7},
    "no code": {"model.latent_dim": 0},
}


def config_of(values):
    return run_config({"model.width": 0.03, "model.noise_dim": 4, **values})


def networks(values, data):
    return [evaluation_model(initial_state(config_of(values), seed, torch.device("cpu")), data) for seed in (0, 1)]


def measure(values, data, classifier, replicate=0, spoil=lambda model: model):
    """Measure a network, its critics trained for a few steps only: for what concerns no critic's accuracy."""
    model, untrained = networks(values, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(critic, "STEPS", 5)
        patch.setattr(prior_match, "STEPS", 5)
        found = quick_suite(spoil(model), untrained, data, classifier, replicate)
    return {(item.subject, item.split, item.name): item for item in found}


@pytest.fixture(scope="module")
def measured(few_digits, some_classifier):
    """Return the measurements of one of `CONFIGS` by its name; each is measured once."""
    return cache(lambda name: measure(CONFIGS[name], few_digits, some_classifier()))


class Spoiled:
    """A network of which one code or image in fifty is NaN."""

    def __init__(self, model, part):
        self.model, self.part = model, part

    def __getattr__(self, name):
        return getattr(self.model, name)

    def infer(self, x, eps):
        return self._spoil(self.model.infer(x, eps), "codes")

    def generate(self, z, n):
        return self._spoil(self.model.generate(z, n), "images")

    def _spoil(self, values, part):
        if part != self.part:
            return values
        values = values.clone()
        values[::50] = torch.nan
        return values


@pytest.mark.parametrize("config", CONFIGS)
def test_every_measure_is_there_with_its_unit(config, measured):
    found = measured(config)
    fields = flatten(config_of(CONFIGS[config]))
    assert set(MEASURES) == set(KNOWN) - {*POINTS, *TRANSLATION, *CODE_STYLES}
    for split in ("validation", "test"):
        assert [name for subject, at, name in found if (subject, at) == ("model", split)] == list(MEASURES)
        for name in MEASURES:
            info = KNOWN[name]
            item = found["model", split, name]
            expected = any(fields[rule.field] == rule.value for rule in info.undefined) or item.reason == NOT_ONE_TO_ONE
            assert (item.status == "undefined") == expected, (name, item.reason)
            assert expected or (item.unit, item.n > 0) == (info.unit, True)
    json.dumps([dataclasses.asdict(item) for item in found.values()], allow_nan=False)


@pytest.mark.parametrize("part", ["codes", "images"])
@pytest.mark.parametrize("config", ["gaussian", "categorical"])
def test_a_network_that_gives_nan_has_no_valid_value(config, part, few_digits, some_classifier, measured):
    found = measure(CONFIGS[config], few_digits, some_classifier(), spoil=lambda model: Spoiled(model, part))
    for (subject, split, name), whole in measured(config).items():
        item = found[subject, split, name]
        # images do not enter the measures of the code, nor do inferred codes enter those of the prior's
        of_codes = set(CODES) - {"recognition_error", *GAP}
        untouched = name in (of_codes if part == "images" else PRIOR_SHARES)
        if subject != "model" or untouched or whole.status == "undefined":
            assert item == whole
        else:
            assert (item.value, item.low, item.high, item.status) == (None, None, None, "invalid"), name
            assert item.reason and item.n > 0 and item.unit == whole.unit


def test_controls_stand_beside_the_model(measured):
    gaussian, categorical = measured("gaussian"), measured("categorical")

    def names(found, subject):
        return {name for at, split, name in found if (at, split) == (subject, "test")}

    assert names(gaussian, "untrained") == set(CONTROL_MEASURES)
    assert names(gaussian, "pca") == set(PCA_MEASURES)
    assert names(categorical, "untrained") == {*CONTROL_MEASURES, *CLUSTER_MEASURES}
    assert names(categorical, "kmeans") == set(KMEANS_MEASURES)
    assert 0 < categorical["kmeans", "test", "r2_mean"].value < 1
    assert categorical["kmeans", "test", "share_z_pixel"].value == pytest.approx(1)
    for found in (gaussian, categorical):
        lacking = {name for name in CONTROL_MEASURES if found["untrained", "test", name].value is None}
        assert not lacking
    # seven equal clusters of ten equal classes
    assert names(categorical, "floor") == {"clustering_error"}
    assert categorical["floor", "test", "clustering_error"].value == pytest.approx(0.3, abs=0.02)
    assert names(gaussian, "mean_image") == {"mse_single", "mse_mean", "r2_mean"}
    assert names(gaussian, "chance") == {"clustering_error", "label_preservation"}
    assert not names(gaussian, "kmeans") | names(gaussian, "floor")
    assert not names(categorical, "pca")


def test_a_one_to_one_error_needs_as_many_categories_as_classes(few_digits, some_classifier, measured):
    config = {"model.code": "categorical", "model.num_categories": 10}
    found = measure(config, few_digits, some_classifier())
    for key in itertools.product(("model", "untrained", "kmeans"), ("validation", "test")):
        assert 0 < found[*key, "clustering_error_hungarian"].value < 1
        assert measured("categorical")[*key, "clustering_error_hungarian"].reason == NOT_ONE_TO_ONE


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_gain_is_what_the_code_says_beyond_kmeans(measured, split):
    found = measured("categorical")
    own, other = (found[subject, split, "label_information"].value for subject in ("model", "kmeans"))
    gain = found["model", split, "label_information_gain"]
    assert gain.value == pytest.approx(own - other)
    assert gain.low < gain.value < gain.high


def test_same_replicate_same_bits(few_digits, some_classifier, measured):
    first = measured("gaussian")
    state = torch.get_rng_state()
    assert measure(CONFIGS["gaussian"], few_digits, some_classifier()) == first
    assert torch.equal(torch.get_rng_state(), state)
    assert measure(CONFIGS["gaussian"], few_digits, some_classifier(), replicate=1) != first


@pytest.mark.parametrize("config", ["gaussian", "categorical"])
def test_no_value_depends_on_the_size_of_a_chunk(config, few_digits, some_classifier, measured, monkeypatch):
    """Network, classifier and strokes take chunks; all streams are drawn at once. What is left is rounding."""
    monkeypatch.setattr(draws, "CHUNK", 37)
    found = measure(CONFIGS[config], few_digits, some_classifier())
    for key, whole in measured(config).items():
        assert found[key].status == whole.status
        if whole.value is not None:
            # an image in hundreds may be on a border between two classes, or right or wrong, by rounding
            assert found[key].value == pytest.approx(whole.value, rel=2e-3, abs=0.01), key


def test_no_replicate_changes_what_no_run_changes(few_digits, some_classifier):
    classifier = some_classifier()
    for config, subjects in (("gaussian", {"pca", "mean_image", "chance"}), ("categorical", {"kmeans"})):
        first, second = (measure(CONFIGS[config], few_digits, classifier, replicate) for replicate in (0, 1))
        fixed = {key: item for key, item in first.items() if key[0] in subjects}
        assert {subject for subject, _, _ in fixed} == subjects
        # the very same objects: measured once
        assert all(second[key] == item for key, item in fixed.items())
        assert first["model", "test", "mse_single"] != second["model", "test", "mse_single"]


def test_a_bad_classifier_is_refused(few_digits, some_classifier):
    """Validation images alone decide; a classifier that is bad on test images is reported, not refused."""
    found = measure(CONFIGS["gaussian"], few_digits, some_classifier(validation=0.94, test=1.0))
    refused = ("tau_z", "label_agreement", "share_z_feature", "energy_score_feature")
    for subject, name in (*(("model", name) for name in refused), ("pca", "label_preservation")):
        item = found[subject, "test", name]
        assert (item.value, item.status) == (None, "refused")
        assert "0.940, below 0.95" in item.reason
    assert found["model", "test", "share_z_pixel"].status == "ok"


def test_a_gap_needs_a_good_classifier(few_digits, some_classifier):
    found = measure(CONFIGS["categorical"], few_digits, some_classifier(validation=0.94))
    for name, split in itertools.product(GAP, ("validation", "test")):
        assert found["model", split, name].status == "refused"
    assert found["model", "test", "recognition_error"].status == "ok"
    without = measure(CONFIGS["categorical"], few_digits, None)
    assert {without["model", "test", name].reason for name in GAP} == {NO_CLASSIFIER}


@pytest.mark.parametrize(("accuracy", "labels", "features"), [(0.9, "misread", "ok"), (0.87, "refused", "refused")])
def test_what_is_required_of_a_classifier_depends_on_the_data(few_digits, some_classifier, accuracy, labels, features):
    """Of Fashion-MNIST .88 is; below .95 the values of labels are read with error."""
    fashion = dataclasses.replace(few_digits, name="fashion_mnist")
    found = measure(CONFIGS["gaussian"], fashion, some_classifier(validation=accuracy))
    assert {found["model", "test", name].status for name in LABELS} == {labels}
    assert found["model", "test", "share_z_feature"].status == features
    stated = f"{1 - accuracy:.3f}" if labels == "misread" else f"{accuracy:.3f}"
    assert all(stated in found["model", "test", name].reason for name in LABELS)


def test_test_images_do_not_decide_over_the_classifier(some_classifier, measured):
    assert some_classifier().test_accuracy == 0.5
    assert {measured("gaussian")["model", "test", name].status for name in LABELS} == {"ok"}


def test_no_noise_and_no_code(measured):
    deterministic = measured("gaussian without noise")
    assert deterministic["model", "test", "share_z_pixel"].value == pytest.approx(1)
    assert deterministic["model", "test", "dispersion_ratio"].reason == "the decoder has no noise"
    unconditional = measured("no code")
    assert unconditional["model", "test", "share_n_pixel"].value == pytest.approx(1)
    assert unconditional["model", "test", "rate"].reason == "there is no code"


def test_planted_truth_is_recovered(linear_gaussian, some_classifier):
    """Linear-Gaussian images, their calibrated decoder, and one that spreads twice too wide."""
    truth = linear_gaussian(code_dim=5)

    def split(num, seed):
        x = truth.images(num, seed)
        assert ((x > 0) & (x < 1)).double().mean() > 0.999
        return Split((x.clamp(0, 1) * 255).round().to(torch.uint8), torch.arange(num) % 10)

    data = ImageData("planted", "", 10, split(3500, 1), split(500, 2), split(1000, 3))
    wide = linear_gaussian(code_dim=5, spread=2.0)
    found = {
        (item.subject, item.name): item
        for item in quick_suite(truth, wide, data, some_classifier(), 0)
        if item.split == "test"
    }
    share = truth.share_of_code

    def value(name, subject="model"):
        return found[subject, name].value

    assert value("share_z_pixel") == pytest.approx(share, abs=0.02)
    assert value("share_z_pixel_prior") == pytest.approx(share, abs=0.02)
    assert value("share_n_pixel") == pytest.approx(1 - share, abs=0.02)
    assert value("share_zn_pixel") == pytest.approx(0, abs=1e-6)
    assert value("r2_mean") == pytest.approx(share, abs=0.02)
    assert value("mse_single") == pytest.approx(2 * value("mse_mean"), rel=0.03)
    assert value("dispersion_ratio") == pytest.approx(1, abs=0.02)
    assert found["model", "critic_accuracy"].low <= 0.5 <= found["model", "critic_accuracy"].high
    assert found["model", "prior_accuracy"].low <= 0.5 <= found["model", "prior_accuracy"].high
    bound = 2.5 * torch.log(torch.tensor(2.0)).item()
    assert found["model", "information_low"].low <= bound <= found["model", "information_high"].high
    assert value("prior_moment_kl") == pytest.approx(0, abs=0.03)
    # labels were drawn without regard to the images
    assert value("label_information") == pytest.approx(0, abs=0.03)
    assert value("share_z_pixel", "pca") == pytest.approx(share, abs=0.03)
    assert value("dispersion_ratio", "pca") == pytest.approx(1, abs=0.05)
    assert value("rate", "pca") == pytest.approx(bound, abs=0.2)
    assert value("critic_accuracy", "pca") == pytest.approx(0.5, abs=0.04)
    assert value("prior_accuracy", "pca") == pytest.approx(0.5, abs=0.04)
    # a spread twice too wide leaves the mean as it is and quarters the code's odds
    assert value("r2_mean", "untrained") == pytest.approx(share, abs=0.03)
    assert value("share_z_pixel", "untrained") == pytest.approx(share / (share + 4 * (1 - share)), abs=0.02)


class _Case3:
    """A model that reconstructs as another one does, with all codes moved away from the prior."""

    capabilities = frozenset({"infer", "generate"})
    code = "gaussian"
    encoder_noise_dim = 0

    def __init__(self, inner, shift=10.0):
        self._inner, self._shift = inner, shift
        self.code_dim, self.noise_dim, self.prior = inner.code_dim, inner.noise_dim, inner.prior
        self.sample_prior, self.sample_noise = inner.sample_prior, inner.sample_noise
        self.sample_encoder_noise = inner.sample_encoder_noise

    def infer(self, x, eps):
        return self._inner.infer(x, eps) + self._shift

    def generate(self, z, n):
        return self._inner.generate(z - self._shift, n)


def test_a_model_that_nothing_pulls_to_the_prior_is_not_judged_on_the_priors_images(
    few_digits, some_classifier, linear_gaussian, tmp_path
):
    plain = linear_gaussian(code_dim=5)
    moved = _Case3(plain)
    found = {item.name: item for item in quick_suite(moved, moved, few_digits, some_classifier(), 0)}
    for name in ("share_z_pixel_prior", "share_z_slant_prior"):
        assert (found[name].status, found[name].reason) == ("undefined", NO_SAMPLES)
    assert found["share_z_pixel"].value is not None and found["share_z_slant"].value is not None

    def fidelity(model):
        run = FullBench(model, model, few_digits, some_classifier(), 0, tmp_path)
        return full_suite(run, "fidelity").tables["model"]["frechet_samples"].value

    # the same images from codes of q(z); decodes of the prior's would be far from any image
    of_codes, sampled = fidelity(moved), fidelity(plain)
    moved.capabilities = plain.capabilities
    assert of_codes < 1.3 * sampled < fidelity(moved) / 1.5


def test_a_recogniser_without_samples_of_its_own_has_no_recognition_error(few_digits, some_classifier):
    config = run_config(
        {"model.code": "categorical", "model.num_categories": 10, "model.regularization_weight": 0, "model.width": 0.03}
    )
    model = evaluation_model(initial_state(config, 0, torch.device("cpu")), few_digits)
    found = {item.name: item for item in quick_suite(model, model, few_digits, some_classifier(), 0)}
    assert {found[name].reason for name in ("recognition_error", *GAP)} == {NO_SAMPLES}
