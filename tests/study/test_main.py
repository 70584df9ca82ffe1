"""`python -m study`, and that its commands answer alike."""

import importlib
import re
from pathlib import Path

import pytest

from study.__main__ import main

ROOT = Path(__file__).parents[2]

COMMANDS = [
    f"{package}.{path.stem}"
    for package in ("study", "analysis")
    for path in sorted((ROOT / package).glob("*.py"))
    if path.stem != "__main__" and "__main__" in path.read_text()
]


def test_every_command_has_one_line_that_fits(capsys):
    assert main([]) == main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = [match[1] for line in lines if (match := re.fullmatch(r"  python -m (\S+) +\S.+", line))]
    assert sorted(found) == sorted([*COMMANDS, *COMMANDS])
    assert found[0] == "study.launch"
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("word", ["best", "bets", "study.bets"])
def test_a_command_that_is_named_here_is_pointed_out(word, capsys):
    assert main([word]) == 2
    assert "study.best" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_refuses_what_it_does_not_know(name, capsys):
    command = importlib.import_module(name).main
    with pytest.raises(SystemExit) as help_asked:
        command(["--help"])
    out = capsys.readouterr().out
    assert (help_asked.value.code, f"usage: python -m {name}" in out) == (0, True)
    with pytest.raises(SystemExit) as refused:
        command(["--nonsense"])
    assert refused.value.code == 2


@pytest.mark.parametrize("name", ["study.best", "study.status", "study.stop", "study.trials"])
def test_a_folder_that_is_not_there_exits_with_2_and_names_the_nearest(name, tmp_path, capsys):
    (tmp_path / "decomposition" / "runs").mkdir(parents=True)
    assert importlib.import_module(name).main([str(tmp_path / "decompositoin")]) == 2
    assert f"Did you mean {tmp_path}/decomposition?" in capsys.readouterr().err
