"""A study file that goes on from another: `extends`. Imports no torch, ray or optuna.

    extends: ../common/base.yaml        # relative to this file; that one may extend a third
    parameters: {train.steps: 4000}     # replaces this key and keeps the others
    blocks:
      - name: gaussian                  # a block of the other file: its keys are replaced one by one
        parameters: {model.noise_dim: {grid: [10]}}
      - name: wide                      # a new block, after those of the other file
        parameters: {model.width: 1}

`parameters` merge by key, at the top and within a block of the same name; every other key replaces the other file's as
a whole. Only the name is not taken over, since two studies would share a folder. A problem names the file that it
stands in. `--set` and `--smoke` act on the result.

A study folder keeps the file that was launched word for word as `study.yaml`, and the texts of the files that it
extends in `study.json`, under `spec.sources`, the nearest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from study.problems import Problem, SpecError, shown
from study.yaml_source import Document, Located, parse_document, read_document

MAX_FILES = 10
"""Longest chain of files."""


@dataclass(frozen=True)
class Source:
    """A file that a study extends.

    Attributes:
        path: The file, as the study named it, relative to where the command ran.
        text: What it holds, word for word.
    """

    path: str
    text: str


def read_study(path: Path) -> tuple[Document, tuple[Source, ...]]:
    """Read a study file and what it extends.

    Returns:
        The merged document, with the text of the file itself; and the files that it extends, the nearest first.

    Raises:
        SpecError: A file cannot be read, or the files go round in a circle.
    """
    return _read(path, ())


def recorded_document(text: str, file: str, sources: Sequence[Source]) -> Document:
    """Merge the texts of a study and of what it extended, as a study folder keeps them.

    Args:
        text: The study file, word for word.
        file: What its marks name as their file.
        sources: What it extends, the nearest first.

    Raises:
        SpecError: A text is no YAML.
    """
    document = parse_document(text, file)
    own = _without(document.root, "extends")
    if not sources:
        return Document(own, text, document.problems)
    nearest, *further = sources
    base = recorded_document(nearest.text, nearest.path, further)
    merged = _merged(_without(base.root, "name"), own)
    return Document(merged, text, (*document.problems, *base.problems))


def _read(path: Path, above: Sequence[Path]) -> tuple[Document, tuple[Source, ...]]:
    document = read_document(path)
    root = document.root
    if not isinstance(root.value, dict) or "extends" not in root.value:
        return document, ()
    named = root.value["extends"]
    own = _without(root, "extends")
    if not isinstance(named.value, str) or not named.value:
        problem = Problem(named.mark, "extends", f"must be the path of a study file, but got {shown(named.plain)}")
        return Document(own, document.text, (*document.problems, problem)), ()
    files = [*above, path]
    other = path.parent / named.value
    if any(_same(other, file) for file in files):
        circle = " → ".join(str(file) for file in [*files, other])
        raise SpecError([Problem(named.mark, "extends", f"must not go round in a circle, but got {circle}")])
    if len(files) >= MAX_FILES:
        raise SpecError([Problem(named.mark, "extends", f"must be a chain of at most {MAX_FILES} files")])
    if not other.is_file():
        # the mistake is in this line, and not in a file that is not there
        reason = _reason(other)
        raise SpecError([*document.problems, Problem(named.mark, "extends", reason)])
    base, sources = _read(other, files)
    merged = _merged(_without(base.root, "name"), own)
    problems = (*document.problems, *base.problems)
    return Document(merged, document.text, problems), (Source(str(other), base.text), *sources)


def _reason(path: Path) -> str:
    try:
        read_document(path)
    except SpecError as error:
        rule, semicolon, hint = error.problems[0].message.partition(";")
        return f"{rule}: {path}{semicolon}{hint}"
    return f"must be a YAML file, but got {path}"


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False


def _merged(base: Located, own: Located) -> Located:
    """Return a study with the keys of both, those of `own` before those of `base`."""
    if not isinstance(base.value, dict):
        return base if isinstance(own.value, dict) else own
    merged = _by_key(base, own)
    for key, join in (("parameters", _by_key), ("blocks", _by_name)):
        if key in base.value and key in own.value:
            merged.value[key] = join(base.value[key], own.value[key])
    return merged


def _by_key(base: Located, own: Located) -> Located:
    if not isinstance(base.value, dict) or not isinstance(own.value, dict):
        return own
    return Located({**base.value, **own.value}, own.mark, {**base.keys, **own.keys})


def _by_name(base: Located, own: Located) -> Located:
    if not isinstance(base.value, list) or not isinstance(own.value, list):
        return own
    blocks = list(base.value)
    places = {name: index for index, block in enumerate(blocks) if (name := _name_of(block)) is not None}
    for block in own.value:
        name = _name_of(block)
        if name is None or name not in places:
            blocks.append(block)
            continue
        former = blocks[places[name]]
        merged = _by_key(former, block)
        if "parameters" in former.value and "parameters" in block.value:
            merged.value["parameters"] = _by_key(former.value["parameters"], block.value["parameters"])
        blocks[places[name]] = merged
    return Located(blocks, own.mark)


def _name_of(block: Located) -> str | None:
    name = block.value.get("name") if isinstance(block.value, dict) else None
    return name.value if name is not None and isinstance(name.value, str) else None


def _without(node: Located, key: str) -> Located:
    if not isinstance(node.value, dict):
        return node
    values = {name: item for name, item in node.value.items() if name != key}
    return Located(values, node.mark, {name: mark for name, mark in node.keys.items() if name != key})
