"""The implicit autoencoder of Table 1 as a plain PyTorch script would train it: what `train_step` compares with.

Modules of `torch.nn`, one `torch.optim.Adam` for each player, a `DataLoader`, `loss.backward()`, and nothing of this
project's training. It covers the default configuration on 28 x 28 images with a Gaussian code and takes any width,
sizes and learning rates. `PlainRun` starts from the weights of a run of ours and draws the same batches and noise, so
that both can be held against each other.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader, Dataset, Sampler

from iae_models.config import RunConfig, stream_seed
from iae_models.data import ImageData, Split
from iae_models.variant import Variant


class Encoder(nn.Module):
    """From images (N, 1, 28, 28) to codes (N, latent_dim)."""

    def __init__(self, width: float, latent_dim: int) -> None:
        super().__init__()
        units = math.ceil(2000 * width)
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, units),
            nn.ReLU(),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Linear(units, latent_dim, bias=False),
            nn.BatchNorm1d(latent_dim),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return codes."""
        z: Tensor = self.layers(x)
        return z


class Decoder(nn.Module):
    """From codes and noise to images."""

    def __init__(self, width: float, inputs: int) -> None:
        super().__init__()
        units, first, second = (math.ceil(count * width) for count in (1024, 128, 64))
        self.layers = nn.Sequential(
            nn.Linear(inputs, units),
            nn.ReLU(),
            nn.BatchNorm1d(units),
            nn.Linear(units, first * 49),
            nn.ReLU(),
            nn.Unflatten(1, (first, 7, 7)),
            nn.BatchNorm2d(first),
            nn.ConvTranspose2d(first, second, 4, 2, 1),
            nn.ReLU(),
            nn.BatchNorm2d(second),
            nn.ConvTranspose2d(second, 1, 4, 2, 1),
            nn.Sigmoid(),
        )

    def forward(self, z: Tensor, n: Tensor) -> Tensor:
        """Return images with shape (N, 1, 28, 28)."""
        x: Tensor = self.layers(torch.cat([z, n], 1))
        return x


