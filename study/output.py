"""Standard output that may be closed or full. Imports no torch, ray or optuna."""

from __future__ import annotations

import os
import shutil
import sys


def print_whole(text: str) -> bool:
    """Print a text and return whether all is well: a reader that has seen enough, such as `head`, is no fault.

    An output that is full is named on standard error.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _silence()
    except OSError as error:
        _silence()
        print(f"standard output must be writable, but is not: {error.strerror}.", file=sys.stderr)
        return False
    return True


def columns(otherwise: int = 120) -> int:
    """Return the columns of the terminal that is printed to, of at least 40, or a number where there is none."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return otherwise
    return max(40, shutil.get_terminal_size((otherwise, 24)).columns)


def _silence() -> None:
    """Let standard output go nowhere, or Python would complain again while it closes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
