"""The configuration of a model and its rules. Imports no torch."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

from iae_models.fields import at_least, check_types, require
from iae_models.own_variant import variant_info

AdversarialLoss = Literal["minimax", "non_saturating", "forward_kl", "reverse_kl"]
Conditioning = Literal["auto", "location_dependent", "location_invariant"]
Distribution = Literal["gaussian", "uniform"]


@dataclass(frozen=True)
class ModelConfig:
    """A model and its objective. Which of the fields a variant uses stands in `iae_models.variants`.

    Attributes:
        variant: A key of `VARIANTS`, or the import path of an own variant (`iae_models.own_variant`).
        code: Kind of the latent code z: continuous ("gaussian"), categorical, or an image of the data's second domain.
        latent_dim: Dimension of a continuous code; 0 is the unconditional GAN, which has no code.
        prior_distribution: Distribution p(z) of a continuous code: standard normal, or uniform with unit variance.
        prior_components: Components of a Gaussian mixture that is fitted to q(z) after training and then sampled from,
            for a continuous code that nothing regularizes (Case 3); 0 fits none.
        num_categories: Number of categories K of a categorical code.
        category_probabilities: Probabilities of the K categories under the prior; empty means uniform.
        noise_dim: Dimension of the decoder's noise n; 0 is a deterministic decoder.
        noise_distribution: Distribution of n: standard normal, or uniform with unit variance.
        infer_noise: Whether a second encoder infers n from the image, and a second regularization GAN pulls it to its
            distribution: the style code of an adversarial autoencoder.
        encoder_noise_dim: Dimension of the encoder's noise ε; 0 is a deterministic encoder.
        width: Factor on every hidden width of the paper's tables.
        discriminator_width: A further factor on those of the discriminators of images: their capacity.
        num_blocks: Residual blocks of a translator between two domains of images.
        match_pairs: Whether the reconstruction discriminator of such a model sees images with their codes, as in the
            paper, or images alone: to match their marginal distribution loses which image it was.
        conditioning: How a discriminator of images sees the code (Appendix B.1). "auto" is what the paper used:
            location-dependent for continuous codes, location-invariant for categorical ones.
        discriminator_norm: Batch normalization in the discriminators of images: after the ReLU ("paper"), before it
            ("pre_activation") or nowhere ("none"). For points "pre_activation" needs joint batches: of separate ones
            it would take away where they lie.
        discriminator_batching: Whether they see real and fake in one batch ("joint") or in two ("separate"). It
            matters only where they have batch normalization.
        reconstruction_loss: Adversarial loss of the reconstruction GAN, which compares pairs of image and code.
        regularization_loss: Adversarial loss of the regularization GAN, which compares codes with the prior, or in
            models that start from the prior generated images with the data.
        reconstruction_weight: Weight of the reconstruction term for encoder and decoder.
        regularization_weight: Weight of the regularization term; 0 leaves the code unregularized (Cases 1 and 3).
        likelihood_std: Standard deviation σ of a factorized likelihood p(x|z) = N(g(z), σ² I), in units of the data.
        positive_gradient: Whether the encoder also receives the gradient through the positive pair (x, ẑ); in the
            flipped autoencoder, whether the generator receives that through (x̃, z).
        code_gradient: Whether the gradient of the reconstruction discriminator with respect to what it is conditioned
            on reaches the network before it directly: the code in (x̂, ẑ), besides the path through the decoder; in the
            flipped autoencoder the image in (x̃, ẑ), besides the path through the recognition network.
        train_encoder: False freezes the encoder at its random initialization: a control.
        r1_gamma: Weight of the R1 penalty of the discriminators of images, on the real side of what they compare. It
            is R1 where discriminator_norm is "none". With "pre_activation" it is the gradient of the sum of a batch's
            logits, in which each image also moves the statistics of the others: smaller than R1.
        input_noise: Standard deviation of Gaussian noise on the encoder's input, in units of the data.
        instance_noise: Standard deviation of Gaussian noise on the images that discriminators see.
        code_noise: Standard deviation of Gaussian noise on the codes that are compared by a discriminator.
        vat_weight: Weight of virtual adversarial training on a categorical encoder (not in the paper).
        vat_radius: Euclidean length of its perturbation of an image, in units of the data.
        balance_weight: Weight of the batch-entropy balance of a categorical encoder (not in the paper).
        label_weight: Weight of the cross-entropy on labelled images, where there are any (see `data.num_labels`).
    """

    variant: str = "iae"
    code: Literal["gaussian", "categorical", "image"] = "gaussian"
    latent_dim: int = 20
    prior_distribution: Distribution = "gaussian"
    prior_components: int = 0
    num_categories: int = 30
    category_probabilities: tuple[float, ...] = ()
    noise_dim: int = 100
    noise_distribution: Distribution = "gaussian"
    infer_noise: bool = False
    encoder_noise_dim: int = 0
    width: float = 1.0
    discriminator_width: float = 1.0
    num_blocks: int = 6
    match_pairs: bool = True
    conditioning: Conditioning = "auto"
    discriminator_norm: Literal["paper", "pre_activation", "none"] = "pre_activation"
    discriminator_batching: Literal["joint", "separate"] = "separate"
    reconstruction_loss: AdversarialLoss = "non_saturating"
    regularization_loss: AdversarialLoss = "non_saturating"
    reconstruction_weight: float = 1.0
    regularization_weight: float = 1.0
    likelihood_std: float = 0.3
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
    label_weight: float = 1.0

    def __post_init__(self) -> None:
        check_types(self)
        variant_info(self.variant)
        for name in ("latent_dim", "prior_components", "noise_dim", "encoder_noise_dim"):
            at_least(self, name, 0)
        at_least(self, "num_categories", 2)
        at_least(self, "num_blocks", 1)
        for name in ("width", "discriminator_width"):
            value = getattr(self, name)
            require(0 < value <= 4, f"{name} must be in (0, 4], but got {value}.")
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
            "label_weight",
        ):
            at_least(self, name, 0)
        require(self.likelihood_std > 0, f"likelihood_std must be above 0, but got {self.likelihood_std}.")
        self._check_code()
        self._check_objective()
        require(
            self.r1_gamma == 0 or self.discriminator_norm != "paper",
            "r1_gamma must be 0 where discriminator_norm is 'paper': batch normalization as the last layer fixes the "
            f"sum of a batch's logits, so its gradient is 0 and penalizes nothing, but got {self.r1_gamma}.",
        )
        require(
            (self.discriminator_norm, self.discriminator_batching) != ("paper", "separate"),
            "discriminator_norm must not be 'paper' where discriminator_batching is 'separate': batch normalization as "
            "the last layer makes the mean logit the same on the real and on the fake batch, so nothing can be learnt.",
        )

    def _check_code(self) -> None:
        defaults = {item.name: item.default for item in dataclasses.fields(ModelConfig)}
        own = {
            "gaussian": ("latent_dim", "prior_distribution", "prior_components"),
            "categorical": (
                *("num_categories", "category_probabilities"),
                *("vat_weight", "vat_radius", "balance_weight", "label_weight"),
            ),
            "image": ("num_blocks", "match_pairs"),
        }
        for name in (name for code, names in own.items() if code != self.code for name in names):
            value = getattr(self, name)
            require(value == defaults[name], f"{name} must be left out where code is {self.code!r}, but got {value!r}.")
        if self.category_probabilities:
            require(
                len(self.category_probabilities) == self.num_categories,
                f"category_probabilities must have num_categories={self.num_categories} entries, "
                f"but got {len(self.category_probabilities)}.",
            )
            require(
                min(self.category_probabilities) > 0
                and math.isclose(sum(self.category_probabilities), 1, abs_tol=1e-6),
                f"category_probabilities must be positive and sum to 1, but got {self.category_probabilities}.",
            )

    def _check_objective(self) -> None:
        info = variant_info(self.variant)
        require(
            self.code in info.codes,
            f"code must be one of {list(info.codes)} for {self.variant}, but got {self.code!r}.",
        )
        require(
            self.has_code or not info.needs_code,
            f"latent_dim must be at least 1 for {self.variant}, which infers a code, but got {self.latent_dim}.",
        )
        require(
            self.encoder_noise_dim > 0 or not info.needs_encoder_noise,
            f"encoder_noise_dim must be at least 1 for {self.variant}: the divergence of a posterior without noise, "
            "which is a point, from the prior is infinite, but got 0.",
        )
        require(
            self.has_code or self.noise_dim > 0,
            "noise_dim must be at least 1 where latent_dim is 0: a decoder with neither input makes one image.",
        )
        require(
            not self.infer_noise or self.noise_dim > 0,
            "noise_dim must be at least 1 where infer_noise is true, but got 0.",
        )
        for name in ("encoder_noise_dim", "code_noise"):
            value = getattr(self, name)
            require(self.has_code or not value, f"{name} must be 0 where latent_dim is 0, but got {value}.")
        for name in ("vat_weight", "balance_weight"):
            value = getattr(self, name)
            require(self.train_encoder or not value, f"{name} must be 0 where train_encoder is false, but got {value}.")
        require(
            not (self.prior_components and (not self.has_code or self.regularizes)),
            "prior_components must be 0 unless there is a code and regularization_weight is 0: a code that is pulled "
            f"to its prior needs no other, but got {self.prior_components}.",
        )
        require(
            self.reconstruction_weight > 0 or self.regularization_weight > 0,
            "reconstruction_weight or regularization_weight must be positive, but both are 0.",
        )
        require(
            self.reconstruction_weight > 0 or (self.has_code and self.train_encoder),
            "reconstruction_weight must be positive where no encoder is trained, but got 0.",
        )

    @property
    def regularizes(self) -> bool:
        """Whether the code follows the prior: it is drawn from it, or pulled to it."""
        return variant_info(self.variant).code_from == "prior" or (
            self.regularization_weight > 0 and self.train_encoder
        )

    @property
    def capabilities(self) -> frozenset[str]:
        """What the model can do, of the capabilities of its variant.

        Without a code there is nothing to infer; a code that nothing pulls towards the prior cannot be sampled from it,
        unless a prior is fitted to the code.
        """
        capabilities = variant_info(self.variant).capabilities
        if not self.has_code:
            return capabilities - {"infer"}
        return capabilities if self.regularizes or self.prior_components else capabilities - {"sample"}

    @property
    def code_dim(self) -> int:
        """Length of the code vector: the latent dimension, or the number of categories; 0 where it is an image."""
        return {"gaussian": self.latent_dim, "categorical": self.num_categories, "image": 0}[self.code]

    @property
    def has_code(self) -> bool:
        """Whether there is a code, be it a vector or an image."""
        return self.code == "image" or self.code_dim > 0

    @property
    def resolved_conditioning(self) -> str:
        """The conditioning after "auto" is replaced by the paper's choice for this code."""
        if self.conditioning != "auto":
            return self.conditioning
        return "location_dependent" if self.code == "gaussian" else "location_invariant"