class Critic(nn.Module):
    """From images and codes to logits (N, 1), the code as a bias of every position of the first feature map."""

    def __init__(self, width: float, latent_dim: int) -> None:
        super().__init__()
        first, second, units, hidden = (math.ceil(count * width) for count in (64, 128, 1024, 1000))
        self.first = nn.Conv2d(1, first, 4, 2, 1, bias=False)
        self.conditioning = nn.Sequential(
            nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Linear(hidden, 196), nn.Unflatten(1, (1, 14, 14))
        )
        self.layers = nn.Sequential(
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.Conv2d(first, second, 4, 2, 1, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(second * 49, units, bias=False),
            nn.BatchNorm1d(units),
            nn.ReLU(),
            nn.Linear(units, 1),
        )

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.layers(self.first(x) + self.conditioning(z))
        return logits


def code_critic(width: float, latent_dim: int) -> nn.Sequential:
    """Return the network from codes to logits."""
    units = math.ceil(2000 * width)
    return nn.Sequential(
        nn.Linear(latent_dim, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU(), nn.Linear(units, 1)
    )


class Examples(Dataset[Tensor]):
    """Images one at a time, as a script reads them."""

    def __init__(self, split: Split) -> None:
        self.x = split.x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Tensor:
        return self.x[index] / 255


class RandomBatches(Sampler[list[int]]):
    """Endless batches of uniform draws with replacement, those of a run of ours with the same seed."""

    def __init__(self, num_images: int, batch_size: int, generator: torch.Generator) -> None:
        self.num_images, self.batch_size, self.generator = num_images, batch_size, generator

    def __iter__(self) -> Iterator[list[int]]:
        while True:
            device = self.generator.device
            index = torch.randint(self.num_images, (self.batch_size,), generator=self.generator, device=device)
            yield index.tolist()


class PlainRun:
    """A plain script's training.

    Args:
        config: The configuration; what differs from its default must be a width, a size, a rate or a number of steps.
        data: The images.
        start: The weights to begin with.
        replicate: Whose random streams to draw from.
        tuned: What a careful user adds: images resident on the device, the fused form of Adam, and TensorFloat-32
            where the configuration asks for less than single precision.
    """

    def __init__(self, config: RunConfig, data: ImageData, start: Variant, replicate: int, *, tuned: bool) -> None:
        model, train = config.model, config.train
        device = data.train.x.device
        self.train, self.dims = train, (model.latent_dim, model.noise_dim)
        self.encoder = Encoder(model.width, model.latent_dim)
        self.decoder = Decoder(model.width, model.latent_dim + model.noise_dim)
        self.critic = Critic(model.width, model.latent_dim)
        self.code_critic = code_critic(model.width, model.latent_dim)
        for module, name in (
            (self.encoder, "encoder"),
            (self.decoder, "decoder"),
            (self.critic, "reconstruction_discriminator"),
            (self.code_critic, "regularization_discriminator"),
        ):
            copy_weights(start.get_submodule(name), module)
            module.to(device)
        betas, fused = (train.beta1, train.beta2), True if tuned else None
        moved = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.adam = torch.optim.Adam(moved, train.generator_lr, betas, fused=fused)
        self.critic_adam = torch.optim.Adam(self.critic.parameters(), train.discriminator_lr, betas, fused=fused)
        self.code_adam = torch.optim.Adam(self.code_critic.parameters(), train.regularization_lr, betas, fused=fused)
        self.average = copy.deepcopy(nn.ModuleList([self.encoder, self.decoder]))
        streams = {name: torch.Generator(device).manual_seed(stream_seed(replicate, f"train/{name}")) for name in "xzn"}
        streams["z"].manual_seed(stream_seed(replicate, "train/z_prior"))
        self.streams, self.device, self.step_count = streams, device, 0
        self.precision = "tf32" if tuned and train.precision != "float32" else "ieee"
        self.batches = self._resident(data.train) if tuned else self._loaded(data.train)

    def step(self) -> dict[str, Tensor]:
        """Train on one batch; return the losses by our names, as scalars on the device."""
        if self.device.type == "cuda":
            torch.backends.cuda.matmul.fp32_precision = self.precision
            torch.backends.cudnn.conv.fp32_precision = self.precision  # type: ignore[attr-defined]
        x = next(self.batches)
        z_prior, n = (self._normal(len(x), dim, name) for dim, name in zip(self.dims, "zn", strict=True))
        z = self.encoder(x)
        x_hat = self.decoder(z, n)

        self.critic_adam.zero_grad()
        real = softplus(-self.critic(x, z.detach())).mean()
        fake = softplus(self.critic(x_hat.detach(), z.detach())).mean()
        (real + fake).backward()  # type: ignore[no-untyped-call]
        self.critic_adam.step()

        self.code_adam.zero_grad()
        code_real = softplus(-self.code_critic(z_prior)).mean()
        code_fake = softplus(self.code_critic(z.detach())).mean()
        (code_real + code_fake).backward()  # type: ignore[no-untyped-call]
        self.code_adam.step()

        self.adam.zero_grad()
        reconstruction = softplus(-self.critic(x_hat, z)).mean()
        regularization = softplus(-self.code_critic(z)).mean()
        (reconstruction + regularization).backward()  # type: ignore[no-untyped-call]
        self.adam.step()

        self._update_average()
        return {
            "loss/reconstruction_discriminator/real": real.detach(),
            "loss/reconstruction_discriminator/fake": fake.detach(),
            "loss/regularization_discriminator/real": code_real.detach(),
            "loss/regularization_discriminator/fake": code_fake.detach(),
            "loss/autoencoder/reconstruction": reconstruction.detach(),
            "loss/autoencoder/regularization": regularization.detach(),
        }

    @torch.no_grad()
    def _update_average(self) -> None:
        self.step_count += 1
        decay = min(self.train.ema_decay, (1 + self.step_count) / (10 + self.step_count))
        current = [*self.encoder.parameters(), *self.decoder.parameters()]
        for average, value in zip(self.average.parameters(), current, strict=True):
            average.lerp_(value, 1 - decay)

    def _normal(self, num: int, dim: int, stream: str) -> Tensor:
        return torch.randn(num, dim, generator=self.streams[stream], device=self.device)

    def _loaded(self, split: Split) -> Iterator[Tensor]:
        sampler = RandomBatches(len(split), self.train.batch_size, self.streams["x"])
        loader = DataLoader(Examples(split), batch_sampler=sampler)
        return (x.to(self.device) for x in loader)

    def _resident(self, split: Split) -> Iterator[Tensor]:
        shape = (self.train.batch_size,)
        while True:
            index = torch.randint(len(split), shape, generator=self.streams["x"], device=self.device)
            yield split.x[index] / 255


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy parameters in their order.

    Raises:
        ValueError: The two modules are not built alike.
    """
    sources, targets = list(source.parameters()), list(target.parameters())
    shapes = [[tuple(value.shape) for value in values] for values in (sources, targets)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"parameters must have the shapes {shapes[0]}, but got {shapes[1]}.")
    with torch.no_grad():
        for value, other in zip(sources, targets, strict=True):
            other.copy_(value)
