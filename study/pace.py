"""How long the rest of a study will take. Imports no torch, ray or optuna."""

from __future__ import annotations

from collections.abc import Sequence


def time_left_s(
    left: int, progress: Sequence[tuple[float, float]], run_times_s: Sequence[float], num_lanes: int
) -> float | None:
    """Return the seconds that are left, from what runs have taken so far; None before anything is known.

    Args:
        left: Runs that are out or still to go out.
        progress: Of each run that is out, the part of its steps that is done, and the seconds that these took.
        run_times_s: Seconds that finished runs took.
        num_lanes: Runs at a time.
    """
    done = sum(part for part, _ in progress)
    if run_times_s:
        run_time_s = sum(run_times_s) / len(run_times_s)
    elif done:
        run_time_s = sum(seconds for _, seconds in progress) / done
    else:
        return None
    return max(0.0, left - done) * run_time_s / max(1, num_lanes)
