"""What the command line of `study.launch` takes, and how it is written again. Imports no torch, ray or optuna."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path


def launch_parser() -> argparse.ArgumentParser:
    """Return the parser of `python -m study.launch`."""
    parser = argparse.ArgumentParser("python -m study.launch", description="Run a study, or go on with it.")
    parser.add_argument("spec", metavar="SPEC", type=Path, help="the study's YAML file")
    parser.add_argument("--out", metavar="DIR", type=Path, help="study folder (runs/<name> if left out)")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="override a value of the file; repeatable"
    )
    parser.add_argument("--smoke", action="store_true", help="run the tiny version of the study, in about a minute")
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="run this cell (block:label), this seed of it (block:label:0) or this block alone, and leave the rest for "
        "later; repeatable; --list has the names",
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--dry-run", action="store_true", help="print the plan and start nothing")
    ways.add_argument("--list", action="store_true", help="print the cells, their names and states, and start nothing")
    ways.add_argument("--fresh", action="store_true", help="move the folder aside, if there is one, and begin anew")
    parser.add_argument(
        "--same-code", action="store_true", help="refuse a folder with finished runs or checkpoints of other model code"
    )
    parser.add_argument("--data-root", metavar="DIR", type=Path, help="folder of the data sets ($IAE_DATA_ROOT)")
    parser.add_argument("--address", help="address of a running Ray cluster, such as auto")
    return parser


def command_of(options: argparse.Namespace) -> str:
    """Return the command line that goes on with a launch of these options; one that began anew does not do so again."""
    words = ["python", "-m", "study.launch", str(options.spec)]
    words += ["--out", str(options.out)] if options.out else []
    for override in options.set:
        words += ["--set", override]
    words += ["--smoke"] if options.smoke else []
    for cell in options.only:
        words += ["--only", cell]
    words += ["--same-code"] if options.same_code else []
    words += ["--data-root", str(options.data_root)] if options.data_root else []
    words += ["--address", options.address] if options.address else []
    return shlex.join(words)
