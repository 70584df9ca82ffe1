"""The example of docs/own_variant.md, launched as it stands there on real workers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from study.records import StudyFolder, read_json

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "own_variant.md").read_text(encoding="utf-8")
SMALL = ("model.width=0.03", "train.steps=6", "train.batch_size=16", "replicates=1", "model.regularization_weight=10")


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return found


def command(place, module, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", module, *arguments]
    return subprocess.run(line, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=300)


def launch(place, *arguments):
    overrides = [word for value in SMALL for word in ("--set", value)]
    return command(place, "study.launch", "wasserstein.yaml", *overrides, *arguments)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with the example's two files, in which it was launched."""
    place = tmp_path_factory.mktemp("own")
    (place / "my_variants.py").write_text(block("python"), encoding="utf-8")
    (place / "wasserstein.yaml").write_text(block("yaml"), encoding="utf-8")
    done = launch(place)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.mark.slow
def test_the_example_runs(place):
    folder = StudyFolder(place / "runs" / "wasserstein")
    hashes = {run.key: read_json(run.result)["code_hash"] for run in folder.run_folders()}
    assert len(hashes) == len(set(hashes.values())) == 2
    assert "versions of the code" not in (folder.root / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_its_files_outlive_its_module(place, tmp_path):
    module = place / "my_variants.py"
    module.write_text(block("python").replace("2 * num", "2.5 * num"), encoding="utf-8")
    changed = launch(place, "--same-code")
    assert changed.returncode == 2
    assert "1 of the 2 finished runs in runs/wasserstein were made by other model code" in changed.stderr

    module.unlink()
    lost = launch(place, "--dry-run")
    assert lost.returncode == 2
    (line,) = lost.stderr.splitlines()
    assert line.startswith("wasserstein.yaml:9:22: blocks[0].parameters.model.variant: variant must be in a module")
    assert "there is no module 'my_variants'" in line
    for module_name, *arguments in (("study.trials", "-f", "csv"), ("analysis.report",)):
        read = command(tmp_path, module_name, str(place / "runs" / "wasserstein"), *arguments)
        assert read.returncode == 0, read.stderr
