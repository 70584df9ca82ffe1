"""The form of a study file as a JSON Schema, for editors. Imports no torch, ray or optuna.

    python -m study.schema > study.schema.json

An editor with a YAML language server then completes and explains keys, where the file begins with

    # yaml-language-server: $schema=study.schema.json

It is made from the dataclasses and tables that `load_study` reads by, their docstrings included; a field's range is
taken from the rule that refuses a value outside. A file that `load_study` takes is valid. The converse does not hold:
rules between keys, such as what combines, are `load_study`'s alone.

Reference: JSON Schema, draft 2020-12. https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import re
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.measure_names import MEASURES
from iae_models.config import SECTIONS, field_types
from iae_models.own_variant import IMPORT_PATH
from study.algorithms import SAMPLER_OPTIONS, SCHEDULER_OPTIONS, Option, Scheduler, SearchOptions
from study.block_reader import BLOCK_KEYS, MAX_BLOCKS
from study.blocks import Block
from study.objectives import Objective
from study.output import print_whole
from study.parameters import NAME, NOT_SEARCHED, known_values
from study.replicates import BLOCK_REPLICATE_KEYS, REPLICATE_KEYS, Aggregate, Confirm, Replicates, Until
from study.search_space import Axis, FloatRange
from study.spec import SMOKE_KEYS, STUDY_KEYS, Budget, Device, Product, Resources, StudySpec

Schema = dict[str, Any]

_EXTREME = 10**9
"""Beyond every range of a configuration field."""

_AT_LEAST = re.compile(r"must be at least (?P<low>[-\d.]+)")
_INTERVAL = re.compile(r"must be in (?P<left>[(\[])(?P<low>[-\d.]+), (?P<high>[-\d.]+)(?P<right>[)\]])")

_TEXT: Schema = {"type": "string"}
_POSITIVE: Schema = {"type": "number", "exclusiveMinimum": 0}
_NULL: Schema = {"type": "null"}
_NAME: Schema = {"type": "string", "pattern": f"^{NAME.pattern}$"}


def study_schema() -> Schema:
    """Return the schema of a study file."""
    about = _attributes(StudySpec)
    parameters = {"$ref": "#/$defs/parameters"}
    replicates = {"$ref": "#/$defs/replicates"}
    keys: dict[str, Schema] = {
        "extends": {**_TEXT, "minLength": 1, "description": "A study file to go on from, relative to this one."},
        "name": {**_NAME, "description": about["name"]},
        "question": {**_TEXT, "description": about["question"]},
        "parameters": {**parameters, "description": "Values of configuration fields that all blocks share."},
        "blocks": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_BLOCKS,
            "items": _block(),
            "description": about["blocks"],
        },
        "replicates": {**replicates, "description": "Runs of each configuration."},
        "objectives": {"type": "array", "minItems": 1, "items": _objective(), "description": about["objectives"]},
        "oracle": {"type": "boolean", "default": False, "description": about["oracle"]},
        "budget": {"$ref": "#/$defs/budget", "description": about["budget"]},
        "search": {**_search(), "description": about["search"]},
        "scheduler": {"$ref": "#/$defs/scheduler", "description": about["scheduler"]},
        "confirm": {"$ref": "#/$defs/confirm", "description": about["confirm"]},
        "resources": {**_resources(), "description": about["resources"]},
        "smoke": {
            **_object({key: {"$ref": f"#/$defs/{key}"} for key in SMOKE_KEYS}),
            "description": "What --smoke changes.",
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Study of implicit autoencoders",
        **_object({key: keys[key] for key in STUDY_KEYS}),
        "$defs": {
            "parameters": _object({name: _parameter(name) for name in field_types()}),
            "replicates": _replicates(REPLICATE_KEYS),
            "budget": _described(Budget, {"runs": _or_null(_integer(1)), "hours": _or_null(_POSITIVE)}),
            "scheduler": _or_null(_scheduler()),
            "confirm": _or_null(_described(Confirm, {"top": _integer(1), "seeds": _integer(1)}, required=True)),
        },
    }


def _block() -> Schema:
    about = _attributes(Block)
    keys = {
        "name": {**_NAME, "description": about["name"]},
        "parameters": {"$ref": "#/$defs/parameters", "description": "Replace the shared ones, key by key."},
        "replicates": {**_replicates(BLOCK_REPLICATE_KEYS), "description": about["replicates"]},
        "control": {"type": "boolean", "description": about["control"]},
    }
    return _object({key: keys[key] for key in BLOCK_KEYS}, ["name"])


def _replicates(known: Iterable[str]) -> Schema:
    about = _attributes(Replicates)
    until = _described(Until, {"half_width": _POSITIVE, "max": _integer(2)}, required=True)
    keys = {
        "number": {**_integer(1), "description": about["number"]},
        "aggregate": {"enum": list(typing.get_args(Aggregate)), "default": "mean", "description": about["aggregate"]},
        "until": {**_or_null(until), "description": about["until"]},
    }
    return {"anyOf": [_integer(1), _object({key: keys[key] for key in known})]}


def _objective() -> Schema:
    about = _attributes(Objective)
    measures = [
        {"const": name, "description": info.description + (" It uses labels." if info.uses_labels else "")}
        for name, info in MEASURES.items()
    ]
    keys = {
        "measure": {"anyOf": measures, "description": "A measure; one that uses labels needs oracle: true."},
        "direction": {"enum": ["minimize", "maximize"], "description": about["direction"]},
        "split": {"const": "validation", "description": about["split"]},
    }
    return _object(keys, ["measure"])


def _search() -> Schema:
    keys = {
        "sampler": {"enum": list(SAMPLER_OPTIONS), "default": "tpe"},
        "seed": _integer(0),
        "options": {"type": ["object", "null"]},
        "storage": _or_null(_TEXT),
    }
    schema = _described(SearchOptions, keys)
    return {**schema, "allOf": _options_by("sampler", SAMPLER_OPTIONS, default="tpe")}


def _scheduler() -> Schema:
    keys = {"name": {"enum": list(SCHEDULER_OPTIONS)}, "every": _integer(1), "options": {"type": ["object", "null"]}}
    schema = _described(Scheduler, keys)
    return {**schema, "required": ["name", "every"], "allOf": _options_by("name", SCHEDULER_OPTIONS)}


def _options_by(key: str, tables: Mapping[Any, Mapping[str, Option]], default: str = "") -> list[Schema]:
    """Return rules that the options are those of the chosen sampler or scheduler."""
    rules = []
    for name, table in tables.items():
        chosen: Schema = {"properties": {key: {"const": name}}}
        options = _or_null(_object({option: _option(info) for option, info in table.items()}))
        condition = chosen if name == default else {**chosen, "required": [key]}
        rules.append({"if": condition, "then": {"properties": {"options": options}}})
    return rules


def _option(option: Option) -> Schema:
    if option.kind is bool:
        return {"type": "boolean"}
    if option.kind is str:
        return {"enum": list(option.choices)}
    schema: Schema = {"type": "integer" if option.kind is int else "number", "minimum": option.low}
    return schema if option.high is None else {**schema, "maximum": option.high}


def _resources() -> Schema:
    keys = {
        "cpus_per_lane": _POSITIVE,
        "gpus_per_lane": {"type": "number", "minimum": 0},
        "max_concurrent": _or_null(_integer(1)),
        "lane_size": _integer(1),
        "runs_together": {"anyOf": [_integer(1), {"enum": ["auto", None]}]},
        "device": {"enum": list(typing.get_args(Device))},
        "checkpoint_s": {"type": "number", "minimum": 0},
        "product": _or_null({"enum": list(typing.get_args(Product))}),
    }
    return _described(Resources, keys)


def _parameter(name: str) -> Schema:
    """Return the schema of an entry of `parameters`: a value of the field, or a mapping with its grid and search."""
    section, _, attribute = name.partition(".")
    value = _value(name)
    about = _attributes(Axis)
    keys: dict[str, Schema] = {"grid": {"type": "array", "minItems": 1, "items": value, "description": about["grid"]}}
    space = _space(name, value)
    if space:
        keys["search"] = {**space, "description": about["search"]}
    keys["when"] = {
        "type": "object",
        "propertyNames": {"enum": [other for other in field_types() if other != name]},
        "description": about["when"],
    }
    keys["zip"] = {**_or_null(_NAME), "description": about["zip"]}
    axis = _object(keys)
    axis["anyOf"] = [{"required": [key]} for key in ("grid", "search") if key in keys]
    return {"anyOf": [value, axis], "description": _attributes(SECTIONS[section]).get(attribute, "")}


def _value(name: str) -> Schema:
    hint = field_types()[name]
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": {"type": "number"}}
    options = known_values(name)
    if name == "model.variant":
        return {"anyOf": [{"enum": list(options)}, {**_TEXT, "pattern": f"^{IMPORT_PATH}$"}]}
    if options:
        return {"enum": list(options)}
    types = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": types[hint]} | (_range(name) if hint in (int, float) else {})


def _range(name: str) -> Schema:
    """Return the range of a number, from the rules that refuse what lies outside; nothing where no single one does."""
    section, _, attribute = name.partition(".")
    found: Schema = {}
    for value in (-_EXTREME, _EXTREME):
        try:
            SECTIONS[section](**{attribute: field_types()[name](value)})
        except ValueError as error:
            rule = str(error)
            if not rule.startswith(f"{attribute} "):
                continue
            if match := _AT_LEAST.search(rule):
                found["minimum"] = json.loads(match["low"])
            elif match := _INTERVAL.search(rule):
                found["minimum" if match["left"] == "[" else "exclusiveMinimum"] = json.loads(match["low"])
                found["maximum" if match["right"] == "]" else "exclusiveMaximum"] = json.loads(match["high"])
    return found


def _space(name: str, value: Schema) -> Schema:
    """Return the schema of a search over a field; nothing where the field is never searched."""
    hint = field_types()[name]
    if name in NOT_SEARCHED or typing.get_origin(hint) is tuple:
        return {}
    listed = {"choices": {"type": "array", "minItems": 1, "items": value}, "ordered": {"type": "boolean"}}
    choices = _object(listed, ["choices"])
    if hint not in (int, float):
        return choices
    about = _attributes(FloatRange)
    number = {"type": value["type"]}
    span = {
        "low": {**value, "description": about["low"]},
        "high": {**value, "description": about["high"]},
        "log": {"type": "boolean", "description": about["log"]},
        "step": {**number, "exclusiveMinimum": 0, "description": about["step"]},
        "include": {"enum": [0, [0]], "description": "The value 0 beside the range."},
    }
    return {"anyOf": [_object(span, ["low", "high"]), choices]}


def _described(cls: type[Any], keys: Mapping[str, Schema], *, required: bool = False) -> Schema:
    """Return the schema of a mapping that is read into a dataclass, with the descriptions of its attributes."""
    about = _attributes(cls)
    properties = {key: {**schema, "description": about[key]} for key, schema in keys.items()}
    for item in dataclasses.fields(cls):
        if item.default not in (dataclasses.MISSING, None) and "default" not in properties[item.name]:
            properties[item.name]["default"] = item.default
    return _object(properties, list(keys) if required else [])


def _object(properties: Schema, required: Iterable[str] = ()) -> Schema:
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": list(required)} if required else schema


def _integer(low: int) -> Schema:
    return {"type": "integer", "minimum": low}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, _NULL]}


def _attributes(cls: type[Any]) -> dict[str, str]:
    """Return what the docstring of a dataclass says of its attributes."""
    _, _, text = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", text, flags=re.MULTILINE)
    return {name: " ".join(about.split()) for name, about in entries}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    argparse.ArgumentParser("python -m study.schema", description="Print the JSON Schema of study files.").parse_args(
        arguments
    )
    return 0 if print_whole(json.dumps(study_schema(), indent=2, ensure_ascii=False)) else 1


if __name__ == "__main__":
    sys.exit(main())
