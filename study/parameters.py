"""From the `parameters` of a study file to fixed values and axes. Imports no torch, ray or optuna."""

from __future__ import annotations

import math
import re
import typing
from dataclasses import dataclass
from typing import Any

from iae_models.config import DATASETS, VARIANTS, check_value, coerce, field_types, variant_info
from study.fields import Fields
from study.problems import Mark, Problem, did_you_mean, shown
from study.search_space import Axis, Choices, FloatRange, IntegerRange, SearchSpace, ZeroOrRange
from study.yaml_source import Located, plain_scalar

AXIS_KEYS = ("grid", "search", "when", "zip")
RANGE_KEYS = ("low", "high", "log", "step", "include")
CHOICE_KEYS = ("choices", "ordered")

NOT_SEARCHED = {
    "data.name": "values measured on different images are not comparable",
    "model.variant": "one search belongs to one variant",
    "model.code": "one search belongs to one family of codes; make a block for each",
}


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""What a study, a block and a group of linked keys may be called: names of folders and of Optuna's parameters."""


@dataclass(frozen=True)
class Parameter:
    """One entry of `parameters` after reading, with its places.

    Attributes:
        axis: The key with its values; a fixed value is a grid of one.
        fixed: Whether the entry is a plain value and no mapping.
        mark: Where the entry's value begins.
        path: Its dotted path.
        value_marks: Where each grid value begins.
        value_places: The index of each grid value in the file's list, which may hold others that could not be read.
    """

    axis: Axis
    fixed: bool
    mark: Mark
    path: str
    value_marks: tuple[Mark, ...]
    value_places: tuple[int, ...] = ()


def read_parameters(node: Located, path: str, problems: list[Problem]) -> dict[str, Parameter]:
    """Read a mapping from dotted names of configuration fields to values, grids and search spaces."""
    read: dict[str, Parameter] = {}
    if not isinstance(node.value, dict):
        message = f"must be a mapping from names such as model.latent_dim to values, but got {shown(node.plain)}"
        problems.append(Problem(node.mark, path, message))
        return read
    for name, entry in node.value.items():
        if name in field_types():
            read[name] = read_parameter(name, entry, f"{path}.{name}", problems)
        else:
            message = f"there must be no parameter {shown(name)}{_known_field(name, entry)}"
            problems.append(Problem(node.keys[name], path, message))
    return read


def _known_field(name: str, entry: Located) -> str:
    if any(field.startswith(f"{name}.") for field in field_types()) and isinstance(entry.value, dict):
        return f"; write dotted names, such as {name}.{next(iter(entry.value), '…')}"
    return did_you_mean(name, list(field_types()))


def read_parameter(name: str, node: Located, path: str, problems: list[Problem]) -> Parameter:
    """Read the entry of a field: a value, or a mapping with `grid`, `search` or both, perhaps `when` and `zip`."""
    if not isinstance(node.value, dict):
        values = _read_values(name, [node], path, problems)
        return Parameter(Axis(name, values), True, node.mark, path, (node.mark,) * len(values))
    bare = node.value and not node.value.keys() - {*RANGE_KEYS, *CHOICE_KEYS}
    fields = Fields(node, path, (*AXIS_KEYS, *node.value) if bare else AXIS_KEYS, problems)
    if bare:
        fields.report(f"must have grid, search or both; write {{search: {shown(node.plain)}}}")
    elif not {"grid", "search"} & set(node.value):
        fields.report("must have grid, search or both, but has neither")
    items = _read_grid(name, fields)
    space = _read_search(name, fields) if "search" in fields else None
    readable = _read_items(name, items, fields.child("grid"), problems, indexed=True)
    values = tuple(readable.values())
    marks = tuple(items[index].mark for index in readable)
    if space is not None:
        for index, value in readable.items():
            if value not in space:
                message = f"must lie in the searched {described(space)}, but got {shown(value)}"
                problems.append(Problem(items[index].mark, fields.child(f"grid[{index}]"), message))
    axis = Axis(name, values, space, _read_when(name, fields), _read_zip(fields))
    return Parameter(axis, False, node.mark, path, marks, tuple(readable))


def _read_grid(name: str, fields: Fields) -> list[Located]:
    items = fields.items("grid")
    if "grid" in fields and fields.values["grid"].value == []:
        fields.report("must hold at least one value, but got []", "grid")
    if fields.stated("zip"):
        return items  # what must not come twice is a row of the group
    return _distinct(name, items, "grid", fields)


