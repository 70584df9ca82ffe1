import re
from datetime import UTC, datetime

import pytest

from benchmarks import fault_table

TESTS = """
import pytest

@pytest.mark.fault
@pytest.mark.parametrize("number", [1, 2])
def test_kills(number, record_property):
    record_property("fault", {"fault": "a kill", "count": 3, "outcome": "survived"})

@pytest.mark.fault
def test_fails(record_property):
    record_property("fault", {"fault": "a flood", "count": 1, "outcome": "survived"})
    assert False

@pytest.mark.fault
def test_skipped():
    pytest.skip("no water here")

def test_other(record_property):
    record_property("fault", {"fault": "none", "count": 1, "outcome": "survived"})
"""


def test_the_page_holds_what_the_tests_of_this_run_recorded(tmp_path, monkeypatch):
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = fault\n")
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    assert fault_table.main([str(tmp_path), "--out", str(page)]) == pytest.ExitCode.TESTS_FAILED
    text = page.read_text()
    assert "| a kill | 6 | survived |" in text
    assert re.search(r"\| `\S*test_fails` \|  \| \*\*failed\*\* in its call \|", text)
    assert re.search(r"\| `\S*test_skipped` \|  \| not tried: no water here \|", text)
    assert "flood" not in text
    assert "none |" not in text
    assert "2 tests passed" in text
    assert "6 faults" in text
    assert f"{datetime.now(UTC):%Y-%m-%d}" in text
