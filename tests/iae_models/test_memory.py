"""What a plan says of memory against what tensors took: every storage is seen from its making to its end."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from analysis.measures.suite import quick_suite
from iae_models.config import run_config
from iae_models.costs import measuring_bytes, training_bytes
from iae_models.data import load
from iae_models.training import evaluation_model, initial_state, train
from tests.iae_models.test_variants import CASES, data_for

LEAST, MOST = 0.95, 1.7
"""An estimate is between these parts of the peak that it is for; docs/performance.md states them."""


class Storages(TorchDispatchMode):
    """Counts the bytes of the storages that operations make, as long as they are held.

    Attributes:
        now: Bytes held.
        peak: The most that were held at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._held: dict[int, int] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for item in tree_leaves(out):
            if isinstance(item, Tensor):
                self._hold(item.untyped_storage())
        return out

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._held:
            self._held[key] = storage.nbytes()
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._drop, key)

    def _drop(self, key: int) -> None:
        self.now -= self._held.pop(key, 0)


def test_storages_are_counted_while_they_are_held() -> None:
    with Storages() as storages:
        x = torch.zeros(1000)
        y = x.view(10, 100)
        z = x + 1
        assert (storages.now, storages.peak) == (8000, 8000)
        del x, y
        assert storages.now == 4000
        del z
    assert (storages.now, storages.peak) == (0, 8000)


@pytest.mark.parametrize(
    "name",
    ["case 2", "r1", "clustering, regularized", "semi-supervised", "avb", "gan", "infogan", "ali", "fiae", "cyclegan"],
)
def test_a_plan_knows_what_training_takes(name: str) -> None:
    size = {} if CASES[name].get("data.name") == "digits_two_styles" else {"model.width": 0.125}
    config = run_config(CASES[name] | size | {"train.batch_size": 64, "train.steps": 3, "train.report_every": 1})
    data = data_for(config)
    with Storages() as storages:
        list(train(initial_state(config, 0, product="torch"), data, config))
    assert LEAST * storages.peak <= training_bytes(config) <= MOST * storages.peak


@pytest.mark.parametrize("code", ["gaussian", "categorical"])
def test_a_plan_knows_what_measuring_takes(code: str) -> None:
    config = run_config({"model.width": 0.125, "model.code": code, "train.steps": 1})
    data = load("embedded_digits")
    with Storages() as storages:
        state = initial_state(config, 0, product="torch")
        list(train(state, data, config))
        storages.peak = storages.now
        model, untrained = evaluation_model(state, data), evaluation_model(initial_state(config, 0), data)
        quick_suite(model, untrained, data, None, 0)
    assert LEAST * storages.peak <= measuring_bytes(config) <= MOST * storages.peak
