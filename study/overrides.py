"""Changes to a study before it is read: `--set key=value` and the `smoke` section. Imports no torch, ray or optuna."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from iae_models.config import field_types
from study.algorithms import SAMPLER_OPTIONS, SCHEDULER_KEYS, SCHEDULER_OPTIONS, SEARCH_KEYS
from study.problems import Mark, Problem, SpecError, did_you_mean, shown
from study.replicates import CONFIRM_KEYS, REPLICATE_KEYS, UNTIL_KEYS
from study.yaml_source import Located, parse_document

SMOKE_PARAMETERS = {"train.steps": 100, "train.report_every": 20, "model.width": 0.125}
"""What `--smoke` makes of a study that has no `smoke` section; smaller values that the study fixes stay."""

SMOKE_EVERY = 20
"""Training steps between two judged points in a smoke test that says nothing else."""

SETTABLE = (
    "name",
    "question",
    "replicates",
    *(f"replicates.{key}" for key in (*REPLICATE_KEYS, *(f"until.{key}" for key in UNTIL_KEYS))),
    "confirm",
    *(f"confirm.{key}" for key in CONFIRM_KEYS),
    "objectives",
    "oracle",
    *(f"budget.{key}" for key in ("runs", "hours")),
    *(f"search.{key}" for key in SEARCH_KEYS),
    *(f"search.options.{key}" for key in dict.fromkeys(itertools.chain(*SAMPLER_OPTIONS.values()))),
    "scheduler",
    *(f"scheduler.{key}" for key in SCHEDULER_KEYS),
    *(f"scheduler.options.{key}" for key in dict.fromkeys(itertools.chain(*SCHEDULER_OPTIONS.values()))),
    *(
        f"resources.{key}"
        for key in (
            "cpus_per_lane",
            "gpus_per_lane",
            "max_concurrent",
            "lane_size",
            "runs_together",
            "device",
            "checkpoint_s",
            "product",
        )
    ),
)
"""Keys of a study, besides the configuration fields, that `--set` changes."""


def apply_override(root: Located, argument: str, problems: list[Problem]) -> Located:
    """Return the study with one `--set` argument, `key=value`, applied; the value is read as YAML."""
    line = " ".join(argument.split())
    source = Mark(f"--set {line}" if len(line) <= 60 else f"--set {line[:57]}...")
    key, equals, text = argument.partition("=")
    key = key.strip()
    if not equals:
        problems.append(Problem(source, "", f"must have the form key=value, but got {shown(argument)}"))
        return root
    try:
        document = parse_document(text, source.file, single_line=True) if text.strip() else None
    except SpecError as error:
        problems.extend(error.problems)
        return root
    value = Located(None, source) if document is None else document.root
    if document is not None:
        problems.extend(document.problems)
    if key in field_types():
        return set_parameter(root, key, value)
    if key in SETTABLE:
        return set_key(root, key, value)
    message = f"must name a configuration field or a key of the study, but got {shown(key)}"
    problems.append(Problem(source, "", message + did_you_mean(key, [*SETTABLE, *field_types()])))
    return root


def apply_smoke(root: Located) -> Located:
    """Return the study with its `smoke` section applied: its parameters, replicates, budget, confirm and scheduler.

    A study without the section becomes tiny by `SMOKE_PARAMETERS`, with one replicate and without a number of runs,
    which follows from the grids that are left. Either way the replicates are replaced as a whole, and what the section
    leaves out of confirmation and scheduler becomes as small as it can be: one run, and judged every `SMOKE_EVERY`.
    """
    entries = _entries(_child(root, "smoke"))
    if "smoke" in _entries(root):
        for name, value in _entries(_child(_child(root, "smoke"), "parameters")).items():
            root = set_parameter(root, name, value)
        for name, value in _entries(_child(_child(root, "smoke"), "budget")).items():
            root = set_key(root, f"budget.{name}", value)
        if "replicates" in entries:
            root = _replace_replicates(root, entries["replicates"])
    else:
        root = _tiny(root)
    for key, values in (("confirm", _tiny_confirm(root)), ("scheduler", _tiny_scheduler(root))):
        if key in entries:
            root = set_key(root, key, entries[key])
        for name, number in values.items() if key not in entries else ():
            root = set_key(root, f"{key}.{name}", Located(number, Mark("--smoke")))
    return root


def _tiny_confirm(root: Located) -> dict[str, int]:
    if not _entries(_child(root, "confirm")):
        return {}
    stated = _entries(_child(root, "replicates")).get("aggregate")
    needs_two = stated is not None and stated.value == "lower_bound"
    return dict.fromkeys(CONFIRM_KEYS, 1) | ({"seeds": 2} if needs_two else {})


def _tiny_scheduler(root: Located) -> dict[str, int]:
    every = _entries(_child(root, "scheduler")).get("every")
    stated = None if every is None else every.value
    return {"every": SMOKE_EVERY} if isinstance(stated, int) and stated > SMOKE_EVERY else {}


def _tiny(root: Located) -> Located:
    source = Mark("--smoke")
    for name, value in SMOKE_PARAMETERS.items():
        stated = [_entries(_child(item, "parameters")).get(name) for item in (root, *_blocks(root))]
        values = [item.value for item in stated if item is not None]
        fixed = [item for item in values if isinstance(item, (int, float)) and not isinstance(item, bool)]
        root = set_parameter(root, name, Located(min([value, *(item for item in fixed if item > 0)]), source))
    root = _replace_replicates(root, Located(1, source))
    budget = _entries(_child(root, "budget"))
    kept = {key: value for key, value in budget.items() if key != "runs"}
    return set_key(root, "budget", Located(kept, source, _child(root, "budget").keys)) if budget else root


def set_parameter(root: Located, name: str, value: Located) -> Located:
    """Replace a parameter wherever the study states it, be it fixed, a grid or a search; if nowhere, for all blocks."""
    blocks = _entries(root).get("blocks", Located([], root.mark))
    items = _blocks(root)
    stated = [name in _entries(_child(item, "parameters")) for item in items]
    if name in _entries(_child(root, "parameters")) or not any(stated):
        root = _replaced(root, ["parameters", name], value)
    if any(stated):
        changed = [
            _replaced(item, ["parameters", name], value) if here else item
            for item, here in zip(items, stated, strict=True)
        ]
        root = _replaced(root, ["blocks"], Located(changed, blocks.mark))
    return root


def set_key(root: Located, key: str, value: Located) -> Located:
    """Replace a key of the study; those of `replicates` also in every block that states its own.

    A number for `replicates` replaces the number of a mapping, and leaves its other keys.
    """
    first, *rest = key.split(".")
    if first != "replicates":
        return _replaced(root, [first, *rest], value)
    keys = rest or ([] if isinstance(value.value, dict) else ["number"])
    root = _set_replicates(root, keys, value)
    if not _blocks(root):
        return root
    blocks = [_set_replicates(item, keys, value) if _states(item, keys) else item for item in _blocks(root)]
    return _replaced(root, ["blocks"], Located(blocks, _entries(root)["blocks"].mark))


def _states(block: Located, keys: Sequence[str]) -> bool:
    """Return whether a block has an own value for a key of `replicates`, or for the mapping that the key lies in."""
    stated = _child(block, "replicates")
    if not keys or not _entries(stated):
        return keys in ([], ["number"]) and "replicates" in _entries(block)
    own = _entries(stated).get(keys[0])
    return own is not None and (len(keys) == 1 or own.value is not None)


def _set_replicates(node: Located, keys: Sequence[str], value: Located) -> Located:
    """Replace a key of the `replicates` of a study or a block, which may be a number that stands for a mapping."""
    stated = _child(node, "replicates")
    if keys == ["number"] and not _entries(stated):
        return _replaced(node, ["replicates"], value)
    if keys and stated.value is not None and not isinstance(stated.value, dict):
        node = _replaced(node, ["replicates"], Located({"number": stated}, stated.mark, {"number": stated.mark}))
    return _replaced(node, ["replicates", *keys], value)


def _replace_replicates(root: Located, value: Located) -> Located:
    """Replace the `replicates` of the study and of every block as a whole; a mapping in the study's place alone."""
    root = _replaced(root, ["replicates"], value)
    number = _entries(value).get("number", value)
    blocks = [
        _replaced(item, ["replicates"], number) if "replicates" in _entries(item) else item for item in _blocks(root)
    ]
    return _replaced(root, ["blocks"], Located(blocks, _entries(root)["blocks"].mark)) if blocks else root


def _entries(node: Located) -> dict[str, Located]:
    return node.value if isinstance(node.value, dict) else {}


def _blocks(root: Located) -> list[Located]:
    blocks = _entries(root).get("blocks")
    return blocks.value if blocks is not None and isinstance(blocks.value, list) else []


def _child(node: Located, key: str) -> Located:
    return _entries(node).get(key, Located({}, node.mark))


def _replaced(node: Located, keys: Sequence[str], value: Located) -> Located:
    """Return the node with the value at a path of keys replaced; what is no mapping stays, for its reader to report."""
    if node.value is None:
        node = Located({}, node.mark)
    if not isinstance(node.value, dict):
        return node
    key, *rest = keys
    inner = _replaced(node.value.get(key, Located({}, value.mark)), rest, value) if rest else value
    return Located({**node.value, key: inner}, node.mark, {**node.keys, key: node.keys.get(key, value.mark)})
