"""The configuration of one run, its rules and its identity. Imports no torch.

A run is one configuration and one replicate. A configuration is three frozen dataclasses (data, model, train); a
hyperparameter's name is the dotted path of a field, `model.latent_dim`, so a new field can be tuned without further
code.

A configuration is named by what it changes: the key hashes the fields that differ from their defaults, together with
the recipe version and the fingerprint of the data. Adding a field with a default therefore renames no finished run;
changing a default must raise `RECIPE_VERSION`.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

RECIPE_VERSION = 1
"""Raised whenever a default below changes its meaning, so that runs of the old recipe keep their old names."""


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set before it is loaded.

    Attributes:
        shape: Shape of one example; (channels, height, width) for images, which have values in [0, 1].
        num_classes: Number of label classes.
        sizes: Number of training, validation and test images.
        fingerprint: SHA-256 of the split's images and labels (see `iae_models.data.fingerprint`), checked when it is
            loaded.
        title: The name that a reader of a report sees.
    """

    shape: tuple[int, ...]
    num_classes: int
    sizes: tuple[int, int, int]
    fingerprint: str
    title: str


DATASETS: dict[str, DatasetInfo] = {
    "embedded_digits": DatasetInfo(
        shape=(1, 28, 28),
        num_classes=10,
        sizes=(3500, 500, 1000),
        fingerprint="3e8a9f13724e12b001b0af851d210c4986428574ef0282177705ea63306ecfa9",
        title="5,000 MNIST digits (embedded)",
    ),
    "mnist": DatasetInfo(
        shape=(1, 28, 28),
        num_classes=10,
        sizes=(55000, 5000, 10000),
        fingerprint="7d97914eb164568e3b6ec32a5a09fb06d5343d1857313419d069a03a4ca57b14",
        title="MNIST",
    ),
    "fashion_mnist": DatasetInfo(
        shape=(1, 28, 28),
        num_classes=10,
        sizes=(55000, 5000, 10000),
        fingerprint="0521eb65a9949b3b97243369452a0acca71b8d1eca760ffea18f0b95f98559a3",
        title="Fashion-MNIST",
    ),
}
"""Every data set by name; `iae_models.data.load` reads them."""


@dataclass(frozen=True)
class VariantInfo:
    """What a plan must know of a model variant before it is imported.

    Attributes:
        place: `module:class`, imported only where it is trained.
        codes: The kinds of code that it can have.
        capabilities: What it can do: "infer" a code from an image, "generate" an image from code and noise, "sample"
            images from a prior that its code follows.
    """

    place: str
    codes: tuple[str, ...]
    capabilities: frozenset[str]


VARIANTS: dict[str, VariantInfo] = {
    "iae": VariantInfo(
        "iae_models.implicit:ImplicitAutoencoder",
        ("gaussian", "categorical"),
        frozenset({"infer", "generate", "sample"}),
    ),
}
"""Every model variant by name."""

AdversarialLoss = Literal["minimax", "non_saturating", "forward_kl", "reverse_kl"]
Conditioning = Literal["auto", "location_dependent", "location_invariant"]


@dataclass(frozen=True)
class DataConfig:
    """Which images a run learns from.

    Attributes:
        name: A key of `DATASETS`.
    """

    name: str = "embedded_digits"

    def __post_init__(self) -> None:
        check_types(self)
        _require(self.name in DATASETS, f"name must be one of {sorted(DATASETS)}, but got {self.name!r}.")


