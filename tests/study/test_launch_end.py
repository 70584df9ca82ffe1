import pytest

from study import launch_end
from study.launch_end import copy_note, end_launch


@pytest.fixture(autouse=True)
def _no_report(monkeypatch):
    monkeypatch.setattr(launch_end, "_report", lambda folder: folder.report)
    monkeypatch.setattr(launch_end, "_print_problems", lambda _: None)


@pytest.mark.parametrize(
    ("storage", "address"),
    [
        (None, "sqlite:///{root}/optuna.db"),
        ("journal", "{root}/optuna.journal"),
        ("sqlite:////data/shared.db", "sqlite:////data/shared.db"),
        ("postgresql://me:s3cret@host:5432/optuna", "postgresql://me:PASSWORD@host:5432/optuna"),
    ],
)
def test_the_dashboard_is_pointed_at_where_the_searches_are(folder, capsys, storage, address):
    assert end_launch(folder, storage, ["A note."], 0) == 0
    out = capsys.readouterr().out
    assert f"optuna-dashboard {address.format(root=folder.root)}  the searches" in " ".join(out.split()).replace(
        " the searches", "  the searches"
    )
    assert out.startswith("A note.\n")
    assert "s3cret" not in out


def test_the_copy_is_called_what_it_is():
    assert copy_note(None, "full") == "optuna.db is not up to date (full); the next launch writes it anew."
    assert copy_note("journal", "full").startswith("optuna.journal is not up to date")
    assert copy_note("sqlite:///x.db", "full").startswith("The copy of the searches in the database is not up to date")
    assert copy_note(None, "") == ""
