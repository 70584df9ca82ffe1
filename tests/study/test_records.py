import os

import pytest

from study.records import atomic_path


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_file_has_the_mode_of_the_umask_whatever_its_writer_does(tmp_path, mask):
    former = os.umask(mask)
    try:
        with atomic_path(tmp_path / "a.bin") as temporary:
            temporary.unlink()
            os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(former)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o666 & ~mask
