"""A variant of a user's own, named by its import path: `model.variant: my_package.my_module:MyVariant`.

Its class keeps the contract in `iae_models.variant`, as the variants of this package do, and states as `info` what they
state in `VARIANTS`. The module is found as Python finds any other: from the folder that the command runs in, or
installed. Imports no torch itself, but the module of a variant does.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import importlib
import pkgutil
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_args

from iae_models.architectures import Network
from iae_models.source import code_hash, source_hash
from iae_models.variants import ALL, VARIANTS, VariantInfo

if TYPE_CHECKING:
    from iae_models.model_config import ModelConfig

IMPORT_PATH = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
"""How an own variant is spelt: a module, a colon and a class."""


def variant_info(name: str) -> VariantInfo:
    """Return what a plan must know of a variant, by its key in `VARIANTS` or its import path.

    Raises:
        ValueError: There is no such variant, or its module, class or `info` is not as it must be.
    """
    return VARIANTS[name] if name in VARIANTS else _own(name)


def code_hash_of(name: str) -> str:
    """Return a hash of the source that trains a variant: that of the models, and of an own variant its source too."""
    return code_hash() if name in VARIANTS else _hash_with(name)


def own_source(name: str) -> Path:
    """Return where the source of an own variant lies: its file, or the folder of the package that holds it.

    Raises:
        ValueError: See `variant_info`.
    """
    _own(name)
    source = Path(str(sys.modules[name.partition(":")[0]].__file__)).absolute()
    while (source.parent / "__init__.py").is_file():
        source = source.parent
    return source


def check_networks(model: ModelConfig) -> None:
    """Check the networks that the `info` of an own variant names for a configuration.

    Raises:
        ValueError: They are no mapping to networks, or naming them fails.
    """
    if model.variant in VARIANTS:
        return
    rule = f"variant {model.variant} must have an info whose networks are a mapping from names to networks"
    try:
        networks = variant_info(model.variant).networks(model)
    except Exception as error:
        raise ValueError(f"{rule}, but they raise {_described(error)}.") from error
    kinds = get_args(Network)
    if not _is_mapping_to(networks, kinds):
        known = ", ".join(kind.__name__ for kind in kinds)
        raise ValueError(f"{rule} ({known}), but got {networks!r}.")


@cache
def _hash_with(name: str) -> str:
    return hashlib.sha256(f"{code_hash()} {source_hash(own_source(name))}".encode()).hexdigest()[:12]


@cache
def _own(name: str) -> VariantInfo:
    if not re.fullmatch(IMPORT_PATH, name):
        raise ValueError(
            f"variant must be one of {list(VARIANTS)}, or a class of your own such as my_module:MyVariant, "
            f"but got {name!r}{_near(name, VARIANTS)}."
        )
    place, _, attribute = name.partition(":")
    module = _module(place)
    # torch is not imported before there is a module that needs it
    from iae_models.variant import Variant

    found = getattr(module, attribute, None)
    if found is None:
        known = [key for key, item in vars(module).items() if _is_variant(item, Variant)]
        hint = _near(attribute, known) or f"; its variants: {', '.join(known) or 'none'}"
        raise ValueError(f"variant must name a class of its module, but {place} has no {attribute}{hint}.")
    if not _is_variant(found, Variant):
        raise ValueError(f"variant must be a subclass of iae_models.variant.Variant, but {name} is {_kind(found)}.")
    info = getattr(found, "info", None)
    if not isinstance(info, VariantInfo):
        raise ValueError(f"variant {name} must have a class attribute info, a VariantInfo, but got {_kind(info)}.")
    faults = _faults(info)
    if faults:
        raise ValueError(f"variant {name} must have an info that holds, but {'; '.join(faults)}.")
    return dataclasses.replace(info, place=name)


def _module(name: str) -> ModuleType:
    """Import a module.

    Raises:
        ValueError: There is none, or importing it fails; the message says where.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise ValueError(_failed(name, error)) from error
        hint = _near(missing, _modules_beside(missing))
        raise ValueError(
            f"variant must be in a module that Python finds from this folder or has installed, but there is no "
            f"module {missing!r}{hint}."
        ) from error
    except (Exception, SystemExit) as error:
        raise ValueError(_failed(name, error)) from error


def _failed(name: str, error: BaseException) -> str:
    return f"variant must be in a module that can be imported, but {name} raises {_described(error)}."


def _described(error: BaseException) -> str:
    """Return an error of a user's code in one line, with its place."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    # the text of a syntax error names its own
    where = "" if isinstance(error, SyntaxError) else f" ({Path(place.filename).name}, line {place.lineno})"
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


def _modules_beside(missing: str) -> list[str]:
    """Return the modules that a missing one may have been meant as: those of its package, or of the first folder."""
    package, _, _ = missing.rpartition(".")
    paths = getattr(sys.modules[package], "__path__", ()) if package else [path or "." for path in sys.path]
    prefix = f"{package}." if package else ""
    return [f"{prefix}{item.name}" for item in pkgutil.iter_modules(paths)]


def _faults(info: Any) -> list[str]:
    # the fields are those of configurations, which know their variants
    from iae_models.config import field_types

    fields = field_types()
    faults = [
        f"there is no field {name!r}{_near(name, fields)}" for name in sorted({*map(str, info.fields)} - fields.keys())
    ]
    rules = (
        ("title is no text", isinstance(info.title, str) and info.title != ""),
        (
            "codes are not of gaussian and categorical",
            bool(info.codes) and {*info.codes} <= {"gaussian", "categorical"},
        ),
        (f"capabilities are not of {', '.join(sorted(ALL))}", {*info.capabilities} <= ALL),
        ("networks is no function", callable(info.networks)),
        ("code_from is neither image nor prior", info.code_from in ("image", "prior")),
    )
    return faults + [fault for fault, holds in rules if not holds]


def _is_mapping_to(value: object, kinds: tuple[type[Any], ...]) -> bool:
    return isinstance(value, Mapping) and all(isinstance(item, kinds) for item in value.values())


def _is_variant(value: object, cls: type[Any]) -> bool:
    return isinstance(value, type) and issubclass(value, cls) and value is not cls


def _kind(value: object) -> str:
    return "nothing" if value is None else f"the class {value.__name__}" if isinstance(value, type) else repr(value)


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
