"""The joint two-sample test: can a convolutional critic tell (x, ẑ) from (x̂, ẑ) at full resolution?

It is the headline of calibration. At the optimum of the reconstruction GAN the two are one distribution, and the
accuracy on held-out pairs is .5. The critic sees what `critic` sees, and besides two strided convolutions of the image
that it learns with the rest. Capacity, budget and number of training pairs are the same for every model and data set,
so its accuracies compare models; they bound the total variation distance from below, TV ≥ 2 · accuracy − 1.

How much of a dependence between image and code such a critic could see at all is its **power**: its accuracy at
telling (x, ẑ) from (x, ẑ'), with ẑ' the code of another image. An accuracy of .5 means little where the power is .5.

Reference: Lopez-Paz and Oquab (2016), Revisiting classifier two-sample tests. https://arxiv.org/abs/1610.06545
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import conv2d, softplus

from analysis.measures import intervals, two_sample
from analysis.measures.critic import Pairs, fit_features
from analysis.measures.draws import CHUNK
from analysis.measures.measurement import Estimate

CHANNELS = (16, 32)
HIDDEN = 128
STEPS = 200
BATCH = 100
LEARNING_RATE = 2e-3
NUM_TRAIN = 10_000
"""Training images that the critic learns from, at most."""

Parameters = dict[str, Tensor]


def joint_accuracy(train: Pairs, held_out: Pairs, generator: torch.Generator) -> Estimate:
    """Train a critic and return its accuracy on held-out pairs, real and fake ones weighing the same.

    Args:
        train: Pairs of training images; their draws take turns.
        held_out: Pairs of other images.
        generator: Where initialization and batches are drawn from.
    """
    fakes = [(x_hat, train.z) for x_hat in train.x_hat.unbind(1)]
    held_out_fakes = [(x_hat, held_out.z) for x_hat in held_out.x_hat.unbind(1)]
    return _test((train.x, train.z), fakes, (held_out.x, held_out.z), held_out_fakes, generator)


def joint_power(train: Pairs, held_out: Pairs, generator: torch.Generator) -> Estimate:
    """Return the accuracy of the same critic at telling images with their own codes from images with others'."""
    fakes, held_out_fakes = ([(pairs.x, _of_others(pairs.z, generator))] for pairs in (train, held_out))
    return _test((train.x, train.z), fakes, (held_out.x, held_out.z), held_out_fakes, generator)


def _of_others(z: Tensor, generator: torch.Generator) -> Tensor:
    """Return for each image the code of another one, at random: those of a neighbour may never be of its class."""
    order = torch.randperm(len(z), generator=generator, device=generator.device)
    others = torch.empty_like(z)
    others[order] = z[order.roll(1, 0)]
    return others


def _test(
    real: tuple[Tensor, Tensor],
    fakes: list[tuple[Tensor, Tensor]],
    held_out: tuple[Tensor, Tensor],
    held_out_fakes: list[tuple[Tensor, Tensor]],
    generator: torch.Generator,
) -> Estimate:
    features = fit_features(*real)
    parameters = _fit(real, fakes, features, generator)

    def right(x: Tensor, z: Tensor, *, real: bool) -> Tensor:
        parts = zip(torch.split(x, CHUNK), torch.split(z, CHUNK), strict=True)
        logits = torch.cat([_logits(parameters, part, features(part, codes)) for part, codes in parts])
        return two_sample.right(logits, real=real)

    fake = torch.stack([right(*pair, real=False) for pair in held_out_fakes]).mean(0)
    return intervals.mean_fraction(0.5 * (right(*held_out, real=True) + fake), neighbours=True)


def _fit(
    real: tuple[Tensor, Tensor],
    fakes: list[tuple[Tensor, Tensor]],
    features: Callable[[Tensor, Tensor], Tensor],
    generator: torch.Generator,
) -> Parameters:
    """Return the parameters after `STEPS` steps of Adam, its learning rate falling to zero along a cosine."""
    num = len(real[0])
    batches = two_sample.batches(num, STEPS, BATCH, generator)
    with torch.inference_mode(False), torch.enable_grad():
        width = features(real[0][:1], real[1][:1]).shape[1]
        parameters = _initial(tuple(real[0].shape[1:]), width, generator)
        adam = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE)
        for step, index in enumerate(batches):
            adam.param_groups[0]["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / STEPS))
            fake = fakes[step % len(fakes)]
            # clones: tensors of inference mode cannot be saved for a gradient
            x = torch.cat([real[0][index], fake[0][index]]).clone()
            z = torch.cat([real[1][index], fake[1][index]]).clone()
            logits = _logits(parameters, x, features(x, z))
            half = len(index)
            loss = softplus(-logits[:half]).mean() + softplus(logits[half:]).mean()
            adam.zero_grad()
            torch.autograd.backward(loss)
            adam.step()
    return {name: item.detach() for name, item in parameters.items()}


def _logits(parameters: Parameters, x: Tensor, features: Tensor) -> Tensor:
    """Return logits with shape (N,) of images or points x and features of pairs with shape (N, D)."""
    if x.dim() == 4:
        h = x - 0.5
        for name in ("first", "second"):
            h = torch.relu(conv2d(h, parameters[f"{name}.weight"], parameters[f"{name}.bias"], stride=2, padding=2))
        features = torch.cat([h.flatten(1), features], 1)
    h = torch.relu(features @ parameters["hidden.weight"] + parameters["hidden.bias"])
    return (h @ parameters["last.weight"] + parameters["last.bias"]).squeeze(1)


def _initial(shape: tuple[int, ...], width: int, generator: torch.Generator) -> Parameters:
    """Return parameters with He's initialization and zero biases."""
    sizes: dict[str, tuple[int, ...]] = {}
    if len(shape) == 3:
        (first, second), (channels, height, across) = CHANNELS, shape
        sizes = {"first": (first, channels, 5, 5), "second": (second, first, 5, 5)}
        width += second * math.ceil(height / 4) * math.ceil(across / 4)
    sizes |= {"hidden": (width, HIDDEN), "last": (HIDDEN, 1)}
    parameters: Parameters = {}
    for name, size in sizes.items():
        inputs, outputs = (math.prod(size[1:]), size[0]) if len(size) == 4 else size
        weight = torch.randn(size, generator=generator, device=generator.device) * math.sqrt(2 / inputs)
        parameters[f"{name}.weight"] = weight.requires_grad_()
        parameters[f"{name}.bias"] = torch.zeros(outputs, device=generator.device).requires_grad_()
    return parameters
