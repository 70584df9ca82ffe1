"""What is said where the files of a data set are not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class DataMissing(FileNotFoundError):
    """The files of a data set are neither there nor to be had."""


def require_files(folder: Path, names: Sequence[str], source: str) -> None:
    """Require that a folder holds files or folders of these names.

    Raises:
        DataMissing: One is not there; the message names it, the folder and where the data set is published.
    """
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise DataMissing(
            f"{folder} must hold {', '.join(names)}, but {', '.join(missing)} is missing. The data are published at "
            f"{source}. Put the files there, name another folder with --data-root or IAE_DATA_ROOT, or choose data "
            "that need no files, such as data.name: embedded_digits or street_digits."
        )
