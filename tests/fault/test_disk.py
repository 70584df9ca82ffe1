"""A disk that fills while a study runs on it."""

import subprocess

import pytest
from harness.studies import Ledger, check_complete, write_study

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 2 MB; return its folder and a function that makes it larger."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", place)
    if mounted.returncode:
        pytest.skip(f"a small disk needs the right to mount one: {mounted.stderr.strip()}")
    yield place, lambda: mount("-o", "remount,size=200m", place).check_returncode()
    subprocess.run(["umount", place], check=True)


def mount(*arguments):
    try:
        return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess("mount", 1, "", str(error))


def test_a_disk_that_is_full(small_disk, reference, launch, note):
    disk, enlarge = small_disk
    study = write_study(disk)
    first = launch(study)
    assert first.end() in (1, 2), first.text
    assert "No space left on device" in first.text
    assert "Traceback" not in first.text
    ledger = Ledger(study.folder)
    num_finished = ledger.check()
    enlarge()
    second = launch(study)
    assert second.end() == 0, second.text
    ledger.check()
    check_complete(study, reference)
    note(
        "a disk of 2 MB fills", 1, f"stopped without a traceback after {num_finished} runs; goes on when there is room"
    )