@dataclass(frozen=True)
class ModelConfig:
    """The implicit autoencoder and its objective.

    Attributes:
        variant: A key of `VARIANTS`.
        code: Distribution of the latent code z.
        latent_dim: Dimension of a Gaussian code; 0 is the unconditional GAN, which has no code.
        num_categories: Number of categories K of a categorical code.
        category_probabilities: Probabilities of the K categories under the prior; empty means uniform.
        noise_dim: Dimension of the decoder's noise n; 0 is a deterministic decoder.
        encoder_noise_dim: Dimension of the encoder's noise ε; 0 is a deterministic encoder.
        width: Factor on every hidden width of the paper's tables.
        conditioning: How the reconstruction discriminator sees the code (Appendix B.1). "auto" is what the paper used:
            location-dependent for Gaussian codes, location-invariant for categorical ones.
        discriminator_norm: Batch normalization in the reconstruction discriminator: after the ReLU ("paper"), before it
            ("pre_activation") or nowhere ("none").
        discriminator_batching: Whether the reconstruction discriminator sees real and fake pairs in one batch
            ("joint") or in two ("separate"). It matters only where it has batch normalization.
        reconstruction_loss: Adversarial loss of the reconstruction GAN.
        regularization_loss: Adversarial loss of the regularization GAN.
        reconstruction_weight: Weight of the reconstruction term for encoder and decoder.
        regularization_weight: Weight of the regularization term; 0 leaves the code unregularized (Cases 1 and 3).
        positive_gradient: Whether the encoder also receives the gradient through the positive pair (x, ẑ).
        code_gradient: Whether the gradient of the reconstruction discriminator with respect to the code in (x̂, ẑ)
            reaches the encoder directly, besides the path through the decoder.
        train_encoder: False freezes the encoder at its random initialization: a control.
        r1_gamma: Weight of the R1 penalty on the reconstruction discriminator's real images.
        input_noise: Standard deviation of Gaussian noise on the encoder's input, in [0, 1] image units.
        instance_noise: Standard deviation of Gaussian noise on the images that the reconstruction discriminator sees.
        code_noise: Standard deviation of Gaussian noise on the codes that the regularization discriminator sees.
        vat_weight: Weight of virtual adversarial training on a categorical encoder (not in the paper).
        vat_radius: Euclidean length of its perturbation of an image, in [0, 1] units.
        balance_weight: Weight of the batch-entropy balance of a categorical encoder (not in the paper).
    """

    variant: str = "iae"
    code: Literal["gaussian", "categorical"] = "gaussian"
    latent_dim: int = 20
    num_categories: int = 30
    category_probabilities: tuple[float, ...] = ()
    noise_dim: int = 100
    encoder_noise_dim: int = 0
    width: float = 1.0
    conditioning: Conditioning = "auto"
    discriminator_norm: Literal["paper", "pre_activation", "none"] = "pre_activation"
    discriminator_batching: Literal["joint", "separate"] = "separate"
    reconstruction_loss: AdversarialLoss = "non_saturating"
    regularization_loss: AdversarialLoss = "non_saturating"
    reconstruction_weight: float = 1.0
    regularization_weight: float = 1.0
    positive_gradient: bool = False
    code_gradient: bool = True
    train_encoder: bool = True
    r1_gamma: float = 0.0
    input_noise: float = 0.0
    instance_noise: float = 0.0
    code_noise: float = 0.0
    vat_weight: float = 0.0
    vat_radius: float = 2.0
    balance_weight: float = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        _require(
            self.variant in VARIANTS,
            f"variant must be one of {sorted(VARIANTS)}, but got {self.variant!r}.",
        )
        for name in ("latent_dim", "noise_dim", "encoder_noise_dim"):
            _at_least(self, name, 0)
        _at_least(self, "num_categories", 2)
        _require(0 < self.width <= 4, f"width must be in (0, 4], but got {self.width}.")
        for name in (
            "reconstruction_weight",
            "regularization_weight",
            "r1_gamma",
            "input_noise",
            "instance_noise",
            "code_noise",
            "vat_weight",
            "vat_radius",
            "balance_weight",
        ):
            _at_least(self, name, 0)
        self._check_code()
        self._check_objective()
        _require(
            (self.discriminator_norm, self.discriminator_batching) != ("paper", "separate"),
            "discriminator_norm must not be 'paper' where discriminator_batching is 'separate': batch normalization as "
            "the last layer makes the mean logit the same on the real and on the fake batch, so nothing can be learnt.",
        )

    def _check_code(self) -> None:
        defaults = {item.name: item.default for item in dataclasses.fields(ModelConfig)}
        foreign = (
            ("num_categories", "category_probabilities", "vat_weight", "vat_radius", "balance_weight")
            if self.code == "gaussian"
            else ("latent_dim",)
        )
        for name in foreign:
            value = getattr(self, name)
            _require(
                value == defaults[name], f"{name} must be left out where code is {self.code!r}, but got {value!r}."
            )
        if self.category_probabilities:
            _require(
                len(self.category_probabilities) == self.num_categories,
                f"category_probabilities must have num_categories={self.num_categories} entries, "
                f"but got {len(self.category_probabilities)}.",
            )
            _require(
                min(self.category_probabilities) > 0
                and math.isclose(sum(self.category_probabilities), 1, abs_tol=1e-6),
                f"category_probabilities must be positive and sum to 1, but got {self.category_probabilities}.",
            )

    def _check_objective(self) -> None:
        codes = VARIANTS[self.variant].codes
        _require(self.code in codes, f"code must be one of {list(codes)} for {self.variant}, but got {self.code!r}.")
        _require(
            self.code_dim + self.noise_dim > 0,
            "noise_dim must be at least 1 where latent_dim is 0: a decoder with neither input makes one image.",
        )
        for name in ("encoder_noise_dim", "code_noise"):
            value = getattr(self, name)
            _require(self.code_dim > 0 or not value, f"{name} must be 0 where latent_dim is 0, but got {value}.")
        for name in ("vat_weight", "balance_weight"):
            value = getattr(self, name)
            _require(
                self.train_encoder or not value, f"{name} must be 0 where train_encoder is false, but got {value}."
            )
        _require(
            self.reconstruction_weight > 0 or self.regularization_weight > 0,
            "reconstruction_weight or regularization_weight must be positive, but both are 0.",
        )
        _require(
            self.reconstruction_weight > 0 or (self.code_dim > 0 and self.train_encoder),
            "reconstruction_weight must be positive where no encoder is trained, but got 0.",
        )

    @property
    def capabilities(self) -> frozenset[str]:
        """What the model can do, of the capabilities of its variant.

        Without a code there is nothing to infer; a code that nothing pulls towards the prior cannot be sampled from it.
        """
        capabilities = VARIANTS[self.variant].capabilities
        if self.code_dim == 0:
            return capabilities - {"infer"}
        regularized = self.regularization_weight > 0 and self.train_encoder
        return capabilities if regularized else capabilities - {"sample"}

    @property
    def code_dim(self) -> int:
        """Length of the code vector: the latent dimension, or the number of categories."""
        return self.latent_dim if self.code == "gaussian" else self.num_categories

    @property
    def resolved_conditioning(self) -> str:
        """The conditioning after "auto" is replaced by the paper's choice for this code."""
        if self.conditioning != "auto":
            return self.conditioning
        return "location_dependent" if self.code == "gaussian" else "location_invariant"


