"""YAML with the place of every value, by the rules a person expects. Imports no torch, ray or optuna.

PyYAML's own loader reads `1e-3` as a text and `no` as false, keeps the last of two equal keys in silence, and builds
whatever aliases describe, however large. Here scalars follow the core schema of YAML 1.2 (`true` and `false` are the
only booleans, `1e-3` is a number), equal keys are a problem, and the size of the document is limited.

Reference: Ben-Kiki, Evans and döt Net (2021), YAML 1.2.2, section 10.3. https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from study.problems import Mark, Problem, SpecError, shown

MAX_BYTES = 32 * 1024
"""Length of the longest study file that is read; it takes about a third of a second."""

MAX_NODES = 10_000
"""Largest number of keys and values in a document after its aliases are written out."""

MAX_DEPTH = 40
"""Deepest nesting of a document."""

_TAG = "tag:yaml.org,2002:"
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_NULL = re.compile(r"~|null|Null|NULL|")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


@dataclass(frozen=True)
class Located:
    """A value of a document and its place.

    Attributes:
        value: A text, number, boolean or None; a list of `Located`; or a dict from texts to `Located`.
        mark: Where the value begins.
        keys: Where each key begins, if the value is a dict.
    """

    value: Any
    mark: Mark
    keys: dict[str, Mark] = field(default_factory=dict)

    @property
    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: item.plain for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain for item in self.value]
        return self.value


@dataclass(frozen=True)
class Document:
    """What a YAML text holds.

    Attributes:
        root: Its outermost value.
        text: The text itself.
        problems: What is wrong with it although it could be read: equal keys, keys that are no texts, unknown tags.
    """

    root: Located
    text: str
    problems: tuple[Problem, ...]


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        SpecError: The file cannot be read, is no UTF-8, no YAML, empty or too large.
    """
    return parse_document(_read_text(path), str(path))


def parse_document(text: str, file: str, single_line: bool = False) -> Document:
    """Read a YAML text.

    Args:
        text: The text.
        file: What its marks name as their file.
        single_line: Whether marks leave out line and column, as for a command-line argument.

    Raises:
        SpecError: The text is no YAML, empty or too large.
    """
    if len(text) > MAX_BYTES:
        raise _error(Mark(file), f"the text must be at most {MAX_BYTES} characters long, but got {len(text)}")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, file, single_line) from error
    except RecursionError as error:
        mark = Mark(file) if single_line else Mark(file, loader.line + 1, loader.column + 1)
        raise _error(mark, f"values must be nested at most {MAX_DEPTH} deep") from error
    if node is None:
        raise _error(Mark(file), "must hold a study, but is empty")
    reader = _Reader(file, single_line)
    return Document(reader.read(node, "", 0), text, tuple(reader.problems))


