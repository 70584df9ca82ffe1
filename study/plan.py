"""Which runs a study wants, which its folder already holds, and what is left. Imports no torch, ray or optuna.

The folder is the truth: launching a study runs the difference between what the specification wants and what is
finished. That one rule resumes after a kill, repeats failures, and adds replicates, grid values or budget.

A study wants, in this order: the cells of its grids; what its searches have proposed; the replicates that were added to
these, because a search proposed a configuration again or because an interval is wide; and, when all of that has ended
and no search has runs left, the runs that confirm the winners. `budget.runs` is the total of all but the last. A
replicate that a scheduler kept from beginning takes nothing from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from iae_models.config import code_hash_of, flatten, run_config
from study.blocks import Block
from study.configurations import Configurations
from study.launches import hours_used, launches_of
from study.planned import ADAPTIVE, CONFIRM_FIRST, PlannedRun, grid_runs, searched_runs, takes_from_search
from study.records import RunFolder, StudyFolder, read_json, run_status
from study.results import Result, read_result
from study.space_size import is_used_up
from study.spec import StudySpec

__all__ = ["ADAPTIVE", "CONFIRM_FIRST", "Plan", "PlannedRun", "grid_runs", "make_plan", "other_code", "searched_runs"]


@dataclass(frozen=True)
class Plan:
    """The difference between a specification and a study folder.

    Attributes:
        wanted: Every run of the grids, then every run that searches have already proposed and that is still wanted,
            then the adaptive ones.
        finished: Keys of wanted runs that have a result.
        failed: Keys of wanted runs whose last attempt failed; they are to do again.
        pruned: Keys of wanted runs that a scheduler ended early, or that belong to a configuration of which it did.
            Without a scheduler there are none: what a former one ended is to do.
        unfinished: Keys of wanted runs that have a checkpoint to go on from.
        todo: Wanted runs without an end, in the order in which they start.
        later: What is left of these for another launch, where this one is confined to some cells.
        chosen: Keys of the runs that it is confined to; None where it is not.
        search_runs: Runs that each searching block may still propose, whole configurations only.
        confirm_runs: Most runs that may still be added to confirm winners that are not known yet.
        room: Runs that the budget leaves beyond the wanted ones; None where it states none.
        used: Runs of the budget that each searching block has had.
        extra: Keys of runs in the folder that the specification does not want any more; they are kept.
        run_time_s: Mean seconds that a finished run took to train and measure, or None before there is one.
        renamed: Wanted runs whose record says another origin, of a time when the study wanted them for another reason.
        hours_used: Hours of the budget that earlier launches have had.
        results: What every finished run of the folder came to, the extra ones included, by key.
    """

    wanted: tuple[PlannedRun, ...]
    finished: frozenset[str]
    failed: frozenset[str]
    todo: tuple[PlannedRun, ...]
    search_runs: Mapping[str, int]
    extra: tuple[str, ...]
    run_time_s: float | None = None
    results: Mapping[str, Result] = field(default_factory=dict)
    pruned: frozenset[str] = frozenset()
    confirm_runs: int = 0
    room: int | None = None
    used: Mapping[str, int] = field(default_factory=dict)
    unfinished: frozenset[str] = frozenset()
    later: tuple[PlannedRun, ...] = ()
    chosen: frozenset[str] | None = None
    hours_used: float = 0.0
    renamed: tuple[PlannedRun, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to run, to propose or to confirm."""
        return not self.todo and not any(self.search_runs.values()) and not self.confirm_runs


