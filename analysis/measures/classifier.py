"""The measuring classifier c and its features φ: what labels of reconstructions are read off with.

One is trained for each data set and split, on training images, stored with its hash and accuracies, and used for
every run of a study. φ are the 128 activations before the last layer. Training depends on nothing but the data, so
two processes make the same one; the one that is on disk first stays. One that is damaged is trained again.

    <name>-<first 12 digits of the fingerprint>.safetensors   parameters
    <name>-<first 12 digits of the fingerprint>.json          hash, validation_accuracy, test_accuracy; written last
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.nn.functional import conv2d, cross_entropy, pad

from analysis.measures.draws import in_chunks
from analysis.whole_files import settle, write_whole
from iae_models.config import stream_seed

if TYPE_CHECKING:
    from iae_models.data import ImageData, Split

REQUIRED_ACCURACY = 0.95
"""From this accuracy on the labels of a classifier are believed."""

CHANNELS = (16, 32)
FEATURES = 128
STEPS = 500
BATCH = 64
LEARNING_RATE = 2e-3
SHIFT = 2
"""Training images are moved by up to so many pixels in each direction."""


@dataclass(frozen=True)
class Training:
    """How the classifier of a data set is trained, and when it is refused.

    Attributes:
        steps: Steps of 64 images.
        shift: Training images are moved by up to so many pixels in each direction.
        required: Validation accuracy below which what the classifier says is refused. Between this and
            `REQUIRED_ACCURACY` the measures of labels are marked as read with error, which may raise or lower them.
    """

    steps: int
    shift: int = SHIFT
    required: float = REQUIRED_ACCURACY


TRAININGS = {
    "fashion_mnist": Training(3000, shift=1, required=0.88),
    **dict.fromkeys(("svhn", "svhn_extra"), Training(6000, required=0.85)),
    "celeba": Training(3000),
    **dict.fromkeys(("street_digits", "street_digits_mnist"), Training(3000)),
    # of two domains, the second by the name that `identity.second_domain` gives it
    **dict.fromkeys(("digits_two_styles", "digits_two_styles-codes"), Training(1000)),
    **dict.fromkeys(("edges_shoes_28", "edges_shoes_28-codes"), Training(3000, shift=1)),
}
"""The data sets for which `STEPS` steps are too few. Fashion-MNIST comes to 90 % in 13 seconds of a core, where a large
network comes to 95 % and people to 84 %; the digits in two styles come to 97 % in both, the street digits to 96 % of
the middle digits; the others are set without having been run."""


def training_of(data_name: str) -> Training:
    """Return how the classifier of a data set is trained."""
    return TRAININGS.get(data_name) or Training(STEPS)


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained classifier.

    Attributes:
        parameters: Weights and biases by name.
        hash: SHA-256 of the stored parameters, the first 12 hexadecimal digits.
        validation_accuracy: Fraction of validation images with the right label; it decides whether label measures
            believe the classifier.
        test_accuracy: Fraction of test images with the right label. It is reported, and decides nothing.
    """

    parameters: Mapping[str, Tensor]
    hash: str
    validation_accuracy: float
    test_accuracy: float

    @property
    def accuracy(self) -> float:
        """The validation accuracy: what acceptance is decided on. Test images are reported on and choose nothing."""
        return self.validation_accuracy

    def features(self, x: Tensor) -> Tensor:
        """Return φ(x) with shape (N, 128) of images with shape (N, C, H, W) in [0, 1]."""
        return in_chunks(lambda part: _features(self.parameters, part), x)

    def logits_of_features(self, features: Tensor) -> Tensor:
        """Return class logits with shape (N, classes) of features with shape (N, 128)."""
        return features @ self.parameters["last.weight"] + self.parameters["last.bias"]

    def predict(self, x: Tensor) -> Tensor:
        """Return labels c(x), int64 with shape (N,), of images with shape (N, C, H, W) in [0, 1]."""
        return self.logits_of_features(self.features(x)).argmax(1)

    def to(self, device: torch.device | str) -> Classifier:
        """Return the classifier on another device."""
        parameters = {name: value.to(device) for name, value in self.parameters.items()}
        return Classifier(parameters, self.hash, self.validation_accuracy, self.test_accuracy)


def train_classifier(data: ImageData, training: Training | None = None) -> Classifier:
    """Train the classifier of a data set by Adam on randomly shifted training images, in one thread.

    Args:
        data: The data set.
        training: How; as `training_of` says if None.
    """
    threads = torch.get_num_threads()
    # the number of threads changes the order of sums, and in small networks more of them are slower
    torch.set_num_threads(1)
    try:
        return _judged(_fit(data, training or training_of(data.name)), data)
    finally:
        torch.set_num_threads(threads)


