"""The study that a folder holds, from its own files: what the verbs go by that look at a folder alone.

Imports no torch, ray or optuna.
"""

from __future__ import annotations

from pathlib import Path

from study.access import reading
from study.extends import Source, recorded_document
from study.failures import BadInput
from study.plan import Plan, make_plan
from study.problems import SpecError
from study.records import StudyFolder, read_json
from study.spec import StudySpec, read_spec


def recorded_study(folder: StudyFolder) -> StudySpec:
    """Return the study as it was launched last, with its overrides, wherever the folder lies now.

    Raises:
        BadInput: Its record is not there or damaged, or today's rules refuse it.
    """
    try:
        record = read_json(folder.resolved)["spec"]
        name = str(record["name"])
        sources = tuple(Source(str(item["path"]), str(item["text"])) for item in record["sources"])
        overrides, smoke = [str(item) for item in record["overrides"]], bool(record["smoke"])
        text = folder.specification.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BadInput(f"{folder.root} holds no study yet: there is no {Path(error.filename).name}.") from error
    except (KeyError, TypeError) as error:
        raise BadInput(f"{folder.resolved} must be what a launch writes, but is not: {error}.") from error
    except (OSError, ValueError) as error:
        raise BadInput(str(error)) from error
    try:
        document = recorded_document(text, str(folder.specification), sources)
        spec, problems = read_spec(document, sources, overrides, smoke, name)
    except SpecError as error:
        raise BadInput(str(error)) from error
    if problems:
        raise BadInput(str(SpecError(problems)))
    return spec


def recorded_plan(spec: StudySpec, folder: StudyFolder) -> Plan:
    """Return what is done and to do in a folder.

    Raises:
        BadInput: A record is damaged or cannot be read; the message names it.
    """
    with reading(folder):
        try:
            return make_plan(spec, folder)
        except ValueError as error:
            raise BadInput(str(error)) from error