def make_plan(spec: StudySpec, folder: StudyFolder) -> Plan:
    """Compare what a study wants with what its folder holds. Nothing is written.

    Raises:
        ValueError: A record in the folder cannot be read; the message names it.
    """
    folders = {item.key: item for item in folder.run_folders()}
    states: dict[str, str] = {key: run_status(item) for key, item in folders.items()}
    results = {key: read_result(folders[key], spec.objectives) for key, state in states.items() if state == "finished"}
    stopped = {key for key, state in states.items() if state == "pruned"} if spec.scheduler is not None else set()
    grid = grid_runs(spec)
    in_grid = {run.key for run in grid}
    records = {key: read_json(item.run) for key, item in folders.items() if key not in in_grid}
    proposed = _proposed_runs(spec, records, in_grid)
    pruned_keys = {run.config_key for run in (*grid, *proposed) if run.key in stopped}
    pruned = frozenset(
        run.key for run in (*grid, *proposed) if run.config_key in pruned_keys and run.key not in results
    )
    ended = results.keys() | pruned
    free = frozenset(key for key in pruned if not (key in stopped and _began(folders[key])))
    budget = _Budget(spec.budget.runs, ended, free)

    configurations = Configurations(spec, folder, results)

    def take(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
        for run in runs:
            configurations.add(run, is_open=run.key not in ended)
            if run.key in stopped:
                configurations.prune(run)
        return list(runs)

    budget.spend(grid)
    wanted = take(grid)
    wanted += take(budget.keep(proposed))
    recorded = _adaptive_runs(spec, records, configurations, {run.key for run in wanted})
    wanted += take(budget.keep([run for run in recorded if run.origin != "confirm"]))
    wanted += take(list(_seeds(configurations, budget, results)))
    used = _used_by_block(spec, [run for run in wanted if run.key not in free])
    configs = {run.config_key: run.config for run in wanted}.values()
    is_open = {block.name: not is_used_up(block, configs) for block in spec.blocks if block.name in used}
    open_blocks = {name: number for name, number in used.items() if is_open[name]}
    search_runs = dict.fromkeys(used, 0) | shares(spec, budget.room or 0, open_blocks)
    wanted += take([run for run in recorded if run.origin == "confirm" and run.key in results])
    is_ready = not any(search_runs.values()) and all(run.key in ended for run in wanted)
    if is_ready:
        wanted += take(configurations.confirming_runs())
    keys = {run.key for run in wanted}
    finished = frozenset(results.keys() & keys)
    # what confirms a winner of an earlier day waits for the winners of today
    confirming = {run.key for run in recorded if run.origin == "confirm"}
    return Plan(
        wanted=tuple(wanted),
        finished=finished,
        failed=frozenset(key for key in keys - ended if states.get(key) == "failed"),
        todo=tuple(run for run in wanted if run.key not in ended),
        search_runs=search_runs,
        extra=tuple(sorted(set(folders) - keys - confirming)),
        run_time_s=fmean(results[key].run_time_s for key in finished) if finished else None,
        results=results,
        pruned=pruned & keys,
        confirm_runs=0 if is_ready or spec.confirm is None else spec.confirm.top * spec.confirm.seeds,
        room=budget.room,
        used=used,
        renamed=tuple(run for run in wanted if run.key in records and records[run.key].get("origin") != run.origin),
        hours_used=hours_used(launches_of(folder), results.values()),
        unfinished=frozenset(key for key in keys - ended if states.get(key) == "unfinished"),
    )


def other_code(plan: Plan) -> dict[tuple[str, str], int]:
    """Count the finished runs that other model code than today's has made, by both hashes."""
    finished = sorted((run for run in plan.wanted if run.key in plan.finished), key=lambda run: run.key)
    hashes = Counter((plan.results[run.key].code_hash, code_hash_of(run.config.model.variant)) for run in finished)
    return {(made_by, now): count for (made_by, now), count in hashes.items() if made_by != now}


class _Budget:
    """The runs that a study may have in total.

    Args:
        runs: The total, or None for no limit.
        ended: Keys of runs that are over and are kept whatever the limit says.
        free: Keys of runs that take nothing.

    Attributes:
        room: Runs that are left, or None for no limit.
    """

    def __init__(self, runs: int | None, ended: Set[str], free: Set[str]) -> None:
        self.room = runs
        self._ended = ended
        self._free = free

    def spend(self, runs: Sequence[PlannedRun]) -> None:
        """Take away the room of runs."""
        if self.room is not None:
            self.room = max(0, self.room - sum(run.key not in self._free for run in runs))

    def keep(self, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
        """Spend what has ended, and of the rest what there is room for, the earliest first; return these."""
        self.spend([run for run in runs if run.key in self._ended])
        kept = []
        for run in runs:
            if run.key not in self._ended:
                if self.room == 0:
                    continue
                self.spend([run])
            kept.append(run)
        return kept


def shares(spec: StudySpec, room: int, used: Mapping[str, int]) -> dict[str, int]:
    """Divide the runs that the search may use equally among the blocks that search, in whole configurations.

    Args:
        spec: The study.
        room: Runs that are left.
        used: Runs that each searching block has had.
    """
    sizes = {block.name: block.replicates for block in spec.blocks if block.name in used}
    # whoever has had the fewest so far is next, so that an interrupted study ends with the same shares
    given = _filled(sizes, used, room)
    room -= sum(given.values())
    while fitting := [name for name in sizes if sizes[name] <= room]:
        name = min(fitting, key=lambda item: used[item] + given[item])
        given[name] += sizes[name]
        room -= sizes[name]
    return given


def _filled(sizes: Mapping[str, int], used: Mapping[str, int], room: int) -> dict[str, int]:
    """Return what brings all blocks to the highest level that there is room for: the first of the shares, at once.

    Args:
        sizes: Runs of a configuration of each block.
        used: Runs that each of them has had.
        room: Runs that are left.
    """

    def given(level: int) -> dict[str, int]:
        return {name: -(-max(0, level - used[name]) // size) * size for name, size in sizes.items()}

    low = 0  # a level that there is room for
    high = (
        room + max((used[name] for name in sizes), default=0) + 1
    )  # and one that there is none for, if any block searches
    while high - low > 1:
        middle = (low + high) // 2
        if sum(given(middle).values()) <= room:
            low = middle
        else:
            high = middle
    return given(low)


def _used_by_block(spec: StudySpec, runs: Iterable[PlannedRun]) -> dict[str, int]:
    """Count the runs that each searching block has proposed, repetitions included."""
    used = {block.name: 0 for block in spec.blocks if block.searched}
    for run in runs:
        if takes_from_search(run) and run.proposed_by in used:
            used[run.proposed_by] += 1
    return used


def _began(run: RunFolder) -> bool:
    """Return whether a run that was ended early had begun, and so took a place in the budget."""
    record = read_json(run.pruned)
    try:
        return int(record["step"]) > 0
    except (KeyError, TypeError, ValueError):
        return True


def _proposed_runs(spec: StudySpec, records: Mapping[str, Mapping[str, Any]], in_grid: Set[str]) -> list[PlannedRun]:
    """Return the runs of every configuration in the folder that a search proposed and could propose by today's spec.

    All replicates of such a configuration are wanted: a kill may have come between two of them, or the study may want
    more than it did.
    """
    blocks = {block.name: block for block in spec.blocks if block.searched}
    runs: dict[str, PlannedRun] = {}
    for key, record in records.items():
        block = blocks.get(str(record.get("block")))
        if record.get("origin") == "search" and block is not None and key not in runs:
            own = _recorded_runs(record, block)
            if key in {run.key for run in own}:
                runs.update({run.key: run for run in own if run.key not in in_grid})
    return sorted(
        runs.values(), key=lambda run: (-1 if run.trial is None else run.trial, run.config_key, run.replicate)
    )


def _recorded_runs(record: Mapping[str, Any], block: Block) -> list[PlannedRun]:
    """Return the runs of the configuration in a record; none where today's fields, rules and search do not allow it."""
    config = record.get("config")
    try:
        values = flatten(run_config(config if isinstance(config, dict) else {"": config}))
    except (KeyError, TypeError, ValueError):
        return []
    if not block.holds(values):
        return []
    chosen = {axis.name: values[axis.name] for axis in block.axes}
    runs = searched_runs(block, chosen, record.get("trial"))
    return [replace(run, sampler=_mapping(record.get("sampler"))) for run in runs]


def _adaptive_runs(
    spec: StudySpec,
    records: Mapping[str, Mapping[str, Any]],
    configurations: Configurations,
    wanted: Set[str],
) -> list[PlannedRun]:
    """Return the adaptive runs in the folder of configurations that are wanted, in the order of their numbers.

    Seeds of an interval count where today's `until` could ask for them, and confirming ones where `confirm` could.
    """
    places = {key: place for place, key in enumerate(configurations)}
    runs = []
    for key, record in records.items():
        name, origin, number = str(record.get("config_key")), record.get("origin"), record.get("replicate")
        if origin not in ADAPTIVE or name not in places or key in wanted or not isinstance(number, int):
            continue
        first = configurations.first_run(name)
        until = spec.block(first.block).until
        is_allowed = {
            "duplicate": True,
            "until": until is not None and number < until.max,
            "confirm": spec.confirm is not None and number < CONFIRM_FIRST + spec.confirm.seeds,
        }
        if is_allowed[origin]:
            run = replace(first, key=key, replicate=number, origin=origin, sampler=_mapping(record.get("sampler")))
            if origin == "duplicate":
                run = replace(run, trial=record.get("trial"), proposed_by=str(record.get("proposed_by", "")))
            runs.append(run)
    return sorted(runs, key=lambda run: (run.replicate, places[run.config_key]))


def _seeds(configurations: Configurations, budget: _Budget, results: Mapping[str, Result]) -> Iterator[PlannedRun]:
    """Yield the seeds that wide intervals ask for now; each is taken in before the next is asked for."""
    for key in list(configurations):
        while budget.room != 0 and (run := configurations.next_seed(key)) is not None:
            budget.spend([run])
            configurations.add(run, is_open=run.key not in results)
            yield run


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
