"""`python -m harness.raising SPEC …`: a launch in which one of our own functions raises, once.

$RAISE_IN names it as "module:Class.method", $RAISE_AT says at which of its calls.
"""

import importlib
import os
import sys

MESSAGE = "an injected fault"


def let_raise(place, at):
    """Let the `at`-th call of a method raise; a method that its class inherits is given to the class."""
    module, _, path = place.partition(":")
    owner, _, name = path.partition(".")
    owner = getattr(importlib.import_module(module), owner)
    method, calls = getattr(owner, name), []

    def raising(*args, **kwargs):
        calls.append(1)
        if len(calls) == at:
            raise RuntimeError(MESSAGE)
        return method(*args, **kwargs)

    former = vars(owner).get(name)
    setattr(owner, name, raising)
    return lambda: setattr(owner, name, former) if former is not None else delattr(owner, name)


if __name__ == "__main__":
    let_raise(os.environ["RAISE_IN"], int(os.environ["RAISE_AT"]))
    from study.launch import main

    sys.exit(main())
