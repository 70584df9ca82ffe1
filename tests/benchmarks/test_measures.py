from pathlib import Path

from analysis.full_measure_names import FULL_MEASURES
from analysis.measure_formulas import formula_of
from analysis.measure_names import MEASURES
from benchmarks.measures import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "measures.md"


def test_the_page_is_what_the_command_prints():
    assert PAGE.read_text(encoding="utf-8") == "\n".join(page()) + "\n"


def test_every_measure_has_a_row_a_formula_and_a_source():
    lines = list(page())
    for name in (*MEASURES, *FULL_MEASURES):
        assert all(formula_of(name)), name
        (row,) = [line for line in lines if line.startswith(f"| `{name}` |")]
        assert row.count(" | ") == 8
