"""Ask a study that runs elsewhere to stop. It may run in another terminal or on another machine.

    python -m study.stop DIR [--now]

Its runs save a checkpoint at their next report, those that are being measured finish, and the launch ends with exit
code 130 and the command that goes on. This command waits for none of it.

Exit codes: 0 the study was asked, 1 nobody runs it, 2 bad input.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from study.failures import BadInput
from study.folder_argument import study_folder
from study.lock import holder_of
from study.stop_request import request_stop

ASKED, NOBODY, BAD_INPUT = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser("python -m study.stop", description="Ask a study that runs to stop.")
    parser.add_argument("dir", metavar="DIR", type=Path, help="the study folder")
    parser.add_argument(
        "--now", action="store_true", help="end at once, and repeat what came after the last checkpoint"
    )
    options = parser.parse_args(arguments)
    try:
        folder = study_folder(options.dir)
    except BadInput as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    holder = holder_of(folder.lock)
    if holder is None or not holder.is_alive:
        last = f": the last one was {holder}, which was killed" if holder else ""
        print(f"Nobody runs {folder.root}{last}.", file=sys.stderr)
        return NOBODY
    try:
        request_stop(folder, "study.stop", "now" if options.now else "checkpoint")
    except OSError as error:
        print(f"The study folder must be writable, but {folder.stop} is not: {error.strerror}.", file=sys.stderr)
        return BAD_INPUT
    print(f"Asked {holder} to stop.")
    if options.now:
        print("It ends at once. What its runs did after their last checkpoints will be repeated.")
    else:
        print("Its runs save a checkpoint at their next report, those that are being measured finish, and it ends.")
    print(f"To go on later, on {holder.host}:\n  {holder.command_from_here}")
    return ASKED


if __name__ == "__main__":
    sys.exit(main())