def _distinct(name: str, items: list[Located], key: str, fields: Fields) -> list[Located]:
    """Return the items that are other values of the field than those before them; each of the rest is a problem."""
    distinct: dict[str, Located] = {}
    for item in items:
        value = repr(coerce(item.plain, field_types()[name]))
        if value in distinct:
            fields.report(f"must hold each value once, but got {shown(item.plain)} again", key, item.mark)
        distinct.setdefault(value, item)
    return list(distinct.values())


def _read_zip(fields: Fields) -> str | None:
    if not fields.stated("zip"):
        return None
    group = fields.text("zip")
    if not isinstance(fields.values["zip"].value, str):
        return None
    if not NAME.fullmatch(group):
        fields.report(f"must be a name of letters, digits, _ . or -, but got {shown(group)}", "zip")
    elif "grid" not in fields:
        fields.report("must be left out where there is no grid, whose values it links", "zip")
    return group


def _read_values(
    name: str, items: list[Located], path: str, problems: list[Problem], indexed: bool = False
) -> tuple[Any, ...]:
    """Return the values that have the field's type; each of the others is a problem."""
    return tuple(_read_items(name, items, path, problems, indexed).values())


def _read_items(
    name: str, items: list[Located], path: str, problems: list[Problem], indexed: bool = False
) -> dict[int, Any]:
    """Return the values that have the field's type, by their place in the list; each of the others is a problem."""
    values = {}
    for index, item in enumerate(items):
        value = coerce(item.plain, field_types()[name])
        place = f"{path}[{index}]" if indexed else path
        message = value_problem(name, value)
        if message and not indexed and isinstance(item.value, list):
            message += f"; write {{grid: {shown(item.plain)}}} for several values"
        if message:
            problems.append(Problem(item.mark, place, message))
        else:
            values[index] = value
    return values


def value_problem(name: str, value: Any) -> str:
    """Return what is wrong with the type of a field's value, or an empty text."""
    try:
        check_value(name, value)
        if name == "model.variant" and value not in VARIANTS:
            variant_info(value)
    except (TypeError, ValueError) as error:
        rule, but_got, _ = message_of(error).rpartition(", but got ")
        if (but_got and not isinstance(value, (str, int, float))) or isinstance(value, bool):
            return f"{rule}, but got {shown(list(value) if isinstance(value, tuple) else value)}"
        message = message_of(error)
        return message if "did you mean" in message else message + suggestion(name, value)
    options = () if name == "model.variant" else known_values(name)
    if options and value not in options:
        attribute = name.partition(".")[2]
        return f"{attribute} must be one of {list(options)}, but got {shown(value)}{suggestion(name, value)}"
    return ""


def message_of(error: Exception) -> str:
    """Return an error's message without its full stop, cut to a readable length."""
    text = str(error).removesuffix(".")
    return text if len(text) <= 300 else text[:297] + "..."


def known_values(name: str) -> tuple[Any, ...]:
    """Return all values of a field that has a list of them, else nothing."""
    if name == "data.name":
        return tuple(DATASETS)
    if name == "model.variant":
        return tuple(VARIANTS)
    hint = field_types()[name]
    return typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()


def suggestion(name: str, value: Any) -> str:
    """Return "; did you mean …?" for a value that is near a known one, else an empty text."""
    if field_types()[name] is bool and isinstance(value, str):
        meant = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
        return f"; did you mean {meant[value.lower()]}?" if value.lower() in meant else ""
    if field_types()[name] in (int, float):
        return _meant_number(field_types()[name], value)
    hint = did_you_mean(value, [str(item) for item in known_values(name)]) if isinstance(value, str) else ""
    return hint if "mean" in hint else ""


def _meant_number(kind: type[int] | type[float], value: Any) -> str:
    """Return "; did you mean 1000?" for 1e3, '1000' or 1_000 where a number of this kind must stand."""
    number = plain_scalar(value.replace("_", "")) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
        return ""
    meant = kind(number)
    return f"; did you mean {meant}?" if meant == number and type(value) is not kind else ""


def _read_when(name: str, fields: Fields) -> dict[str, tuple[Any, ...]]:
    conditions: dict[str, tuple[Any, ...]] = {}
    if "when" not in fields:
        return conditions
    when = fields.mapping("when")
    for other, node in when.value.items():
        path = fields.child(f"when.{other}")
        if other not in field_types():
            known = did_you_mean(other, list(field_types()))
            fields.problems.append(Problem(when.keys[other], path, f"must name a configuration field{known}"))
        elif other == name:
            fields.problems.append(Problem(when.keys[other], path, "must name another field than the key itself"))
        else:
            is_list = isinstance(node.value, list) and typing.get_origin(field_types()[other]) is not tuple
            if is_list and not node.value:
                fields.problems.append(Problem(node.mark, path, "must hold at least one value, but got []"))
            conditions[other] = _read_values(other, node.value if is_list else [node], path, fields.problems)
    return conditions


