"""Changes to a study before it is read: `--set key=value` and the `smoke` section. Imports no torch, ray or optuna."""

from __future__ import annotations

from collections.abc import Sequence

from iae_models.config import field_types
from study.problems import Mark, Problem, SpecError, did_you_mean, shown
from study.yaml_source import Located, parse_document

SMOKE_PARAMETERS = {"train.steps": 100, "train.report_every": 20, "model.width": 0.125}
"""What `--smoke` makes of a study that has no `smoke` section; smaller values that the study fixes stay."""

SETTABLE = (
    "name",
    "question",
    "replicates",
    "objectives",
    "oracle",
    *(f"budget.{key}" for key in ("runs", "hours")),
    *(f"search.{key}" for key in ("sampler", "seed")),
    *(f"resources.{key}" for key in ("cpus_per_lane", "gpus_per_lane", "max_concurrent", "lane_size")),
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
    """Return the study with its `smoke` section applied: its parameters, its replicates and its budget.

    A study without the section becomes tiny by `SMOKE_PARAMETERS`, with one replicate and without a number of runs,
    which follows from the grids that are left.
    """
    if "smoke" not in _entries(root):
        return _tiny(root)
    smoke = _child(root, "smoke")
    for name, value in _entries(_child(smoke, "parameters")).items():
        root = set_parameter(root, name, value)
    for name, value in _entries(_child(smoke, "budget")).items():
        root = set_key(root, f"budget.{name}", value)
    replicates = _entries(smoke).get("replicates")
    return root if replicates is None else set_key(root, "replicates", replicates)


def _tiny(root: Located) -> Located:
    source = Mark("--smoke")
    for name, value in SMOKE_PARAMETERS.items():
        stated = [_entries(_child(item, "parameters")).get(name) for item in (root, *_blocks(root))]
        values = [item.value for item in stated if item is not None]
        fixed = [item for item in values if isinstance(item, (int, float)) and not isinstance(item, bool)]
        root = set_parameter(root, name, Located(min([value, *(item for item in fixed if item > 0)]), source))
    root = set_key(root, "replicates", Located(1, source))
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
    """Replace a key of the study; `replicates` also in every block that states its own."""
    root = _replaced(root, key.split("."), value)
    blocks = _entries(root).get("blocks")
    if key == "replicates" and blocks is not None and isinstance(blocks.value, list):
        changed = [_replaced(item, [key], value) if key in _entries(item) else item for item in blocks.value]
        root = _replaced(root, ["blocks"], Located(changed, blocks.mark))
    return root


def _entries(node: Located) -> dict[str, Located]:
    return node.value if isinstance(node.value, dict) else {}


def _blocks(root: Located) -> list[Located]:
    blocks = _entries(root).get("blocks")
    return blocks.value if blocks is not None and isinstance(blocks.value, list) else []


def _child(node: Located, key: str) -> Located:
    return _entries(node).get(key, Located({}, node.mark))


def _replaced(node: Located, keys: Sequence[str], value: Located) -> Located:
    """Return the node with the value at a path of keys replaced; what is no mapping stays, for its reader to report."""
    if not isinstance(node.value, dict):
        return node
    key, *rest = keys
    inner = _replaced(node.value.get(key, Located({}, value.mark)), rest, value) if rest else value
    return Located({**node.value, key: inner}, node.mark, {**node.keys, key: node.keys.get(key, value.mark)})
