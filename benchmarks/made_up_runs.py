"""What a finished run leaves in its folder, for benchmarks of the books that train nothing."""

from __future__ import annotations

from iae_models.config import code_hash
from study.records import StudyFolder, write_json

NUM_MEASURES = 40


def finish(folder: StudyFolder, key: str, critic_accuracy: float) -> None:
    """Write the result of a run with this objective on both splits, beside as many other measures as a real one has."""
    values = {"critic_accuracy": critic_accuracy} | {f"measure_{index}": index / 7 for index in range(NUM_MEASURES)}
    result = {
        "key": key,
        "status": "finished",
        "code_hash": code_hash(),
        "train_time_s": 2.0,
        "measure_time_s": 1.0,
        "wall_time_s": 3.0,
        "started_at": "2026-01-01T00:00:00+00:00",
        "finished_at": "2026-01-01T00:00:03+00:00",
        "values": {"validation": values, "test": values},
    }
    write_json(folder.run(key).result, result)
