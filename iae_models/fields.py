"""Rules that hold for the fields of every configuration: types, literals and lower bounds. Imports no torch."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from functools import cache
from typing import Any, Literal


def check_types(config: Any) -> None:
    """Check every field of a dataclass against its annotation.

    Raises:
        TypeError: A value has the wrong type. (A bool is no int, and a float must be finite.)
        ValueError: A value is none of the annotated literals.
    """
    hints = _hints(typing.cast("Any", type(config)))
    for item in dataclasses.fields(config):
        check_type(item.name, getattr(config, item.name), hints[item.name])


def check_type(name: str, value: Any, hint: Any) -> None:
    """Check one value against an annotation.

    Raises:
        TypeError: The value has the wrong type.
        ValueError: The value is none of the annotated literals.
    """
    origin = typing.get_origin(hint)
    if origin is Literal:
        require(
            value in typing.get_args(hint), f"{name} must be one of {list(typing.get_args(hint))}, but got {value!r}."
        )
    elif origin is tuple:
        if not isinstance(value, tuple):
            raise TypeError(f"{name} must be a list, but got {value!r}.")
        for element in value:
            check_type(f"every entry of {name}", element, typing.get_args(hint)[0])
    elif origin in (typing.Union, types.UnionType):
        raise TypeError(f"{name} has the annotation {hint}, which no field may have.")
    elif (hint in (int, float) and isinstance(value, bool)) or not isinstance(value, hint):
        article = "an" if hint is int else "a"
        word = {int: "integer", float: "number", bool: "boolean", str: "text"}[hint]
        raise TypeError(f"{name} must be {article} {word}, but got {value!r}.")
    elif hint is float and not math.isfinite(value):
        raise TypeError(f"{name} must be finite, but got {value!r}.")


def coerce(value: Any, hint: Any) -> Any:
    """Turn an int into a float and a list into a tuple where the field's type wants that; leave all else alone."""
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if typing.get_origin(hint) is tuple and isinstance(value, (list, tuple)):
        (element, *_) = typing.get_args(hint)
        return tuple(coerce(item, element) for item in value)
    return value


def at_least(config: Any, name: str, low: float) -> None:
    """Require that a field is no less than `low`."""
    value = getattr(config, name)
    require(value >= low, f"{name} must be at least {low}, but got {value}.")


def require(condition: bool, message: str) -> None:
    """Raise a ValueError with the message unless the condition holds."""
    if not condition:
        raise ValueError(message)


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(cls)