@dataclass(frozen=True)
class TrainConfig:
    """How long and how fast a run learns.

    Attributes:
        steps: Number of training steps; every player moves in each of them unless its interval says otherwise.
        batch_size: Images in a batch.
        generator_lr: Adam's learning rate of encoder and decoder.
        discriminator_lr: Adam's learning rate of the reconstruction discriminator.
        regularization_lr: Adam's learning rate of the regularization discriminator.
        beta1: Adam's decay of the first moment, for every player.
        beta2: Adam's decay of the second moment, for every player.
        ema_decay: Decay of the exponential moving average of encoder and decoder that is measured in the end; 0
            measures the last weights. It ramps up: at step t the decay is min(ema_decay, (1 + t) / (10 + t)).
        report_every: Steps between two entries of the history.
    """

    steps: int = 2000
    batch_size: int = 64
    generator_lr: float = 1e-3
    discriminator_lr: float = 1e-3
    regularization_lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    ema_decay: float = 0.999
    report_every: int = 100

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("steps", "report_every"):
            _at_least(self, name, 1)
        _at_least(self, "batch_size", 2)
        for name in ("generator_lr", "discriminator_lr", "regularization_lr"):
            value = getattr(self, name)
            _require(0 < value < 1, f"{name} must be in (0, 1), but got {value}.")
        for name in ("beta1", "beta2", "ema_decay"):
            value = getattr(self, name)
            _require(0 <= value < 1, f"{name} must be in [0, 1), but got {value}.")


@dataclass(frozen=True)
class RunConfig:
    """One configuration. Together with a replicate it is a run."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        size = DATASETS[self.data.name].sizes[0]
        _require(
            self.train.batch_size <= size,
            f"train.batch_size must be at most the {size} training images of {self.data.name}, "
            f"but got {self.train.batch_size}.",
        )


SECTIONS: dict[str, type[Any]] = {"data": DataConfig, "model": ModelConfig, "train": TrainConfig}


@cache
def field_types() -> dict[str, Any]:
    """Map every dotted field name to its annotated type."""
    return {
        f"{section}.{name}": hint
        for section, cls in SECTIONS.items()
        for name, hint in typing.get_type_hints(cls).items()
        if name in {item.name for item in dataclasses.fields(cls)}
    }


@cache
def default_values() -> dict[str, Any]:
    """Map every dotted field name to its default."""
    return {
        f"{section}.{item.name}": item.default for section, cls in SECTIONS.items() for item in dataclasses.fields(cls)
    }


def flatten(config: RunConfig) -> dict[str, Any]:
    """Return the configuration as one dict from dotted field names to values, every field included."""
    return {
        f"{section}.{item.name}": getattr(getattr(config, section), item.name)
        for section in SECTIONS
        for item in dataclasses.fields(SECTIONS[section])
    }


def run_config(values: Mapping[str, Any]) -> RunConfig:
    """Build a configuration from dotted field names; what is left out stands at its default.

    Integers are accepted for float fields and lists for tuple fields, as they come from YAML and JSON.

    Raises:
        KeyError: A name is no field.
        TypeError: A value has the wrong type.
        ValueError: A value breaks a rule of its field, or two fields exclude one another.
    """
    hints = field_types()
    sections: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    for name, value in values.items():
        if name not in hints:
            raise KeyError(name)
        section, _, attribute = name.partition(".")
        sections[section][attribute] = coerce(value, hints[name])
    return RunConfig(**{name: SECTIONS[name](**fields) for name, fields in sections.items()})


def coerce(value: Any, hint: Any) -> Any:
    """Turn an int into a float and a list into a tuple where the field's type wants that; leave all else alone."""
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if typing.get_origin(hint) is tuple and isinstance(value, (list, tuple)):
        (element, *_) = typing.get_args(hint)
        return tuple(coerce(item, element) for item in value)
    return value


