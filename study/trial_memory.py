"""Optuna's trials in memory, whose end can be told again. Imports no ray, no torch.

To Optuna a finished trial is final. Here it stands for a configuration, whose aggregate changes with every replicate.
"""

from __future__ import annotations

from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState


class TrialMemory(InMemoryStorage):
    """Optuna's storage in memory, with trials that may be replaced."""

    def replace(self, former: FrozenTrial, trial: FrozenTrial) -> None:
        """Put a trial into the place of another one, whose number it takes.

        Args:
            former: A trial of this storage.
            trial: What is to stand there; it must not be changed afterwards.
        """
        trial.number, trial._trial_id = former.number, former._trial_id
        with self._lock:
            self._set_trial(former._trial_id, trial)

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the best trial as the trials are now; the base class keeps the best that was ever told.

        Raises:
            RuntimeError: The study has several objectives.
            ValueError: No trial is complete.
        """
        directions = self.get_study_directions(study_id)
        if len(directions) > 1:
            raise RuntimeError("the best trial must be of one objective, but the study has several")
        complete = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.COMPLETE,))
        if not complete:
            raise ValueError("no trial is complete yet")
        sign = -1 if directions[0] == StudyDirection.MAXIMIZE else 1
        return min(complete, key=lambda trial: sign * trial.values[0])
