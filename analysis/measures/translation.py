"""Measures of translations between two domains of images (Section 3 of the paper), and their pictures.

With ẑ = f(x, ε) and x̂ = g(ẑ, n), over N held-out images:

    image_retrieval        share of reconstructions whose nearest of the N images is their own: is the content kept?
    image_retrieval_noisy  the same with normal noise of standard deviation `NOISE` on ẑ: a code that hides the image in
                           faint patterns, as cycle costs teach it to, loses it then
    code_retrieval         share of codes whose nearest of the N true ones is their own, where the data are paired
    cycle_error            mean |x − x̂|
    identity_preservation  share of codes that have their image's label, where both domains have labels: see `identity`
    decoder_diversity      ½ E‖x̂ − x̂'‖² for one code, over ½ E‖x̂ − x̂'‖² for any two: the share that the noise n decides
    encoder_diversity      the same of ẑ for one image, and ε

Distances are Euclidean, in pixels. Retrieval at random is right once in N times, so more than `LIMIT` images are
taken in groups of that many, and each is looked for among its own group. A stochastic reconstruction need not
be nearest to its own image, so the first two are compared between models with equal noise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from analysis.measures import intervals
from analysis.measures.draws import Model, all_finite, in_chunks
from analysis.measures.identity import NO_COMMON_LABELS, Readers, chance_identity, identity_preservation
from analysis.measures.measurement import Estimate, Measurement, exact, invalid, undefined, validation_values
from iae_models.config import DATASETS, stream_seed

if TYPE_CHECKING:
    from iae_models.data import ImageData

TRANSLATION = (
    *("image_retrieval", "image_retrieval_noisy", "code_retrieval", "identity_preservation"),
    *("cycle_error", "decoder_diversity", "encoder_diversity"),
)
"""The names of all measures of a translation."""

LIMIT = 500
"""Held-out images that a run measures on, at most, and among which one is looked for."""

NOISE = 0.1
"""Standard deviation of the noise on a code, in units of intensity."""

NUM_ROWS, NUM_COLUMNS = 8, 5


def translation_suite(
    model: Model,
    untrained: Model,
    data: ImageData,
    replicate: int,
    only: Collection[str] | None = None,
    readers: Readers | None = None,
) -> list[Measurement]:
    """Measure a trained model whose code is an image, the same network before training, and chance.

    Args:
        model: The trained model, in evaluation mode, on the device of the data.
        untrained: The same network before its first step, in evaluation mode.
        data: The data set that it was trained on.
        replicate: Seeds all draws.
        only: Names of measures that are wanted of the model on validation images, without controls; None for all.
        readers: What labels of both domains are read off with; None where they have none in common.
    """
    with torch.inference_mode():
        if only is not None:
            found = measure_translation(model, data, "validation", replicate, readers=readers)
            return validation_values(found, only)
        measured = []
        for split in ("validation", "test"):
            for subject, network in (("model", model), ("untrained", untrained)):
                values = measure_translation(network, data, split, replicate, readers=readers)
                measured += [estimate.named(name, split, subject) for name, estimate in values.items()]
            measured += _chance(data, split)
    return measured


def retrieval(found: Tensor, truth: Tensor) -> Estimate:
    """Return the share of images (N, C, H, W) whose nearest among the true ones, of the same shape, is their own.

    Of more than `LIMIT` images, each is looked for in its group of `LIMIT`; what is left of the last group is left out.
    """
    groups = [slice(start, start + LIMIT) for start in range(0, max(len(found) - LIMIT, 0) + 1, LIMIT)]
    right = [
        torch.cdist(found[group].flatten(1), truth[group].flatten(1)).argmin(1)
        == torch.arange(len(found[group]), device=found.device)
        for group in groups
    ]
    return intervals.mean_fraction(torch.cat(right).double())


def diversity(first: Tensor, second: Tensor) -> Estimate:
    """Return the share of variance within pairs, for two draws (N, C, H, W) each from the same N inputs.

    Draws of different inputs are all pairs of a first and a second draw, in whatever order the inputs come: of
    neighbours in a stratified order none would be of one class.
    """
    num = len(first)
    if num < 2:
        return undefined("there are fewer than two images", num, "fraction")
    a, b = first.flatten(1).double(), second.flatten(1).double()
    centre = (a.mean(0) + b.mean(0)) / 2
    a, b = a - centre, b - centre
    within = (a - b).square().sum(1)
    # Σ_j ‖a_i − b_j‖² + ‖a_j − b_i‖² over all j, halved, less the pair of the input's own draws
    to_second = num * a.square().sum(1) + b.square().sum() - 2 * a @ b.sum(0)
    to_first = num * b.square().sum(1) + a.square().sum() - 2 * b @ a.sum(0)
    between = (0.5 * (to_second + to_first) - within) / (num - 1)
    # each input is on both sides of pairs, so it counts twice in their mean's influence function
    return intervals.ratio(within, 2 * between - between.mean(), "fraction")


def translation_panels(model: Model, data: ImageData, replicate: int) -> dict[str, npt.NDArray[np.uint8]]:
    """Return pictures as Figures 8 and 9 of the paper have them, uint8 with rows first.

    `originals` (8, C, H, W); `codes` (8, 5, C', H, W), or (8, 1, …) of an encoder without noise; `reconstructions`
    (8, 5, C, H, W), each of the code in its column, or of the one code. A column shares its noise. Where codes follow
    their domain, `prior_codes` (8, C', H, W), test images of it, and `generated` (8, 5, C, H, W), images of these with
    the noise of the columns, or (8, 1, …) of a decoder without noise.
    """
    generator = torch.Generator(data.test.x.device).manual_seed(stream_seed(replicate, "measure/samples"))
    with torch.inference_mode():
        x = data.test.images(slice(NUM_ROWS))
        columns = NUM_COLUMNS if model.encoder_noise_dim else 1
        eps, n = model.sample_encoder_noise(columns, generator), model.sample_noise(NUM_COLUMNS, generator)
        codes = [in_chunks(model.infer, x, noise.expand(len(x), -1)) for noise in eps]
        images = [
            in_chunks(model.generate, codes[column % columns], n[column].expand(len(x), -1))
            for column in range(NUM_COLUMNS)
        ]
        panels = {"originals": x, "codes": torch.stack(codes, 1), "reconstructions": torch.stack(images, 1)}
        if "sample" in model.capabilities:
            z = data.test.code_images(slice(NUM_ROWS))
            noises = n if model.noise_dim else n[:1]
            made = [in_chunks(model.generate, z, noise.expand(len(z), -1)) for noise in noises]
            panels |= {"prior_codes": z, "generated": torch.stack(made, 1)}
        return {name: (item.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy() for name, item in panels.items()}


def measure_translation(
    model: Model,
    data: ImageData,
    split: str,
    replicate: int,
    limit: int | None = LIMIT,
    readers: Readers | None = None,
) -> dict[str, Estimate]:
    """Return all measures of `TRANSLATION` on the first `limit` images of a split, or on all of them."""
    held_out = data.validation if split == "validation" else data.test
    generator = torch.Generator(held_out.x.device).manual_seed(stream_seed(replicate, f"measure/{split}/translation"))
    x = held_out.images(slice(limit))

    def encoded() -> Tensor:
        return in_chunks(model.infer, x, model.sample_encoder_noise(len(x), generator))

    def decoded(z: Tensor) -> Tensor:
        return in_chunks(model.generate, z, model.sample_noise(len(z), generator))

    z, other_z = encoded(), encoded()
    x_hat, other_x = decoded(z), decoded(z)
    noise = torch.randn(z.shape, generator=generator, device=z.device)
    noisy = decoded((z + NOISE * noise).clamp(0, 1))
    if not all_finite(z, other_z, x_hat, other_x, noisy):
        return dict.fromkeys(TRANSLATION, invalid("some images are not finite", len(x)))
    true = held_out.code_images(slice(limit)) if DATASETS[data.name].paired else None
    return {
        "image_retrieval": retrieval(x_hat, x),
        "image_retrieval_noisy": retrieval(noisy, x),
        "code_retrieval": undefined("nothing is paired", len(x), "fraction") if true is None else retrieval(z, true),
        "identity_preservation": undefined(NO_COMMON_LABELS, len(x), "fraction")
        if readers is None
        else identity_preservation(x, z, readers),
        "cycle_error": intervals.mean((x - x_hat).abs().flatten(1).mean(1), "intensity per pixel"),
        "decoder_diversity": _if(model.noise_dim, lambda: diversity(x_hat, other_x)),
        "encoder_diversity": _if(model.encoder_noise_dim, lambda: diversity(z, other_z)),
    }


def _if(noise_dim: int, measure: Callable[[], Estimate]) -> Estimate:
    return measure() if noise_dim else undefined("without noise all draws are the same", unit="fraction")


def _chance(data: ImageData, split: str) -> list[Measurement]:
    held_out = data.validation if split == "validation" else data.test
    num = min(LIMIT, len(held_out))
    names = ("image_retrieval", "image_retrieval_noisy", *(["code_retrieval"] * DATASETS[data.name].paired))
    found = {name: exact(1 / num, num, "fraction") for name in names}
    if held_out.code_y is not None:
        found["identity_preservation"] = chance_identity(held_out.y[:LIMIT], held_out.code_y)
    return [estimate.named(name, split, "chance") for name, estimate in found.items()]
