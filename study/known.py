"""What a study folder knows of configurations, for the searches to begin with. Imports no ray, no torch."""

from __future__ import annotations

from collections.abc import Container, Iterator

from iae_models.config import config_key, run_config
from study.block_search import Known
from study.configurations import Configurations
from study.plan import Plan
from study.planned import CONFIRM_FIRST
from study.records import RunFolder, StudyFolder, read_json, run_status
from study.scores import score_over_replicates
from study.spec import StudySpec


def known_configurations(
    spec: StudySpec, folder: StudyFolder, plan: Plan, configurations: Configurations
) -> list[Known]:
    """Return every configuration that the plan wants, and every other one that ran in the folder."""
    known = []
    for key in configurations:
        run = configurations.first_run(key)
        score = configurations.score(key)
        known.append(Known(run.config, run.label, run.proposed_by, run.trial, score, run.sampler))
    return [*known, *_known_extras(spec, folder, plan, configurations)]


def _known_extras(spec: StudySpec, folder: StudyFolder, plan: Plan, wanted: Container[str]) -> Iterator[Known]:
    """Yield what the folder knows of configurations that the plan does not want.

    What never came to an end is not known, so that a search may propose it again.
    """
    members: dict[str, list[RunFolder]] = {}
    for key in plan.extra:
        name, _, replicate = key.rpartition("-")
        if name in wanted or (replicate.isdigit() and int(replicate) >= CONFIRM_FIRST):
            continue
        if run_status(folder.run(key)) in ("finished", "failed"):
            members.setdefault(name, []).append(folder.run(key))
    for name, runs in members.items():
        record = read_json(runs[0].run)
        try:
            config = run_config(record["config"])
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        # A record holds changed fields alone: under another recipe, or on other data, they describe another run.
        if config_key(config) == name:
            score = score_over_replicates(runs, plan.results, spec.objectives, spec.aggregate)
            block = str(record.get("block", "")) if record.get("origin") == "search" else ""
            yield Known(config, str(record.get("label", "")), block, record.get("trial"), score)