class _Loader(yaml.SafeLoader):
    """Leaves the tag of an untagged value empty, so that a tag in the text is told from one that PyYAML infers."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:  # noqa: ARG002
        return ""

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:  # noqa: N803
        # the scanner looks far ahead, in a time that grows with the square of the depth
        if self.flow_level >= MAX_DEPTH:
            raise RecursionError
        super().fetch_flow_collection_start(TokenClass)


class _Reader:
    """Turns PyYAML's nodes into located values and counts them, so that aliases cannot multiply without end."""

    def __init__(self, file: str, single_line: bool) -> None:
        self.file = file
        self.single_line = single_line
        self.problems: list[Problem] = []
        self.num_nodes = 0

    def read(self, node: yaml.Node, path: str, depth: int) -> Located:
        mark = self.mark(node)
        self.num_nodes += 1
        if self.num_nodes > MAX_NODES:
            raise _error(mark, f"the document must hold at most {MAX_NODES} values after its aliases are written out")
        if depth > MAX_DEPTH:
            raise _error(mark, f"values must be nested at most {MAX_DEPTH} deep (does an alias hold itself?)")
        if node.tag:
            message = f"a value must have no tag of its own, but got {shown(node.tag)}"
            self.problems.append(Problem(mark, path, message))
        if isinstance(node, yaml.MappingNode):
            return self.read_mapping(node, path, depth, mark)
        if isinstance(node, yaml.SequenceNode):
            items = [self.read(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value)]
            return Located(items, mark)
        return Located(self.scalar(node, path), mark)

    def read_mapping(self, node: yaml.MappingNode, path: str, depth: int, mark: Mark) -> Located:
        values: dict[str, Located] = {}
        marks: dict[str, Mark] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node, path)
            place = f"{path}.{key}" if path else str(key)
            value = self.read(value_node, place, depth + 1)
            if key is None:
                continue
            if key == "<<":
                message = "there must be no merge key, which YAML 1.2 does not have; write the keys, or use extends"
                self.problems.append(Problem(self.mark(key_node), place, message))
            if key in values:
                message = f"a key must be given once, but {shown(key)} was already given in line {marks[key].line}"
                self.problems.append(Problem(self.mark(key_node), place, message))
                continue
            values[key], marks[key] = value, self.mark(key_node)
        return Located(values, mark, marks)

    def key(self, node: yaml.Node, path: str) -> str | None:
        value = self.scalar(node, path) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(value, str):
            return value
        got = shown(value) if isinstance(node, yaml.ScalarNode) else "a list or a mapping"
        self.problems.append(Problem(self.mark(node), path, f"a key must be a text, but got {got}"))
        return None

    def scalar(self, node: yaml.Node, path: str) -> Any:
        if not isinstance(node, yaml.ScalarNode) or node.style is not None or node.tag:
            return node.value
        value = plain_scalar(node.value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
            message = f"an integer must have at most 64 bits, but got {shown(node.value)}"
            self.problems.append(Problem(self.mark(node), path, message))
            return 0
        return value

    def mark(self, node: yaml.Node) -> Mark:
        if self.single_line:
            return Mark(self.file)
        return Mark(self.file, node.start_mark.line + 1, node.start_mark.column + 1)


def plain_scalar(text: str) -> str | int | float | bool | None:
    """Return the value of an unquoted scalar in the core schema of YAML 1.2."""
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        # Python refuses to convert many thousands of digits; such a number is out of range anyway.
        return int(text[:4000], 0 if text[1:2] in ("o", "x") else 10)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _read_text(path: Path) -> str:
    mark = Mark(str(path))
    try:
        if path.is_dir():
            raise _error(mark, "must be a YAML file, but is a directory")
        if not path.exists():
            raise _error(mark, f"must be a YAML file, but there is no such file{_similar_file(path)}")
        if not path.is_file():
            raise _error(mark, "must be a regular file, but is a device or a pipe")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _error(mark, f"must be readable, but is not: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise _error(mark, f"must be at most {MAX_BYTES} bytes long, but is longer")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mark = Mark(str(path), data.count(b"\n", 0, error.start) + 1, error.start - data.rfind(b"\n", 0, error.start))
        reason = f"the byte 0x{data[error.start]:02x} is no part of it"
        raise _error(mark, f"must be UTF-8 text, but is not: {reason}") from error


def _similar_file(path: Path) -> str:
    folder = path.parent
    names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {str(folder / near[0])!r}?" if near else ""


def _syntax_error(error: yaml.YAMLError, text: str, file: str, single_line: bool) -> SpecError:
    place = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    mark = Mark(file) if single_line or place is None else Mark(file, place.line + 1, place.column + 1)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    if isinstance(error, yaml.reader.ReaderError) and not single_line:
        before = text[: error.position]
        mark = Mark(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        reason = f"the character {shown(chr(error.character))} is not allowed"
    if isinstance(error, yaml.composer.ComposerError) and "document" in str(error):
        reason = "there must be one document, but another begins here"
    if "'\\t'" in reason:
        reason += " (indent with spaces, not with tabs)"
    return _error(mark, f"must be YAML, but is not: {reason}")


def _error(mark: Mark, message: str) -> SpecError:
    return SpecError([Problem(mark, "", message)])
