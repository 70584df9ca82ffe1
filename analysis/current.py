"""Whether the report of a study folder is that of what lies there now, so that it need not be written again.

A report keeps a digest of what it is made of (the name, size and time of every file that it may have read, what
`study.json` says, and the code of the analysis) and one of its own files. A copied folder has other times, so its
report is written again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from analysis.whole_files import atomic_path
from study.records import TEMPORARY, StudyFolder

DIGEST = "made_of.txt"
"""Name of the digest in the report's folder."""

UNREAD = re.compile(rf"events\.out\.tfevents\..*|weights\.safetensors|progress\.jsonl|made_of\.txt|{TEMPORARY.pattern}")
"""Files that no report reads, and the digest itself."""

SOURCES = (".py", ".css", ".html", ".js")


def digest_of(folder: StudyFolder) -> str:
    """Return a digest of all that a report of the folder is made of."""
    digest = hashlib.sha256(_code().encode())
    if folder.resolved.is_file():
        digest.update(folder.resolved.read_bytes())
    for line in _files(folder, (folder.history, folder.classifiers, folder.runs)):
        digest.update(line.encode())
    return digest.hexdigest()


def is_current(folder: StudyFolder) -> bool:
    """Return whether the report is as it was written, from what lies in the folder now and by the code of now."""
    try:
        kept = (folder.report / DIGEST).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return False
    return kept == f"{digest_of(folder)} {_digest_of_report(folder)}"


def keep_digest(folder: StudyFolder, digest: str) -> None:
    """Write what a report was made of; the last of its files."""
    with atomic_path(folder.report / DIGEST) as temporary:
        temporary.write_text(f"{digest} {_digest_of_report(folder)}", encoding="utf-8")


def forget_digest(folder: StudyFolder) -> None:
    """Let the report count as out of date until it is whole again."""
    (folder.report / DIGEST).unlink(missing_ok=True)


def _digest_of_report(folder: StudyFolder) -> str:
    digest = hashlib.sha256()
    for line in _files(folder, (folder.report,)):
        digest.update(line.encode())
    return digest.hexdigest()


def _files(folder: StudyFolder, places: Iterable[Path]) -> Iterator[str]:
    """Yield a line for each file in some places that counts."""
    for place in places:
        for root, folders, names in os.walk(place):
            folders.sort()
            for name in sorted(names):
                if not UNREAD.fullmatch(name):
                    path = os.path.join(root, name)  # noqa: PTH118 - tens of thousands of them
                    status = os.stat(path)  # noqa: PTH116
                    yield f"{os.path.relpath(path, folder.root)} {status.st_size} {status.st_mtime_ns}\n"


@cache
def _code() -> str:
    """Return a hash of everything in the packages that make a report."""
    digest = hashlib.sha256()
    packages = Path(__file__).resolve().parents[1]
    for package in ("analysis", "study", "iae_models"):
        for path in sorted((packages / package).rglob("*")):
            if path.suffix in SOURCES:
                digest.update(path.read_bytes())
    return digest.hexdigest()
