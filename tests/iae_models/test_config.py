"""Configuration: names, rules, and identities that survive an added field."""

import dataclasses
from pathlib import Path

import pytest

from iae_models import config as module
from iae_models.config import (
    ModelConfig,
    RunConfig,
    changed_values,
    config_key,
    default_values,
    field_types,
    flatten,
    run_config,
    run_key,
    source_hash,
    stream_seed,
)


def test_a_flattened_configuration_builds_the_same_one() -> None:
    config = run_config({"model.latent_dim": 5, "train.steps": 10, "model.width": 1})
    assert run_config(flatten(config)) == config
    assert changed_values(config) == {"model.latent_dim": 5, "train.steps": 10}


def test_a_value_at_its_default_does_not_rename_a_run() -> None:
    assert run_key(run_config({"model.width": 1}), 3) == run_key(RunConfig(), 3)
    assert run_key(run_config({"model.latent_dim": 5}), 3) != run_key(RunConfig(), 3)
    assert run_key(RunConfig(), 2) != run_key(RunConfig(), 3)


def test_an_added_field_renames_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = config_key(run_config({"model.latent_dim": 5}))

    @dataclasses.dataclass(frozen=True)
    class Longer(ModelConfig):
        added: int = 7

    monkeypatch.setattr(module, "SECTIONS", module.SECTIONS | {"model": Longer})
    monkeypatch.setattr(module, "EVERY_VARIANT", module.EVERY_VARIANT | {"model.added"})
    clear = (field_types, default_values)
    for function in clear:
        function.cache_clear()
    try:
        config = RunConfig(model=Longer(latent_dim=5))
        assert "model.added" in flatten(config)
        assert config_key(config) == before
        assert config_key(RunConfig(model=Longer(latent_dim=5, added=8))) != before
    finally:
        monkeypatch.undo()
        for function in clear:
            function.cache_clear()


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({}, "2b33a7415c-0"),
        ({"model.latent_dim": 5}, "cf5caef475-0"),
        (
            {"data.name": "mnist", "model.code": "categorical", "model.num_categories": 30, "model.noise_dim": 10},
            "8baa76834d-0",
        ),
        ({"data.name": "fashion_mnist", "model.train_encoder": False, "train.steps": 10}, "5ece3e3a28-0"),
    ],
)
def test_finished_runs_keep_their_keys(values: dict[str, object], key: str) -> None:
    assert run_key(run_config(values), 0) == key


def test_the_identity_follows_data_and_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    before = config_key(RunConfig())
    monkeypatch.setattr(module, "RECIPE_VERSION", module.RECIPE_VERSION + 1)
    assert config_key(RunConfig()) != before


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"model.latent_dims": 5}, KeyError, "model.latent_dims"),
        ({"model.latent_dim": -1}, ValueError, "latent_dim must be at least 0, but got -1"),
        ({"model.latent_dim": True}, TypeError, "latent_dim must be an integer, but got True"),
        ({"model.latent_dim": 5.0}, TypeError, "latent_dim must be an integer, but got 5.0"),
        ({"model.width": "1"}, TypeError, "width must be a number, but got '1'"),
        ({"train.beta1": float("nan")}, TypeError, "beta1 must be finite, but got nan"),
        ({"model.code": "gausian"}, ValueError, "code must be one of"),
        ({"data.name": "mnits"}, ValueError, "name must be one of"),
        ({"train.batch_size": 4000}, ValueError, "train.batch_size must be at most the 3500 training images"),
        ({"model.num_categories": 10}, ValueError, "num_categories must be left out where code is 'gaussian'"),
        ({"model.code": "categorical", "model.latent_dim": 3}, ValueError, "latent_dim must be left out"),
        (
            {"model.latent_dim": 0, "model.noise_dim": 0},
            ValueError,
            "noise_dim must be at least 1 where latent_dim is 0",
        ),
        ({"model.variant": "avb"}, ValueError, "encoder_noise_dim must be at least 1 for avb: .*infinite, but got 0"),
        ({"model.latent_dim": 0, "model.code_noise": 0.1}, ValueError, "code_noise must be 0 where latent_dim is 0"),
        (
            {"model.code": "categorical", "model.train_encoder": False, "model.vat_weight": 1},
            ValueError,
            "vat_weight must be 0 where train_encoder is false",
        ),
        (
            {"model.reconstruction_weight": 0, "model.train_encoder": False},
            ValueError,
            "reconstruction_weight must be positive where no encoder is trained",
        ),
        (
            {"model.reconstruction_weight": 0, "model.regularization_weight": 0},
            ValueError,
            "reconstruction_weight or regularization_weight must be positive",
        ),
        (
            {"model.code": "categorical", "model.num_categories": 2, "model.category_probabilities": [0.5, 0.4]},
            ValueError,
            "category_probabilities must be positive and sum to 1",
        ),
        (
            {"model.discriminator_norm": "paper", "model.discriminator_batching": "separate"},
            ValueError,
            "mean logit the same on the real and on the fake batch",
        ),
        (
            {"data.name": "four_points"},
            ValueError,
            "discriminator_norm must not be 'pre_activation' for four_points where discriminator_batching is",
        ),
        (
            {"model.discriminator_norm": "paper", "model.discriminator_batching": "joint", "model.r1_gamma": 0.1},
            ValueError,
            "r1_gamma must be 0 where discriminator_norm is 'paper'.*but got 0.1",
        ),
    ],
)
def test_rules_name_the_field_and_the_value(values: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run_config(values)


def test_capabilities_follow_the_configuration() -> None:
    assert run_config({}).model.capabilities == {"infer", "generate", "sample"}
    assert run_config({"model.latent_dim": 0}).model.capabilities == {"generate", "sample"}
    for unregularized in ({"model.regularization_weight": 0}, {"model.train_encoder": False}):
        assert run_config(unregularized).model.capabilities == {"infer", "generate"}


def test_the_hash_of_source_sees_code_and_nothing_else(tmp_path: Path) -> None:
    def hash_of(text: str) -> str:
        (tmp_path / "module.py").write_text(text)
        return source_hash(tmp_path)

    first = hash_of('"""Text."""\ndef f(x):\n    """Say."""\n    return x + 1\n')
    assert hash_of("# note\n\ndef f(x):\n    return x  +  1  # why\n") == first
    assert hash_of("def f(x):\n    return x + 2\n") != first
    assert hash_of("def f(x):\n    pass\n") == hash_of('def f(x):\n    """Say."""\n')
    (tmp_path / "other.py").write_text("")
    assert source_hash(tmp_path) != first


def test_streams_differ_by_name_and_replicate_alone() -> None:
    seeds = {stream_seed(replicate, name) for replicate in range(3) for name in ("train/x", "train/n", "init")}
    assert len(seeds) == 9
    assert stream_seed(1, "train/x") == stream_seed(1, "train/x")
