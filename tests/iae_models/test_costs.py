import pytest

from iae_models.architectures import ARCHITECTURES
from iae_models.config import run_config
from iae_models.costs import Layer, flops_per_step, network_layers, num_parameters, training_bytes
from iae_models.variant import build

CONFIGURATIONS = [
    {},
    {"model.width": 0.3},
    {"model.code": "categorical", "model.num_categories": 7},
    {"model.noise_dim": 0},
    {"model.latent_dim": 0},
    {"model.encoder_noise_dim": 3},
    {"model.train_encoder": False},
    {"model.regularization_weight": 0},
    {"model.conditioning": "location_invariant"},
    {"model.discriminator_norm": "none"},
    {"model.discriminator_norm": "paper", "model.discriminator_batching": "joint"},
]


@pytest.mark.parametrize("image_shape", list(ARCHITECTURES))
@pytest.mark.parametrize("values", CONFIGURATIONS, ids=str)
def test_parameters_are_counted_as_torch_does(values, image_shape, monkeypatch):
    architecture = ARCHITECTURES[image_shape]
    if len(image_shape) == 1 and "model.conditioning" in values:
        pytest.skip("points have no locations")
    monkeypatch.setitem(ARCHITECTURES, (1, 28, 28), architecture)
    if image_shape != (1, 28, 28):
        pytest.importorskip("torch")
        from iae_models import config

        info = config.DATASETS["embedded_digits"]
        other = config.DatasetInfo(image_shape, info.num_classes, info.sizes, info.fingerprint, info.title)
        monkeypatch.setitem(config.DATASETS, "embedded_digits", other)
    # points hide where they lie from a normalization that sees real and fake ones apart
    points = {"model.discriminator_batching": "joint"} if len(image_shape) == 1 else {}
    settings = run_config({"model.width": 0.0625} | points | values)
    model = build(settings, 0)
    counts = {name: sum(layer.parameters for layer in layers) for name, layers in network_layers(settings).items()}
    assert counts == {name: sum(p.numel() for p in getattr(model, name).parameters()) for name in counts}
    assert num_parameters(settings) == sum(parameter.numel() for parameter in model.parameters())


def test_table_1_at_full_width():
    layers = network_layers(run_config({}))
    assert layers["encoder"][0] == Layer(784 * 2000 + 2000, 784 * 2000, 2000)
    assert layers["decoder"][-1] == Layer(64 * 16 + 1, 64 * 16 * 14 * 14, 28 * 28)
    assert layers["regularization_discriminator"][-1] == Layer(2001, 2000, 1)


def test_costs_grow_with_what_they_depend_on():
    small, wide = run_config({"model.width": 0.125}), run_config({"model.width": 0.25})
    larger = run_config({"model.width": 0.125, "train.batch_size": 128})
    assert flops_per_step(larger) == 2 * flops_per_step(small)
    assert flops_per_step(wide) > 2 * flops_per_step(small)
    assert training_bytes(small) < training_bytes(larger) < 2 * training_bytes(small)
    assert training_bytes(small) > 16 * num_parameters(small)
    frozen = run_config({"model.width": 0.125, "model.train_encoder": False})
    assert flops_per_step(frozen) < flops_per_step(small)
    categorical = {"model.code": "categorical", "model.width": 0.125}
    smoothed = flops_per_step(run_config(categorical | {"model.vat_weight": 1}))
    assert smoothed > flops_per_step(run_config(categorical))
