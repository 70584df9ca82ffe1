"""What is wrong with a study file, where, and what was probably meant. Imports no torch, ray or optuna."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """A place in a file, or a whole source such as a `--set` argument where the line is 0.

    Attributes:
        file: Path of the file, as the user gave it, or the name of another source.
        line: Line, counted from 1; 0 where the source has no lines.
        column: Column, counted from 1.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Problem:
    """One rule that a study breaks.

    Attributes:
        mark: Where.
        path: Dotted path of the value, such as `blocks[0].parameters.model.width`; empty for the file as a whole.
        message: The rule and the value: "must be …, but got …".
    """

    mark: Mark
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.mark}: {self.path}: {self.message}" if self.path else f"{self.mark}: {self.message}"


class SpecError(ValueError):
    """A study that cannot be run. Its text lists every problem, one a line, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        first: dict[tuple[Mark, str], Problem] = {}
        for problem in problems:
            first.setdefault((problem.mark, problem.message), problem)
        self.problems = tuple(
            sorted(first.values(), key=lambda item: (item.mark.file, item.mark.line, item.mark.column))
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))


def shown(value: object) -> str:
    """Return a value as text for a message, cut to a length that a person reads."""
    text = "nothing" if value is None else _as_yaml(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _as_yaml(value: object) -> str:
    """Return a value as YAML writes it in a line, but with texts as Python does."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case list() | tuple():
            return f"[{', '.join(map(_as_yaml, value))}]"
        case dict():
            return "{" + ", ".join(f"{key}: {_as_yaml(item)}" for key, item in value.items()) + "}"
        case _:
            return repr(value)


def did_you_mean(word: object, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known one, or all of them where they are few."""
    near = nearest(str(word), known)
    if near is not None:
        return f"; did you mean {near!r}?"
    return f"; known: {', '.join(known)}" if 0 < len(known) <= 12 else ""


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the known name that is most like `word`, in any case of its letters, or None.

    The last part of a dotted name may stand for it, and so may a word of that, or what it is short for: `lr` and
    `learning_rate` for `train.generator_lr`.
    """
    word, lower = word[:200].lower(), {name.lower(): name for name in reversed(known)}
    endings = [name for name in known if name.lower().rpartition(".")[2] == word]
    matches = endings or [lower[name] for name in difflib.get_close_matches(word, lower, n=1, cutoff=0.6)]
    if matches:
        return matches[0]
    by_ending = {name.lower().rpartition(".")[2]: name for name in reversed(known)}
    endings = difflib.get_close_matches(word.rpartition(".")[2], by_ending, n=1, cutoff=0.75)
    words = word.rpartition(".")[2].split("_")
    short = {word, "".join(part[:1] for part in words)} if len(words) > 1 else {word}
    endings = endings or [name for name in reversed(by_ending) if short & {*name.split("_")}]
    return by_ending[endings[0]] if endings else None
