"""What the documentation shows of study files is true."""

import re
from pathlib import Path

import pytest

from analysis.measure_names import MEASURES
from study.algorithms import SAMPLER_OPTIONS, SCHEDULER_OPTIONS
from study.schema import study_schema
from study.spec import STUDY_KEYS, load_study

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/study_files.md")
REFERENCE = (ROOT / "docs" / "study_files.md").read_text(encoding="utf-8")


def blocks_of(page):
    return re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


EXAMPLES = {f"{page} {number}": text for page in PAGES for number, text in enumerate(blocks_of(page))}


@pytest.mark.parametrize("text", list(EXAMPLES.values()), ids=list(EXAMPLES))
@pytest.mark.parametrize("smoke", [False, True])
def test_examples_load(text, smoke, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    spec = load_study(path, smoke=smoke)
    assert spec.warnings == ()
    assert spec.blocks


def test_the_reference_has_an_example_of_every_key():
    text = "\n".join(EXAMPLES.values())
    keys = [key for key in STUDY_KEYS if key != "extends"]
    assert not [key for key in keys if not re.search(rf"^{key}:", text, re.MULTILINE)]
    assert not [key for key in STUDY_KEYS if f"| `{key}` |" not in REFERENCE]
    assert not [key for key in study_schema()["properties"]["resources"]["properties"] if key not in REFERENCE]


def test_the_reference_names_every_option():
    for kind, tables in (("sampler", SAMPLER_OPTIONS), ("scheduler", SCHEDULER_OPTIONS)):
        for name, options in tables.items():
            listed = ", ".join(f"`{option}`" for option in options) or "none"
            assert f"| {kind} `{name}` | {listed} |" in REFERENCE


def test_the_reference_says_what_compares_across_numbers_of_categories():
    rows = re.findall(r"^\| (`.*?`) \| (yes|no)[^|]*\|", REFERENCE.partition("**Across numbers")[2], re.MULTILINE)
    names = {name: answer for row, answer in rows for name in re.findall(r"`(\w+)`", row) if name in MEASURES}
    assert len(names) >= 8
    assert all((answer == "no") == bool(MEASURES[name].across_k) for name, answer in names.items())