def changed_values(config: RunConfig) -> dict[str, Any]:
    """Return the fields that differ from their defaults: what names the configuration."""
    defaults = default_values()
    return {name: value for name, value in flatten(config).items() if value != defaults[name]}


def config_key(config: RunConfig) -> str:
    """Return the ten hexadecimal digits that name a configuration on its data."""
    identity = {
        "recipe": RECIPE_VERSION,
        "data": DATASETS[config.data.name].fingerprint,
        "fields": changed_values(config),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:10]


def run_key(config: RunConfig, replicate: int) -> str:
    """Return the name of a run, `<configuration>-<replicate>`, which is also the name of its folder."""
    return f"{config_key(config)}-{replicate}"


def stream_seed(replicate: int, name: str) -> int:
    """Return the seed of one named random stream of a replicate.

    It depends on nothing else, so runs of different configurations see the same images in the same order (paired
    seeds), and neither grouping nor an added stream changes a draw.
    """
    return int.from_bytes(hashlib.sha256(f"{replicate}/{name}".encode()).digest()[:7], "big")


@cache
def code_hash() -> str:
    """Return a hash of the source of the models and their training."""
    return source_hash(Path(__file__).parent)


def source_hash(root: Path) -> str:
    """Return twelve hexadecimal digits for the Python source below a folder, layout, comments and docstrings aside."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(_code_of(path.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:12]


def _code_of(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if isinstance(body, list):
                # a statement that is only a text is a docstring, of whatever it stands in or below
                body[:] = [item for item in body if not _is_text(item)] or [ast.Pass()]
    return ast.unparse(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def check_types(config: Any) -> None:
    """Check every field of a dataclass against its annotation.

    Raises:
        TypeError: A value has the wrong type. (A bool is no int, and a float must be finite.)
        ValueError: A value is none of the annotated literals.
    """
    hints = _hints(typing.cast("Any", type(config)))
    for item in dataclasses.fields(config):
        _check_type(item.name, getattr(config, item.name), hints[item.name])


def check_value(name: str, value: Any) -> None:
    """Check the value of one dotted field against its annotation.

    Raises:
        KeyError: The name is no field.
        TypeError: The value has the wrong type.
        ValueError: The value is none of the annotated literals.
    """
    _check_type(name.partition(".")[2], value, field_types()[name])


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _check_type(name: str, value: Any, hint: Any) -> None:
    origin = typing.get_origin(hint)
    if origin is Literal:
        _require(
            value in typing.get_args(hint), f"{name} must be one of {list(typing.get_args(hint))}, but got {value!r}."
        )
    elif origin is tuple:
        if not isinstance(value, tuple):
            raise TypeError(f"{name} must be a list, but got {value!r}.")
        for element in value:
            _check_type(f"every entry of {name}", element, typing.get_args(hint)[0])
    elif origin in (typing.Union, types.UnionType):
        raise TypeError(f"{name} has the annotation {hint}, which no field may have.")
    elif (hint in (int, float) and isinstance(value, bool)) or not isinstance(value, hint):
        article = "an" if hint is int else "a"
        word = {int: "integer", float: "number", bool: "boolean", str: "text"}[hint]
        raise TypeError(f"{name} must be {article} {word}, but got {value!r}.")
    elif hint is float and not math.isfinite(value):
        raise TypeError(f"{name} must be finite, but got {value!r}.")


def _at_least(config: Any, name: str, low: float) -> None:
    value = getattr(config, name)
    _require(value >= low, f"{name} must be at least {low}, but got {value}.")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
