"""Study folders that were damaged at random, by a seeded hand: a report, or a clear error, and never a traceback."""

import json
import random
import re
import shutil

import pytest

from analysis.caveats import caveats
from analysis.drawn import Drawn
from analysis.findings import answers, headline
from analysis.markdown_report import markdown_report
from analysis.page import page
from analysis.report import FIGURE_NAMES, write_report
from analysis.results import load_results
from analysis.tables import analyse, csv_tables, write_tables

ODD = (
    *(None, True, -1, 0, 1e308, 10**400, float("nan"), float("inf"), "", "x", "\ud800", "9" * 30),
    *([], [[]], {}, {"a": [1]}, "no_such_measure", "2026-13-45"),
)
"""What takes the place of a value."""


def damage(path, dice):
    """Damage a file; return what was done to it."""
    content = path.read_bytes()
    kinds = ["delete", "cut", "garble", "flip", "folder", "empty"]
    kinds += ["change"] * 8 + ["double"] if path.suffix == ".json" else []
    kind = dice.choice(kinds)
    if kind == "delete":
        path.unlink()
    elif kind == "folder":
        path.unlink()
        path.mkdir()
    elif kind == "cut":
        path.write_bytes(content[: dice.randrange(len(content) + 1)])
    elif kind == "garble":
        path.write_bytes(dice.randbytes(200))
    elif kind == "flip":
        place = dice.randrange(len(content)) if content else 0
        path.write_bytes(content[:place] + dice.randbytes(1) + content[place + 1 :])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "double":
        path.write_bytes(content + content)
    else:
        path.write_text(json.dumps(changed(json.loads(content), dice)), encoding="utf-8")
    return f"{kind} {path.name}"


def changed(value, dice):
    """Return a value of JSON with an entry, somewhere in it, that is odd, missing, or there twice."""
    if not isinstance(value, dict | list) or not value or dice.random() < 0.1:
        return dice.choice(ODD)
    key = dice.choice(list(value)) if isinstance(value, dict) else dice.randrange(len(value))
    found = value.copy()
    if dice.random() < 0.15:
        del found[key]
    elif isinstance(found, list) and dice.random() < 0.15:
        found.append(found[key])
    else:
        found[key] = changed(found[key], dice)
    return found


def damaged(folder, seed, share):
    """Damage about a share of a folder's files, and add some that belong to no study."""
    dice = random.Random(seed)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    done = [damage(path, dice) for path in dice.sample(files, max(1, int(share * len(files))))]
    if dice.random() < 0.3:
        (folder / "runs" / "stray").mkdir()
        (folder / "runs" / "stray" / "run.json").write_text(
            dice.choice(["", "{}", "[1]", '{"all": {"model.code": 3}}'])
        )
    if dice.random() < 0.2:
        (folder / "runs" / "note.txt").write_text("to do")
    return done


@pytest.fixture(scope="module")
def whole(synthetic, tmp_path_factory):
    """A study of six runs with something in every file."""
    planted = synthetic.Planted(
        gaussian=((2, 10),), categorical=((10, 10),), replicates=1, searched=2, full=True, samples=False
    )
    return synthetic.write_study(tmp_path_factory.mktemp("whole") / "s", planted)


def said_of(folder):
    """Return all that a report says of a folder, without its figures: its page, its sentences."""
    analysis = analyse(load_results(folder))
    write_tables(csv_tables(analysis), folder / "report" / "tables")
    figures = {name: Drawn(name) for name in FIGURE_NAMES}
    markdown_report(analysis, figures)
    text = page(analysis, figures, [], [], list(analysis.results.problems))
    return text, [*answers(analysis), *caveats(analysis), *(item.value for item in headline(analysis))]


@pytest.mark.parametrize("start", range(0, 24, 8))
def test_a_damaged_folder_is_reported_or_refused_in_one_line(start, whole, tmp_path):
    for seed in range(start, start + 8):
        folder = shutil.copytree(whole, tmp_path / str(seed))
        done = damaged(folder, seed, 0.1 + 0.1 * (seed % 5))
        try:
            text, sentences = said_of(folder)
        except FileNotFoundError as error:
            assert "must hold study.json or runs/" in str(error), done
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {done}") from error
        assert all(sentences), (seed, done)
        assert not re.search(r"\bnan\b", text.replace("but got nan", "") + " ".join(sentences)), (seed, done)


@pytest.mark.usefixtures("vectors_only")
@pytest.mark.parametrize("seed", (0, 9, 15))
def test_a_damaged_folder_has_its_figures(seed, whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "s")
    done = damaged(folder, seed, 0.3)
    assert "could not be drawn" not in write_report(folder).read_text(encoding="utf-8"), done
