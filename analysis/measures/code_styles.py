"""Does the encoder's noise choose the style of a translation? Where the styles of the second domain are known.

Of the slant, and of the thickness, of the strokes of inferred codes ẑ = f(x, ε):

    encoder_diversity_slant      E Var[slant of ẑ given x] / Var[slant of ẑ], the share that ε decides
    encoder_diversity_thickness  the same of thickness

It is `encoder_diversity` of a scalar: 0 where ε is ignored or changes other things alone, 1 where the image says
nothing of the style. The data have a value of their own, that of a perfect translation. An image of the second domain
is a digit of some shape in a style that was drawn apart from it, and the style's share of the variance is

    1 − E Var[slant given style] / Var[slant]

which needs no second image of any digit. It leaves out what shape and style decide only together. That is little:
restyled time and again, the embedded digits vary given their shape by .30 of the slant's variance and by .54 of the
thickness's, where styles alone decide .30 and .52.

Strokes that are drawn dark on bright are turned bright on black first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from analysis.measures import intervals
from analysis.measures.draws import BROKEN_CODES, Model, all_finite, in_chunks
from analysis.measures.measurement import Estimate, Measurement, invalid, undefined, validation_values
from analysis.measures.strokes import slant, thickness
from analysis.measures.translation import LIMIT, diversity
from iae_models.config import stream_seed

if TYPE_CHECKING:
    from iae_models.data import ImageData

MEASURED = {"encoder_diversity_slant": slant, "encoder_diversity_thickness": thickness}
"""What each measure reads off a code with shape (N, 1, H, W)."""

CODE_STYLES = tuple(MEASURED)
"""The names of all measures of the style of codes."""

NO_STYLES = "the styles of the second domain are not known"
NO_NOISE = "without noise all draws are the same"


def style_suite(
    model: Model, untrained: Model, data: ImageData, replicate: int, only: Collection[str] | None = None
) -> list[Measurement]:
    """Measure the styles of a trained model's codes, of the same network's before training, and of the data.

    Args:
        model: The trained model, in evaluation mode, on the device of the data.
        untrained: The same network before its first step, in evaluation mode.
        data: The data set that it was trained on.
        replicate: Seeds all draws.
        only: Names of measures that are wanted of the model on validation images, without controls; None for all.
    """
    with torch.inference_mode():
        if only is not None:
            found = measure_code_styles(model, data, "validation", replicate)
            return validation_values(found, only)
        return [
            estimate.named(name, split, subject)
            for split in ("validation", "test")
            for subject, values in style_tables(model, untrained, data, split, replicate).items()
            for name, estimate in values.items()
        ]


def style_tables(
    model: Model, untrained: Model, data: ImageData, split: str, replicate: int, limit: int | None = LIMIT
) -> dict[str, dict[str, Estimate]]:
    """Return the measures on the first `limit` images of a split, or on all, by subject and name."""
    networks = {"model": model, "untrained": untrained}
    tables = {name: measure_code_styles(item, data, split, replicate, limit) for name, item in networks.items()}
    return tables | ({"real": measure_data_styles(data, split, limit)} if _knows_styles(data) else {})


def measure_code_styles(
    model: Model, data: ImageData, split: str, replicate: int, limit: int | None = LIMIT
) -> dict[str, Estimate]:
    """Return the share of each style's variance that the encoder's noise decides."""
    held_out = data.validation if split == "validation" else data.test
    x = held_out.images(slice(limit))
    for lacks, reason in ((not _knows_styles(data), NO_STYLES), (not model.encoder_noise_dim, NO_NOISE)):
        if lacks:
            return dict.fromkeys(CODE_STYLES, undefined(reason, len(x), "fraction"))
    generator = torch.Generator(x.device).manual_seed(stream_seed(replicate, f"measure/{split}/code_styles"))
    draws = [in_chunks(model.infer, x, model.sample_encoder_noise(len(x), generator)) for _ in range(2)]
    if not all_finite(*draws):
        return dict.fromkeys(CODE_STYLES, invalid(BROKEN_CODES, len(x), "fraction"))
    inks = [_bright_on_black(z, data) for z in draws]
    return {name: diversity(*(in_chunks(style, ink)[:, None] for ink in inks)) for name, style in MEASURED.items()}


def measure_data_styles(data: ImageData, split: str, limit: int | None = LIMIT) -> dict[str, Estimate]:
    """Return the share of each style's variance, over images of the second domain, that their known styles decide."""
    held_out = data.validation if split == "validation" else data.test
    ink = _bright_on_black(held_out.code_images(slice(limit)), data)
    factors = {name: values[:limit] for name, values in held_out.code_factors.items()}
    return {name: factor_share(in_chunks(style, ink), factors) for name, style in MEASURED.items()}


def factor_share(values: Tensor, factors: Mapping[str, Tensor]) -> Estimate:
    """Return 1 − E Var[value given all factors] / Var[value], both variances unbiased.

    Args:
        values: One value per image, with shape (N,).
        factors: Classes of each image by name, int64 with shape (N,); of most of their combinations there are several
            images.
    """
    values, cells = values.double(), torch.zeros_like(values, dtype=torch.int64)
    for factor in factors.values():
        cells = cells * (factor.max() + 1) + factor
    counts = cells.bincount()
    means = torch.zeros_like(counts, dtype=torch.float64).index_add_(0, cells, values) / counts
    # a square of deviations from an estimated mean is too small: by one image for each mean
    total = (values - values.mean()).square() * (len(values) / (len(values) - 1))
    within = (values - means[cells]).square() * (len(values) / (len(values) - (counts > 0).sum()))
    return intervals.ratio(total - within, total, "fraction")


def _knows_styles(data: ImageData) -> bool:
    return bool(data.test.code_factors)


def _bright_on_black(z: Tensor, data: ImageData) -> Tensor:
    """Return codes with shape (N, 1, H, W), in negative where the second domain is bright for the most part."""
    return 1 - z if data.train.code_images(slice(LIMIT)).mean() > 0.5 else z
