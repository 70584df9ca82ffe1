"""Hashes of source code: which code made a run. Imports no torch."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path


@cache
def code_hash() -> str:
    """Return a hash of the source of the models and their training."""
    return source_hash(Path(__file__).parent)


def source_hash(root: Path) -> str:
    """Return twelve hexadecimal digits for the Python source in a file or folder; layout and comments do not count."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(_code_of(path.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:12]


def _code_of(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if isinstance(body, list):
                # a statement that is only a text is a docstring, of whatever it stands in or below
                body[:] = [item for item in body if not _is_text(item)] or [ast.Pass()]
    return ast.unparse(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
