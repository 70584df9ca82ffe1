"""The configuration of one run, its rules and its identity. Imports no torch.

A run is one configuration and one replicate. A configuration is three frozen dataclasses (data, model, train); a
hyperparameter's name is the dotted path of a field, `model.latent_dim`, so a new field can be tuned without further
code.

A configuration is named by what it changes: the key hashes the fields that differ from their defaults, together with
the recipe version and the identity of the data. Adding a field with a default therefore renames no finished run;
changing a default must raise `RECIPE_VERSION`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from iae_models.datasets import DATASETS, DatasetInfo, data_identity
from iae_models.fields import at_least, check_type, check_types, coerce, require
from iae_models.model_config import ModelConfig
from iae_models.own_variant import check_networks, code_hash_of, own_source, variant_info
from iae_models.source import code_hash, source_hash
from iae_models.variants import EVERY_VARIANT, VARIANTS, VariantInfo

__all__ = [
    "DATASETS",
    "RECIPE_VERSION",
    "SECTIONS",
    "VARIANTS",
    "DataConfig",
    "DatasetInfo",
    "ModelConfig",
    "RunConfig",
    "TrainConfig",
    "VariantInfo",
    "changed_values",
    "check_networks",
    "check_value",
    "code_hash",
    "code_hash_of",
    "coerce",
    "config_key",
    "data_identity",
    "default_values",
    "field_types",
    "flatten",
    "own_source",
    "run_config",
    "run_key",
    "source_hash",
    "stream_seed",
    "variant_info",
]

RECIPE_VERSION = 1
"""Raised whenever a default below changes its meaning, so that runs of the old recipe keep their old names."""


@dataclass(frozen=True)
class DataConfig:
    """Which data a run learns from.

    Attributes:
        name: A key of `DATASETS`.
        num_labels: Training images whose labels the encoder of a categorical code learns, equally many of each class
            and drawn anew for each replicate; 0 learns without labels.
    """

    name: str = "embedded_digits"
    num_labels: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        require(self.name in DATASETS, f"name must be one of {sorted(DATASETS)}, but got {self.name!r}.")
        at_least(self, "num_labels", 0)


@dataclass(frozen=True)
class TrainConfig:
    """How long and how fast a run learns.

    Attributes:
        steps: Number of training steps; every player moves in each of them unless its interval says otherwise.
        batch_size: Images in a batch.
        generator_lr: Adam's learning rate of encoder and decoder.
        discriminator_lr: Adam's learning rate of the discriminators that see images.
        regularization_lr: Adam's learning rate of the discriminators that see codes alone.
        beta1: Adam's decay of the first moment, for every player.
        beta2: Adam's decay of the second moment, for every player.
        ema_decay: Decay of the exponential moving average of encoder and decoder that is measured in the end; 0
            measures the last weights. It ramps up: at step t the decay is min(ema_decay, (1 + t) / (10 + t)).
        report_every: Steps between two entries of the history.
        precision: In which precision a step multiplies; see `iae_models.precision`.
        channels_last: Whether kernels and feature maps lie channels last in memory; see `iae_models.memory_layout`.
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
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    channels_last: bool = False

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("steps", "report_every"):
            at_least(self, name, 1)
        at_least(self, "batch_size", 2)
        for name in ("generator_lr", "discriminator_lr", "regularization_lr"):
            value = getattr(self, name)
            require(0 < value < 1, f"{name} must be in (0, 1), but got {value}.")
        for name in ("beta1", "beta2", "ema_decay"):
            value = getattr(self, name)
            require(0 <= value < 1, f"{name} must be in [0, 1), but got {value}.")


@dataclass(frozen=True)
class RunConfig:
    """One configuration. Together with a replicate it is a run."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        info = DATASETS[self.data.name]
        require(
            self.train.batch_size <= info.sizes[0],
            f"train.batch_size must be at most the {info.sizes[0]} training images of {self.data.name}, "
            f"but got {self.train.batch_size}.",
        )
        self._check_labels(info)
        require(
            info.holds_images or self.model.conditioning == "auto",
            f"model.conditioning must be left out for {self.data.name}: points have no locations, "
            f"but got {self.model.conditioning!r}.",
        )
        require(
            self.model.code != "image" or bool(info.code_shape),
            f"model.code must not be 'image' for {self.data.name}, which has no second domain; those that do are "
            f"{[name for name, item in DATASETS.items() if item.code_shape]}.",
        )
        self._check_used()
        require(
            info.holds_images
            or "model.discriminator_norm" not in variant_info(self.model.variant).fields
            or (self.model.discriminator_norm, self.model.discriminator_batching) != ("pre_activation", "separate"),
            f"model.discriminator_norm must not be 'pre_activation' for {self.data.name} where discriminator_batching "
            "is 'separate': batch normalization right after the first linear layer hides where a batch of points lies.",
        )

    def _check_labels(self, info: DatasetInfo) -> None:
        num = self.data.num_labels
        require(
            num > 0 or self.model.label_weight == 1.0,
            f"model.label_weight must be left out where data.num_labels is 0, but got {self.model.label_weight}.",
        )
        if not num:
            return
        require(
            info.num_classes > 0 and num % info.num_classes == 0 and num <= info.sizes[0],
            f"data.num_labels must be a multiple of the {info.num_classes} classes of {self.data.name} and at most its "
            f"{info.sizes[0]} training images, but got {num}.",
        )
        require(
            self.model.code == "categorical" and self.model.num_categories == info.num_classes,
            f"model.code must be 'categorical' with num_categories={info.num_classes}, one category for each class, "
            f"where data.num_labels is {num}.",
        )
        require(
            self.model.train_encoder, f"model.train_encoder must be true where data.num_labels is {num}, but got False."
        )

    def _check_used(self) -> None:
        """Refuse a changed field that the variant would ignore."""
        variant = variant_info(self.model.variant)
        for name, value in changed_values(self).items():
            users = [other for other, info in VARIANTS.items() if name in info.fields]
            require(
                name in EVERY_VARIANT or name in variant.fields,
                f"{name} must be left out where model.variant is {self.model.variant!r}, which does not use it "
                f"(it is for {', '.join(users)}), but got {value!r}.",
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


def changed_values(config: RunConfig) -> dict[str, Any]:
    """Return the fields that differ from their defaults: what names the configuration."""
    defaults = default_values()
    return {name: value for name, value in flatten(config).items() if value != defaults[name]}


def config_key(config: RunConfig) -> str:
    """Return the ten hexadecimal digits that name a configuration on its data."""
    identity = {
        "recipe": RECIPE_VERSION,
        "data": data_identity(config.data.name),
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


def check_value(name: str, value: Any) -> None:
    """Check the value of one dotted field against its annotation.

    Raises:
        KeyError: The name is no field.
        TypeError: The value has the wrong type.
        ValueError: The value is none of the annotated literals.
    """
    check_type(name.partition(".")[2], value, field_types()[name])