def classifier_for(data: ImageData, folder: Path, training: Training | None = None) -> Classifier:
    """Return the classifier that is stored in `folder` for this data, after training and storing it if there is none.

    One of which a file is torn is replaced.
    """
    stem = f"{data.name}-{data.fingerprint[:12]}"
    weights, record = folder / f"{stem}.safetensors", folder / f"{stem}.json"
    classifier = _stored(weights, record)
    if classifier is None:
        _store(train_classifier(data, training), data, weights, record)
        classifier = _stored(weights, record)
    if classifier is None:  # another process may be at it with another result
        raise RuntimeError(f"{weights} must have the hash that {record.name} names, but was replaced meanwhile.")
    return classifier.to(data.train.x.device)


def _stored(weights: Path, record: Path) -> Classifier | None:
    """Return the classifier in two files; None where one of them is missing or torn, so that they do not fit."""
    try:
        values = json.loads(record.read_text(encoding="utf-8"))
        content = weights.read_bytes()
        if _hash(content) != values["hash"]:
            return None
        return Classifier(load(content), values["hash"], values["validation_accuracy"], values["test_accuracy"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _store(classifier: Classifier, data: ImageData, weights: Path, record: Path) -> None:
    """Write both files. Weights that are there without a record are kept and judged, unless they are torn."""
    content = save({name: value.cpu().contiguous() for name, value in classifier.parameters.items()})
    is_torn = record.is_file()  # or the two would fit
    if not is_torn:
        settle(weights, content)  # another process may have been first: judge what lies there
    try:
        kept = load(content if is_torn else weights.read_bytes())
    except SafetensorError:
        is_torn, kept = True, load(content)
    if is_torn:
        write_whole(weights, content)
    judged = _judged({name: value.to(data.train.x.device) for name, value in kept.items()}, data)
    values = {
        "hash": judged.hash,
        "validation_accuracy": judged.validation_accuracy,
        "test_accuracy": judged.test_accuracy,
    }
    (write_whole if is_torn else settle)(record, (json.dumps(values, indent=1) + "\n").encode())


def _judged(parameters: dict[str, Tensor], data: ImageData) -> Classifier:
    digest = _hash(save({name: value.cpu().contiguous() for name, value in parameters.items()}))
    classifier = Classifier(parameters, digest, 0.0, 0.0)
    return Classifier(parameters, digest, _accuracy(classifier, data.validation), _accuracy(classifier, data.test))


def _accuracy(classifier: Classifier, split: Split) -> float:
    with torch.inference_mode():
        return (classifier.predict(split.images()) == split.y).double().mean().item()


def _hash(stored: bytes) -> str:
    return hashlib.sha256(stored).hexdigest()[:12]


def _features(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    for name in ("first", "second"):
        x = torch.relu(conv2d(x, parameters[f"{name}.weight"], parameters[f"{name}.bias"], stride=2, padding=2))
    return torch.relu(x.flatten(1) @ parameters["hidden.weight"] + parameters["hidden.bias"])


def _fit(data: ImageData, training: Training) -> dict[str, Tensor]:
    generator = torch.Generator(data.train.x.device).manual_seed(stream_seed(0, "measure/classifier"))
    with torch.inference_mode(False), torch.enable_grad():
        parameters = _initial(tuple(data.train.x.shape[1:]), data.num_classes, generator)
        adam = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE)
        for step in range(training.steps):
            adam.param_groups[0]["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / training.steps))
            index = torch.randint(len(data.train), (BATCH,), generator=generator, device=generator.device)
            x = _shifted(data.train.images(index), training.shift, generator)
            logits = _features(parameters, x) @ parameters["last.weight"] + parameters["last.bias"]
            loss = cross_entropy(logits, data.train.y[index])
            adam.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
    return {name: value.detach() for name, value in parameters.items()}


def _initial(shape: tuple[int, ...], num_classes: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Return parameters with He's initialization and zero biases."""
    channels, height, width = shape
    first, second = CHANNELS
    flat = second * math.ceil(height / 4) * math.ceil(width / 4)
    shapes: dict[str, tuple[int, ...]] = {
        "first": (first, channels, 5, 5),
        "second": (second, first, 5, 5),
        "hidden": (flat, FEATURES),
        "last": (FEATURES, num_classes),
    }
    parameters = {}
    for name, size in shapes.items():
        inputs, outputs = (math.prod(size[1:]), size[0]) if len(size) == 4 else size
        weight = torch.randn(size, generator=generator, device=generator.device) * math.sqrt(2 / inputs)
        parameters[f"{name}.weight"] = weight.requires_grad_()
        parameters[f"{name}.bias"] = torch.zeros(outputs, device=generator.device).requires_grad_()
    return parameters


def _shifted(x: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """Move each image by up to `shift` pixels, with zeros where nothing is known."""
    num, channels, height, width = x.shape
    down, right = torch.randint(2 * shift + 1, (2, num, 1), generator=generator, device=generator.device)
    rows = (down + torch.arange(height, device=x.device))[:, None, :, None]
    columns = (right + torch.arange(width, device=x.device))[:, None, None, :]
    image = torch.arange(num, device=x.device)[:, None, None, None]
    channel = torch.arange(channels, device=x.device)[None, :, None, None]
    return pad(x, (shift,) * 4)[image, channel, rows, columns]
