"""What a plan must know of every model variant before it is imported. Imports no torch.

A variant states here which configuration fields it uses, so that one which it would ignore is refused, and which
networks it needs, so that a plan can count them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from iae_models.architectures import (
    CodeDiscriminator,
    DecoderNetwork,
    EncoderNetwork,
    ImageDiscriminator,
    Network,
    PatchDiscriminator,
    TranslatorNetwork,
)

if TYPE_CHECKING:
    from iae_models.model_config import ModelConfig


@dataclass(frozen=True)
class VariantInfo:
    """What a plan must know of a model variant.

    Attributes:
        title: The name that a reader of a report sees.
        codes: The kinds of code that it can have.
        capabilities: What it can do: "infer" a code from an image, "generate" an image from code and noise, "sample"
            images from a prior that its code follows: that of a code that is an image is the second domain.
        fields: The fields that it uses, besides those of `EVERY_VARIANT`.
        networks: From its configuration to the networks that it needs, by the name of their attribute.
        code_from: Where the codes come from that its decoder learns from: the "image", through the encoder, or the
            "prior".
        needs_code: Whether there must be a code.
        needs_encoder_noise: Whether its encoder must have noise, since without it its objective is infinite.
        passes: How often a step goes through encoder and decoder, for costs.
        place: `module:class`, imported only where it is trained.
    """

    title: str
    codes: tuple[str, ...]
    capabilities: frozenset[str]
    fields: frozenset[str]
    networks: Callable[[ModelConfig], Mapping[str, Network]]
    code_from: Literal["image", "prior"] = "image"
    needs_code: bool = True
    needs_encoder_noise: bool = False
    passes: int = 1
    place: str = ""


EVERY_VARIANT = frozenset(
    {
        *("data.name", "model.variant", "model.width"),
        *("train.steps", "train.batch_size", "train.generator_lr", "train.beta1", "train.beta2"),
        *("train.ema_decay", "train.report_every", "train.precision", "train.channels_last"),
    }
)
"""The fields that every variant uses."""

CONTINUOUS = frozenset({"model.code", "model.latent_dim", "model.prior_distribution"})
CODES = CONTINUOUS | {"model.num_categories", "model.category_probabilities"}
NOISE = frozenset({"model.noise_dim", "model.noise_distribution"})
IMAGE_GAN = frozenset(
    {
        *("model.discriminator_norm", "model.discriminator_batching", "model.instance_noise", "model.r1_gamma"),
        *("model.discriminator_width", "train.discriminator_lr"),
    }
)
JOINT_GAN = IMAGE_GAN | {"model.conditioning", "model.reconstruction_loss"}
CODE_GAN = frozenset(
    {
        *("model.regularization_loss", "model.regularization_weight", "model.code_noise", "model.prior_components"),
        "train.regularization_lr",
    }
)
LABELS = frozenset({"data.num_labels", "model.label_weight"})

ALL = frozenset({"infer", "generate", "sample"})


def _encoder(model: ModelConfig, noise_dim: int | None = None) -> EncoderNetwork:
    head: Literal["code", "probabilities"] = "code" if model.code == "gaussian" else "probabilities"
    return EncoderNetwork(model.code_dim, model.encoder_noise_dim if noise_dim is None else noise_dim, head)


def _decoder(model: ModelConfig) -> DecoderNetwork:
    return DecoderNetwork(model.code_dim + model.noise_dim)


def _iae(model: ModelConfig) -> dict[str, Network]:
    networks: dict[str, Network] = {"encoder": _encoder(model)} if model.code_dim else {}
    networks |= {"decoder": _decoder(model), "reconstruction_discriminator": ImageDiscriminator(model.code_dim)}
    if model.code_dim and model.train_encoder and model.regularization_weight > 0:
        networks["regularization_discriminator"] = CodeDiscriminator(model.code_dim)
    return networks


def _aae(model: ModelConfig) -> dict[str, Network]:
    networks: dict[str, Network] = {"encoder": _encoder(model), "decoder": _decoder(model)}
    if model.infer_noise:
        networks["style_encoder"] = EncoderNetwork(model.noise_dim, model.encoder_noise_dim)
    if model.regularization_weight > 0:
        networks["regularization_discriminator"] = CodeDiscriminator(model.code_dim)
        if model.infer_noise:
            networks["style_discriminator"] = CodeDiscriminator(model.noise_dim)
    return networks


def _explicit_encoder(model: ModelConfig) -> EncoderNetwork:
    """Return an encoder that puts out the parameters of q(z|x): mean and log-variance, or probabilities."""
    if model.code == "categorical":
        return _encoder(model, noise_dim=0)
    return EncoderNetwork(2 * model.latent_dim, 0, "linear")


TRANSLATION = (
    NOISE
    | (IMAGE_GAN - {"model.instance_noise"})
    | {
        *("model.code", "model.num_blocks", "model.encoder_noise_dim"),
        *("model.reconstruction_weight", "model.regularization_weight", "model.regularization_loss"),
        "train.regularization_lr",
    }
)


def _translators(model: ModelConfig) -> dict[str, Network]:
    return {
        "encoder": TranslatorNetwork("code", model.encoder_noise_dim, model.num_blocks),
        "decoder": TranslatorNetwork("image", model.noise_dim, model.num_blocks),
        "regularization_discriminator": PatchDiscriminator("code"),
    }


VARIANTS: dict[str, VariantInfo] = {
    "iae": VariantInfo(
        "implicit autoencoder",
        ("gaussian", "categorical"),
        ALL,
        CODES
        | NOISE
        | JOINT_GAN
        | CODE_GAN
        | LABELS
        | {
            *("model.encoder_noise_dim", "model.reconstruction_weight", "model.positive_gradient"),
            *("model.code_gradient", "model.train_encoder", "model.input_noise"),
            *("model.vat_weight", "model.vat_radius", "model.balance_weight"),
        },
        _iae,
        needs_code=False,
        place="iae_models.implicit:ImplicitAutoencoder",
    ),
    "aae": VariantInfo(
        "adversarial autoencoder",
        ("gaussian", "categorical"),
        ALL,
        CODES
        | NOISE
        | CODE_GAN
        | LABELS
        | {"model.encoder_noise_dim", "model.input_noise", "model.likelihood_std", "model.infer_noise"},
        _aae,
        place="iae_models.adversarial:AdversarialAutoencoder",
    ),
    "vae": VariantInfo(
        "variational autoencoder",
        ("gaussian",),
        ALL,
        frozenset(
            {"model.code", "model.latent_dim", "model.likelihood_std", "model.regularization_weight"},
        ),
        lambda model: {"encoder": _explicit_encoder(model), "decoder": DecoderNetwork(model.code_dim)},
        place="iae_models.variational:VariationalAutoencoder",
    ),
    "avb": VariantInfo(
        "adversarial variational Bayes",
        ("gaussian",),
        ALL,
        CONTINUOUS
        | IMAGE_GAN
        | {
            *("model.conditioning", "model.encoder_noise_dim", "model.likelihood_std"),
            "model.regularization_weight",
        },
        lambda model: {
            "encoder": _encoder(model),
            "decoder": DecoderNetwork(model.code_dim),
            "posterior_discriminator": ImageDiscriminator(model.code_dim),
        },
        needs_encoder_noise=True,
        place="iae_models.adversarial_bayes:AdversarialVariationalBayes",
    ),
    "gan": VariantInfo(
        "generative adversarial network",
        ("gaussian", "categorical"),
        frozenset({"generate", "sample"}),
        CODES | NOISE | IMAGE_GAN | {"model.regularization_loss"},
        lambda model: {"decoder": _decoder(model), "regularization_discriminator": ImageDiscriminator()},
        code_from="prior",
        needs_code=False,
        place="iae_models.generative:GenerativeAdversarialNetwork",
    ),
    "infogan": VariantInfo(
        "InfoGAN",
        ("gaussian", "categorical"),
        ALL,
        CODES | NOISE | IMAGE_GAN | {"model.regularization_loss", "model.reconstruction_weight"},
        lambda model: {
            "encoder": _explicit_encoder(model),
            "decoder": _decoder(model),
            "regularization_discriminator": ImageDiscriminator(),
        },
        code_from="prior",
        place="iae_models.infogan:InfoGan",
    ),
    "ali": VariantInfo(
        "ALI / BiGAN",
        ("gaussian", "categorical"),
        ALL,
        CODES | NOISE | JOINT_GAN | {"model.encoder_noise_dim", "model.code_noise"},
        lambda model: {
            "encoder": _encoder(model),
            "decoder": _decoder(model),
            "joint_discriminator": ImageDiscriminator(model.code_dim),
        },
        code_from="prior",
        place="iae_models.adversarial_inference:AdversarialInference",
    ),
    "fiae": VariantInfo(
        "flipped implicit autoencoder",
        ("gaussian", "categorical"),
        ALL,
        CODES
        | NOISE
        | JOINT_GAN
        | {
            *("model.encoder_noise_dim", "model.regularization_loss", "model.code_noise"),
            *("model.reconstruction_weight", "model.regularization_weight"),
            *("model.positive_gradient", "model.code_gradient"),
        },
        lambda model: {
            "encoder": _encoder(model),
            "decoder": _decoder(model),
            "reconstruction_discriminator": ImageDiscriminator(model.code_dim),
            "regularization_discriminator": ImageDiscriminator(),
        },
        code_from="prior",
        place="iae_models.flipped:FlippedImplicitAutoencoder",
    ),
    "cycleiae": VariantInfo(
        "cycle implicit autoencoder",
        ("image",),
        ALL,
        TRANSLATION
        | {
            *("model.match_pairs", "model.reconstruction_loss"),
            *("model.positive_gradient", "model.code_gradient"),
        },
        lambda model: (
            _translators(model)
            | {"reconstruction_discriminator": PatchDiscriminator("pair" if model.match_pairs else "image")}
        ),
        place="iae_models.cycle:CycleImplicitAutoencoder",
    ),
    "cyclegan": VariantInfo(
        "CycleGAN",
        ("image",),
        ALL,
        TRANSLATION,
        lambda model: _translators(model) | {"image_discriminator": PatchDiscriminator("image")},
        passes=2,
        place="iae_models.cycle_gan:CycleGan",
    ),
}
"""Every model variant by name."""
