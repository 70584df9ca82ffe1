"""The commands of this project, one line each.

python -m study
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from study.output import print_whole
from study.problems import did_you_mean

ROOT = Path(__file__).resolve().parents[1]

WIDTH = 80
"""Columns of the longest line."""

ORDER = ("launch", "status", "stop", "best", "trials", "reproduce")
"""The commands of every day, in the order in which a study needs them; the others follow by name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the commands; return 0, or 2 where a command is named, since each is a module of its own."""
    words = sys.argv[1:] if arguments is None else arguments
    commands = dict(sorted(_commands(), key=_place))
    named = [word for word in words if word not in ("-h", "--help")]
    if named:
        name = next((item for item in commands if item.rpartition(".")[2] == named[0]), None)
        hint = f"; did you mean python -m {name}?" if name else did_you_mean(named[0], list(commands))
        end = "" if hint.endswith("?") else "."
        print(f"python -m study lists the commands and takes none, but got {named[0]!r}{hint}{end}", file=sys.stderr)
        return 2
    width = max(map(len, commands))
    lines = [f"  python -m {name:{width}}  {_cut(text, WIDTH - width - 14)}" for name, text in commands.items()]
    return 0 if print_whole("\n".join([*lines, "", "Each of them explains itself with --help."])) else 1


def _commands() -> Iterator[tuple[str, str]]:
    """Yield each module that is a command, with the first sentence of its docstring."""
    for package in ("study", "analysis"):
        for path in sorted((ROOT / package).glob("*.py")):
            source = path.read_text(encoding="utf-8")
            if path.stem != "__main__" and '\nif __name__ == "__main__":' in source:
                text = " ".join((ast.get_docstring(ast.parse(source)) or "").split())
                yield f"{package}.{path.stem}", text.partition(". ")[0]


def _cut(text: str, width: int) -> str:
    """Return a sentence, without its last parts where it is too long."""
    while len(text) > width and re.search("[:,]", text):
        text = text[: max(text.rfind(","), text.rfind(":"))]
    return text


def _place(command: tuple[str, str]) -> tuple[bool, int, str]:
    package, _, verb = command[0].partition(".")
    return package != "study", ORDER.index(verb) if verb in ORDER else len(ORDER), verb


if __name__ == "__main__":
    sys.exit(main())
