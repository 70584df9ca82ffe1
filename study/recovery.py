"""What killed processes left in the run folders: put where it belongs, or removed. Imports no torch, ray or optuna.

A driver that is killed takes the last seconds of the history along; the logs of the runs have them. A worker that is
killed between the end of its run and the removal of its checkpoints leaves these behind.
"""

from __future__ import annotations

from study.history import HistoryWriter, known_values
from study.records import StudyFolder, run_status
from study.run_log import read_log

ENDS = ("finished", "pruned")
"""Statuses of runs that no checkpoint and no log is kept of."""

ABANDONED_S = 3600.0
"""Seconds after which nobody is writing a file any more: a run that has ended may be measured meanwhile."""


def recover(folder: StudyFolder, history: HistoryWriter) -> None:
    """Bring the history and the run folders up to date, at the beginning of a launch and at its end.

    Args:
        folder: The study, under the driver's lock.
        history: The writer of its history; it then knows what is written of the runs that go on.
    """
    logged = []
    for run in folder.run_folders():
        if run_status(run) in ENDS:
            run.remove_checkpoints()
            run.remove_temporaries(ABANDONED_S)
        if run.log.is_file():
            logged.append(run)
    known = known_values(folder.history, [run.key for run in logged])
    for run in logged:
        history.take_up(run.key, known.get(run.key, {}))
        for line in read_log(run)[1]:
            history.add(run.key, line.step, line.time_s, line.values)
        if run_status(run) in ENDS:
            history.end(run)
    history.write()
