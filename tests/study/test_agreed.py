import pytest

from study import agreed
from study.agreed import agreed_product


def test_the_first_worker_decides_for_all(folder, monkeypatch):
    monkeypatch.setattr(agreed, "fastest_product", lambda: "onednn")
    assert agreed_product(folder) == "onednn"
    monkeypatch.setattr(agreed, "fastest_product", lambda: "torch")
    assert agreed_product(folder) == "onednn"
    monkeypatch.setattr(agreed, "processor", lambda: "another one")
    assert agreed_product(folder) == "torch"
    assert len(list(folder.choices.iterdir())) == 2


def test_a_choice_that_cannot_be_read_is_named(folder):
    agreed_product(folder)
    (path,) = folder.choices.iterdir()
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"must name a product, but has none"):
        agreed_product(folder)
