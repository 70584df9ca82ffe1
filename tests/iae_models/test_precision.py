"""In which precision a step multiplies: only products change, and only where it is asked for."""

import dataclasses

import pytest
import torch

from iae_models.config import RunConfig, run_config
from iae_models.precision import cast_to, in_single_precision, products_in
from iae_models.training import TrainState, evaluation_model, initial_state, train
from tests.iae_models.test_variants import CASES, EVERY_TERM, data_for

CPU = torch.device("cpu")


def trained(config: RunConfig) -> TrainState:
    state = initial_state(config, 0, product="torch")
    list(train(state, data_for(config), config))
    return state


def in_precision(values: dict[str, object], precision: str) -> RunConfig:
    config = run_config(values | {"train.steps": 2, "train.report_every": 2})
    return dataclasses.replace(config, train=dataclasses.replace(config.train, precision=precision))


@pytest.mark.parametrize("name", EVERY_TERM)
def test_every_variant_trains_in_bfloat16_with_weights_in_single_precision(name: str) -> None:
    state = trained(in_precision(CASES[name], "bfloat16"))
    assert {value.dtype for value in state.variant.parameters()} == {torch.float32}
    other = trained(in_precision(CASES[name], "float32"))
    pairs = [*zip(state.variant.parameters(), other.variant.parameters(), strict=True)]
    # Adam's first steps have the length of the learning rate, whatever the gradient
    assert all((one - two).abs().max() < 0.01 for one, two in pairs if one.numel())
    assert any(not torch.equal(one, two) for one, two in pairs)


def test_on_a_cpu_tf32_is_single_precision() -> None:
    one, other = (trained(in_precision(CASES["case 4"], name)) for name in ("float32", "tf32"))
    assert all(map(torch.equal, one.variant.parameters(), other.variant.parameters()))


def test_a_model_trained_in_bfloat16_is_measured_in_single_precision() -> None:
    config = in_precision(CASES["case 4"], "bfloat16")
    state, data = trained(config), data_for(config)
    x = data.validation.images()
    z = evaluation_model(state, data).infer(x, x.new_zeros(len(x), 0))
    plain = initial_state(in_precision(CASES["case 4"], "float32"), 0, product="torch")
    plain.variant.load_state_dict(state.variant.state_dict())
    for name, value in state.average.items():
        plain.average[name].copy_(value)
    assert torch.equal(z, evaluation_model(plain, data).infer(x, x.new_zeros(len(x), 0)))


def test_products_are_rounded_within_and_exact_without() -> None:
    x = torch.full((2, 2), 1 + 2**-12)
    with cast_to("bfloat16", CPU):
        assert (x @ x).dtype == torch.bfloat16
        with in_single_precision(x):
            assert torch.equal(x @ x, 2 * x * x)
    with cast_to("float32", CPU), products_in("float32", CPU):
        assert torch.equal(x @ x, 2 * x * x)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match=r"precision must be one of .*, but got 'half'"):
        run_config({"train.precision": "half"})