def _read_search(name: str, fields: Fields) -> SearchSpace | None:
    if name in NOT_SEARCHED:
        fields.report(f"{name} must not be searched: {NOT_SEARCHED[name]}", "search")
        return None
    if typing.get_origin(field_types()[name]) is tuple:
        fields.report(f"{name} must not be searched, since it is a list; give its values in grid", "search")
        return None
    search = Fields(fields.values["search"], fields.child("search"), (*RANGE_KEYS, *CHOICE_KEYS), fields.problems)
    if not isinstance(fields.values["search"].value, dict):
        return None
    return _read_choices(name, search) if "choices" in search else _read_range(name, search)


def _read_choices(name: str, search: Fields) -> Choices | None:
    for key in RANGE_KEYS:
        if key in search:
            search.report(f"{key} must be left out beside choices", key)
    items = _distinct(name, search.items("choices"), "choices", search)
    values = _read_values(name, items, search.child("choices"), search.problems, indexed=True)
    if isinstance(search.values["choices"].value, list) and not items:
        search.report("must hold at least one value, but got []", "choices")
    return Choices(values, search.boolean("ordered", False)) if values else None


def _read_range(name: str, search: Fields) -> SearchSpace | None:
    hint = field_types()[name]
    if hint not in (int, float):
        options = ", ".join(known_values(name)) or "false, true"
        search.report(f"must be {{choices: [{options}]}}, since {name} is no number")
        return None
    if "ordered" in search:
        search.report("ordered must be left out beside low and high, which are ordered by themselves", "ordered")
    ends = {key: _read_bound(name, key, search) for key in ("low", "high")}
    low, high = ends["low"], ends["high"]
    log = search.boolean("log", False)
    step = _read_bound(name, "step", search) if "step" in search else None
    if low is None or high is None or ("step" in search and step is None):
        return None
    if not _range_holds(low, high, log, step, search):
        return None
    span = IntegerRange(low, high, log, step or 1) if hint is int else FloatRange(low, high, log, step)
    return ZeroOrRange(span) if "include" in search and _includes_zero(low, search) else span


def _read_bound(name: str, key: str, search: Fields) -> Any:
    if key not in search:
        search.report(f"must have {key}, but has {', '.join(search.values) or 'no key'}")
        return None
    value = coerce(search.values[key].plain, field_types()[name])
    message = value_problem(name, value)
    if message:
        # the message speaks of the field, but the value is one of its bounds
        search.report(f"{key} {message.partition(' ')[2]}", key)
        return None
    return value


def _range_holds(low: Any, high: Any, log: bool, step: Any, search: Fields) -> bool:
    num_problems = len(search.problems)
    if low >= high:
        hint = "; write one value as a fixed value" if low == high else ""
        search.report(f"low must be less than high, but got low {low!r} and high {high!r}{hint}", "low")
    if log and low <= 0:
        hint = "; for a zero beside the range write low: 1 and include: 0" if low == 0 else ""
        search.report(f"low must be positive where log is true, but got {low!r}{hint}", "low")
    if step is not None and step <= 0:
        search.report(f"step must be positive, but got {step!r}", "step")
    elif step is not None and log:
        search.report("step must be left out where log is true", "step")
    elif step is not None and low < high:
        steps = (high - low) / step
        if abs(steps - round(steps)) > 1e-9 * max(1.0, steps):
            below = low + int(steps) * step
            message = f"high must be low plus a multiple of step, but got {high!r}; did you mean {below:g}?"
            search.report(message, "high")
    return len(search.problems) == num_problems


def _includes_zero(low: Any, search: Fields) -> bool:
    value = search.values["include"].plain
    if value not in (0, [0]) or isinstance(value, bool):
        search.report(f"include must be 0, but got {shown(value)}; list other values with choices", "include")
        return False
    if low <= 0:
        search.report(f"include must be left out where low is not positive, but low is {low!r}", "include")
        return False
    return True


def described(space: SearchSpace) -> str:
    """Return a search space in a few words."""
    match space:
        case Choices(values, ordered):
            return ("ordered choices " if ordered else "choices ") + ", ".join(
                item if isinstance(item, str) else shown(item) for item in values
            )
        case ZeroOrRange(span):
            return f"{described(span)} or 0"
        case IntegerRange(low, high, log, step):
            return f"range {low} to {high}{' (log)' if log else ''}{f' in steps of {step}' if step != 1 else ''}"
        case FloatRange(low, high, log, width):
            return f"range {low:g} to {high:g}{' (log)' if log else ''}{f' in steps of {width:g}' if width else ''}"
