"""When runs train together: the same numbers, bitwise on a CPU, and worth it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from iae_models import slot_probe
from iae_models.config import run_config
from iae_models.data import ImageData
from iae_models.implicit import Forward, ImplicitAutoencoder
from iae_models.slot_probe import KINKED, SAME, are_same, differences, num_together, speedup
from iae_models.slots import Slots
from tests.iae_models.test_variants import CASES, data_for

CONFIG = run_config(CASES["case 2"])


@pytest.fixture
def data() -> ImageData:
    return data_for(CONFIG)


@pytest.fixture(autouse=True)
def no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what other tests have found."""
    monkeypatch.setattr(slot_probe, "_ANSWERS", {})


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], None]:
    """Return a function that puts a difference and a speedup in the place of those that a probe finds."""

    def put(furthest: float, ratio: float) -> None:
        monkeypatch.setattr(slot_probe, "differences", lambda *_: [0.0, furthest])
        monkeypatch.setattr(slot_probe, "speedup", lambda *_: ratio)

    return put


@pytest.mark.parametrize(
    ("furthest", "ratio", "number"), [(0.0, 1.2, 3), (0.0, 1.05, 1), (1e-9, 5.0, 1), (float("nan"), 5.0, 1)]
)
def test_on_a_cpu_runs_train_together_where_that_is_bitwise_the_same_and_worth_it(
    data: ImageData, found: Callable[[float, float], None], furthest: float, ratio: float, number: int
) -> None:
    found(furthest, ratio)
    assert num_together(CONFIG, 3, data) == number
    assert num_together(CONFIG, 1, data) == 1


@pytest.mark.parametrize(
    ("differences", "on_a_cpu", "elsewhere"),
    [
        ([0.0, 0.0, 0.0], True, True),
        ([0.0, 0.0, 1e-7], False, True),
        ([1e-6, SAME, 7e-3], False, True),  # a ReLU on its other side
        ([1e-6, 2e-5, 3e-5], False, False),
        ([0.0, 0.0, 0.2], False, False),
        ([0.0, 0.0, float("nan")], False, False),
    ],
)
def test_elsewhere_gradients_may_differ_in_their_last_digits(
    differences: list[float], on_a_cpu: bool, elsewhere: bool
) -> None:
    assert are_same(differences, torch.device("cpu")) == on_a_cpu
    assert are_same(differences, torch.device("cuda")) == elsewhere


def test_the_answer_to_one_question_is_kept(data: ImageData, found: Callable[[float, float], None]) -> None:
    found(0.0, 2.0)
    longer = run_config(CASES["case 2"] | {"train.steps": 7000, "train.report_every": 70})
    assert num_together(CONFIG, 3, data) == 3
    found(0.0, 0.5)
    assert num_together(longer, 3, data) == 3
    assert num_together(CONFIG, 4, data) == 1


def test_a_wrong_gradient_is_seen(data: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < max(differences(CONFIG, 2, data)) <= SAME
    monkeypatch.setattr(Slots, "split", lambda slots, x: (x,) if slots.num == 1 else x.flip(0).unbind(0))
    assert min(differences(CONFIG, 2, data)) > KINKED


def test_a_speedup_is_a_ratio_of_times(data: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 9.0, 0.0, 9.0, 0.0, 6.0, 0.0, 2.0, 0.0, 4.0, 0.0, 1.0, 0.0, 8.0, 0.0, 8.0])
    monkeypatch.setattr(slot_probe, "_seconds", lambda _: next(clock))
    short = run_config(CASES["case 2"] | {"train.steps": 1, "train.report_every": 1})
    assert speedup(short, 2, data) == 4.0


def test_what_cannot_be_computed_together_is_not(data: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    terms = ImplicitAutoencoder._autoencoder_terms

    def looking(self: ImplicitAutoencoder, tape: Forward) -> dict[str, Tensor]:
        return {name: term if term.item() > 0 else 2 * term for name, term in terms(self, tape).items()}

    monkeypatch.setattr(ImplicitAutoencoder, "_autoencoder_terms", looking)
    with pytest.raises(RuntimeError, match="item"):
        differences(CONFIG, 2, data)
    assert num_together(CONFIG, 2, data) == 1
