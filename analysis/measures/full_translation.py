"""The full suite of a model whose code is an image: its translations, and two-sample tests of pairs, codes and images.

The joint test is that of vector codes, with the code averaged to about 7 x 7 in the code's place. `domain_accuracy` is
the accuracy of the same critic, without any code, at telling inferred codes from held-out images of their domain: what
`prior_accuracy` is for vectors. `sample_accuracy` is that at telling images of the model's own, g(z, n) with z a
held-out image of the second domain, from held-out images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from analysis.measures import joint_test
from analysis.measures.critic import Pairs, pool
from analysis.measures.draws import NO_SAMPLES, Model, decode, generate, in_chunks
from analysis.measures.identity import Readers
from analysis.measures.maps import share_maps
from analysis.measures.measurement import Estimate, undefined
from analysis.measures.translation import measure_translation

if TYPE_CHECKING:
    from iae_models.data import ImageData, Split

NUM_MAPPED = 2000
"""Test images whose decodes are split into maps, at most."""

Stream = Callable[[str], torch.Generator]


def translations(
    model: Model, untrained: Model, data: ImageData, replicate: int, readers: Readers | None
) -> dict[str, dict[str, Estimate]]:
    """Return the measures of translation on all test images, by subject and name."""
    return {
        name: measure_translation(network, data, "test", replicate, None, readers)
        for name, network in (("model", model), ("untrained", untrained))
    }


def translation_maps(model: Model, data: ImageData, stream: Stream) -> dict[str, Tensor]:
    """Return the shares of each pixel's variance that code and noise explain, each with shape (C, H, W)."""
    generator = stream("model/test/maps")
    x = data.test.images(slice(NUM_MAPPED))
    return share_maps(decode(model, _codes(model, x, generator), generator))


def pair_tests(model: Model, data: ImageData, stream: Stream) -> dict[str, Estimate]:
    """Return the accuracy of a critic that tells (x, ẑ) from (x̂, ẑ), and that of (x, ẑ) from (x, ẑ')."""
    train = _pairs(model, data.train, joint_test.NUM_TRAIN, stream("model/joint/pairs"))
    held_out = _pairs(model, data.test, len(data.test), stream("model/test/joint/pairs"))
    return {
        "joint_accuracy": joint_test.joint_accuracy(train, held_out, stream("model/joint")),
        "joint_power": joint_test.joint_power(train, held_out, stream("model/power")),
    }


def domain_accuracy(model: Model, data: ImageData, stream: Stream) -> Estimate:
    """Return the accuracy of a critic that tells inferred codes from images of their domain."""
    train = _domain(model, data.train, joint_test.NUM_TRAIN, stream("model/domain/codes"))
    held_out = _domain(model, data.test, len(data.test), stream("model/test/domain/codes"))
    return joint_test.joint_accuracy(train, held_out, stream("model/domain"))


def sample_accuracy(model: Model, data: ImageData, stream: Stream) -> Estimate:
    """Return the accuracy of a critic that tells images made of images of the second domain from images."""
    if "sample" not in model.capabilities:
        return undefined(NO_SAMPLES, 0, "fraction")
    train = _samples(model, data.train, joint_test.NUM_TRAIN, stream("model/samples/images"))
    held_out = _samples(model, data.test, len(data.test), stream("model/test/samples/images"))
    return joint_test.joint_accuracy(train, held_out, stream("model/samples"))


def _codes(model: Model, x: Tensor, generator: torch.Generator) -> Tensor:
    return in_chunks(model.infer, x, model.sample_encoder_noise(len(x), generator))


def _pairs(model: Model, split: Split, limit: int, generator: torch.Generator) -> Pairs:
    x = split.images(slice(limit))
    z = _codes(model, x, generator)
    decoded = [in_chunks(model.generate, z, model.sample_noise(len(z), generator)) for _ in range(2)]
    return Pairs(x, pool(z), torch.stack(decoded, 1))


def _domain(model: Model, split: Split, limit: int, generator: torch.Generator) -> Pairs:
    """Return as many images of the second domain as inferred codes, with empty codes of their own."""
    assert split.codes is not None
    num = min(limit, len(split), len(split.codes))
    real, codes = split.code_images(slice(num)), _codes(model, split.images(slice(num)), generator)
    return Pairs(real, real.new_zeros(num, 0), codes[:, None])


def _samples(model: Model, split: Split, limit: int, generator: torch.Generator) -> Pairs:
    """Return as many images as ones of the model's own, with empty codes."""
    assert split.codes is not None
    num = min(limit, len(split), len(split.codes))
    x, made = split.images(slice(num)), generate(model, split.code_images(slice(num)), generator)
    return Pairs(x, x.new_zeros(num, 0), made[:, None])
