import pytest

from study import agreed
from study.agreed import agreed_product, settle
from study.records import read_json


def test_the_first_worker_decides_for_all(folder, monkeypatch):
    monkeypatch.setattr(agreed, "fastest_product", lambda: "onednn")
    assert agreed_product(folder) == "onednn"
    monkeypatch.setattr(agreed, "fastest_product", lambda: "torch")
    assert agreed_product(folder) == "onednn"
    monkeypatch.setattr(agreed, "processor", lambda: "another one")
    assert agreed_product(folder) == "torch"
    assert len(list(folder.choices.iterdir())) == 2


def test_a_choice_that_came_later_changes_nothing(folder, monkeypatch):
    path = folder.choices / "here.json"
    settle(path, {"product": "torch"})
    settle(path, {"product": "onednn"})
    assert read_json(path) == {"product": "torch"}

    def no_links(*_):
        raise PermissionError

    monkeypatch.setattr(agreed.os, "link", no_links)
    settle(path, {"product": "onednn"})
    assert read_json(path) == {"product": "torch"}
    settle(folder.choices / "there.json", {"product": "onednn"})
    assert sorted(item.name for item in folder.choices.iterdir()) == ["here.json", "there.json"]


def test_a_choice_that_cannot_be_read_is_named(folder):
    agreed_product(folder)
    (path,) = folder.choices.iterdir()
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"must name a product, but has none"):
        agreed_product(folder)
