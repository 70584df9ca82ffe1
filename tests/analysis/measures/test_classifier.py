import json
from dataclasses import replace

import pytest
import torch

from analysis.measures.classifier import (
    REQUIRED_ACCURACY,
    STEPS,
    TRAININGS,
    Training,
    classifier_for,
    train_classifier,
    training_of,
)
from iae_models.config import DATASETS
from iae_models.data import Split


@pytest.fixture(scope="module")
def trained(digits):
    return train_classifier(digits)


def test_it_is_good_enough_to_measure_with(trained, digits):
    assert trained.accuracy >= REQUIRED_ACCURACY
    x = digits.test.images()
    right = (trained.predict(x) == digits.test.y).double().mean().item()
    assert right == trained.test_accuracy
    assert trained.features(x[:5]).shape == (5, 128)
    assert torch.equal(trained.logits_of_features(trained.features(x)).argmax(1), trained.predict(x))


def test_every_data_set_with_a_training_of_its_own_is_one():
    # the second domain of two is read as well
    read = {name.removesuffix("-codes") for name in TRAININGS}
    assert read <= {name for name, info in DATASETS.items() if info.holds_images and info.num_classes}
    assert all(0.8 <= item.required <= REQUIRED_ACCURACY and item.steps > STEPS for item in TRAININGS.values())
    assert training_of("mnist") == Training(STEPS) and training_of("fashion_mnist").required == 0.88


def test_the_training_of_a_data_set_is_the_one_that_is_used(few_digits, monkeypatch):
    monkeypatch.setitem(TRAININGS, "embedded_digits", Training(2, shift=0))
    two = train_classifier(few_digits)
    assert train_classifier(few_digits, Training(2, shift=0)).hash == two.hash
    assert (
        len({two.hash, train_classifier(few_digits, Training(2)).hash, train_classifier(few_digits, Training(3)).hash})
        == 3
    )


def test_it_is_trained_once_and_then_read(few_digits, tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.measures.classifier.STEPS", 5)
    first = classifier_for(few_digits, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr("analysis.measures.classifier.train_classifier", None)
    again = classifier_for(few_digits, tmp_path)
    assert (again.hash, again.test_accuracy) == (first.hash, first.test_accuracy)
    assert all(torch.equal(first.parameters[name], value) for name, value in again.parameters.items())


def test_training_depends_on_the_data_alone(few_digits, tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.measures.classifier.STEPS", 5)
    state = torch.get_rng_state()
    first = train_classifier(few_digits)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(7)
    with torch.inference_mode():
        assert train_classifier(few_digits).hash == first.hash
    assert classifier_for(few_digits, tmp_path).hash == first.hash


def test_what_is_on_disk_first_stays(few_digits, tmp_path, monkeypatch):
    """A process that died between the two files left weights; they are judged, not replaced."""
    monkeypatch.setattr("analysis.measures.classifier.STEPS", 3)
    first = classifier_for(few_digits, tmp_path)
    (record,) = tmp_path.glob("*.json")
    record.unlink()
    monkeypatch.setattr("analysis.measures.classifier.STEPS", 4)
    assert classifier_for(few_digits, tmp_path).hash == first.hash
    assert json.loads(record.read_text())["hash"] == first.hash


def test_both_accuracies_are_recorded_and_validation_alone_decides(few_digits, tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.measures.classifier.STEPS", 20)
    few_digits = replace(few_digits, test=Split(few_digits.test.x, (few_digits.test.y + 1) % 10))
    found = classifier_for(few_digits, tmp_path)
    assert found.test_accuracy < found.validation_accuracy == found.accuracy
    (record,) = tmp_path.glob("*.json")
    values = json.loads(record.read_text())
    assert (values["validation_accuracy"], values["test_accuracy"]) == (found.validation_accuracy, found.test_accuracy)


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


def flip_last_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "weights flipped": lambda weights, _: flip_last_bit(weights),
    "weights cut": lambda weights, _: cut(weights, 1000),
    "weights empty": lambda weights, _: cut(weights, 0),
    "weights gone": lambda weights, _: weights.unlink(),
    "record cut": lambda _, record: cut(record, 20),
    "record empty": lambda _, record: cut(record, 0),
    "record without a hash": lambda _, record: record.write_text("{}"),
    "no record, weights cut": lambda weights, record: (cut(weights, 1000), record.unlink()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_one_that_is_torn_is_trained_again(few_digits, tmp_path, monkeypatch, damage):
    monkeypatch.setattr("analysis.measures.classifier.STEPS", 3)
    first = classifier_for(few_digits, tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (weights,), (record,) = tmp_path.glob("*.safetensors"), tmp_path.glob("*.json")
    damage(weights, record)
    again = classifier_for(few_digits, tmp_path)
    assert (again.hash, again.accuracy) == (first.hash, first.accuracy)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
