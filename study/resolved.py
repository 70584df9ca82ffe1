"""What a study folder says of its study: `study.yaml` and `study.json`. Imports no torch, ray or optuna.

`study.json` also says which runs belong to the study of today. A run's own `run.json` says what it was when it was
first planned, which a changed specification may have overtaken.
"""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from analysis.whole_files import write_whole
from study.plan import Plan
from study.provenance import versions
from study.records import StudyFolder, read_json, write_json
from study.spec import StudySpec, as_json


def write_study(spec: StudySpec, folder: StudyFolder, plan: Plan, launched_at: datetime) -> None:
    """Write the specification word for word and resolved; a former, different text is kept under a number.

    What it extended is kept beside it, in the former `study.json`.

    The runs of the grids are listed in the order of the plan, each with the block and label that it has today. The
    `extra` runs lie in the folder and are not wanted. What is in neither list was proposed by a search.
    """
    folder.root.mkdir(parents=True, exist_ok=True)
    _keep_former(spec, folder)
    write_whole(folder.specification, spec.text.encode())
    resolved = as_json(spec)
    study = {
        **{key: resolved[key] for key in ("name", "question", "blocks", "objectives", "smoke", "oracle")},
        "spec": resolved,
        "runs": [
            {"key": run.key, "block": run.block, "label": run.label} for run in plan.wanted if run.origin == "grid"
        ],
        "extra": list(plan.extra),
        "versions": versions(),
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cpus": os.cpu_count()},
        "launched_at": launched_at.astimezone(UTC).isoformat(timespec="seconds"),
    }
    write_json(folder.resolved, study)


def last_launch(folder: StudyFolder) -> datetime | None:
    """Return when the last launch began that ran something, as far as `study.json` says."""
    try:
        return datetime.fromisoformat(read_json(folder.resolved)["launched_at"])
    except (OSError, KeyError, TypeError, ValueError):
        return None


def readmit(folder: StudyFolder, keys: Collection[str]) -> None:
    """Take runs out of the `extra` ones, because a search now wants what an earlier specification left behind."""
    if folder.resolved.is_file():
        study = read_json(folder.resolved)
        write_json(folder.resolved, study | {"extra": [key for key in study["extra"] if key not in keys]})


def _keep_former(spec: StudySpec, folder: StudyFolder) -> None:
    if not folder.specification.is_file():
        return
    former = read_json(folder.resolved) if folder.resolved.is_file() else {}
    extended = former.get("spec", {}).get("sources", [])
    is_same = extended == [dataclasses.asdict(source) for source in spec.sources]
    if is_same and folder.specification.read_text(encoding="utf-8") == spec.text:
        return
    number = 0
    while (folder.root / f"study.{number + 1}.yaml").exists():
        number += 1
    # a launch that was killed before it wrote the new text has kept this one already
    if not number or not _is_kept(folder, number, former if extended else {}):
        number += 1
    write_whole(folder.root / f"study.{number}.yaml", folder.specification.read_bytes())
    if extended:
        write_json(folder.root / f"study.{number}.json", former)


def _is_kept(folder: StudyFolder, number: int, former: Mapping[str, Any]) -> bool:
    """Return whether the text of a number is that of today, with what it extended as far as that is kept."""
    kept, resolved = (folder.root / f"study.{number}.{suffix}" for suffix in ("yaml", "json"))
    if kept.read_bytes() != folder.specification.read_bytes():
        return False
    return not resolved.is_file() or read_json(resolved) == former
