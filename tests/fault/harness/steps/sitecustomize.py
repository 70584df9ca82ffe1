"""Counts training steps from outside: in every process that Python starts with this folder on its path.

Each step that is trained appends a line, "<run key> <step>", to the file that $STEP_LOG names. A line that was written
stays written, however the process dies. Where $NAN_AT is such a line, the losses of that step are not numbers.
"""

import importlib.abc
import importlib.util
import os
import sys


def _log_steps(module):
    """Let `iae_models.training` log each step of the run that `study.run` is at."""
    step = module.Together._step

    def logged(self):
        step(self)
        (member,) = self._running  # a lane of the fault tests trains one run at a time
        line = f"{_log_steps.run} {member.state.step}\n".encode()
        os.write(_log_steps.file, line)
        if line.decode().strip() == os.environ.get("NAN_AT"):
            member.values = {name: [item * float("nan") for item in items] for name, items in member.values.items()}

    module.Together._step = logged


def _name_runs(module):
    """Let `study.run` say which run it is at."""
    train_and_measure = module.train_and_measure

    def named(run, place):
        _log_steps.run = run.key
        yield from train_and_measure(run, place)

    module.train_and_measure = named


PATCHES = {"iae_models.training": _log_steps, "study.run": _name_runs}


class _Patcher(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the modules of `PATCHES` as ever, and patches them."""

    def find_spec(self, name, _path=None, _target=None):
        if name not in PATCHES:
            return None
        sys.meta_path.remove(self)
        try:
            self.spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        execute = self.spec.loader.exec_module

        def exec_module(module):
            execute(module)
            PATCHES[name](module)

        self.spec.loader.exec_module = exec_module
        return self.spec


if "STEP_LOG" in os.environ:
    _log_steps.run = "?"
    _log_steps.file = os.open(os.environ["STEP_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    sys.meta_path.insert(0, _Patcher())
