"""Imports go one way, and plans and reports do without the heavy libraries.

Each test starts a fresh interpreter in which the forbidden packages cannot be found at all.
"""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

IMPORT_WITHOUT = """
import importlib, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"{{name}} is blocked in this test", name=name)

sys.meta_path.insert(0, Blocked())
for module in {modules!r}:
    importlib.import_module(module)
print("imported", *{modules!r})
"""


def modules_of(package: str, exclude: Iterable[str] = ()) -> list[str]:
    """Return the names of all modules of a package, from its files."""
    files = sorted((ROOT / package).rglob("*.py"))
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
    return [name for name in names if not any(name == other or name.startswith(f"{other}.") for other in exclude)]


def import_without(blocked: Iterable[str], modules: list[str]) -> None:
    code = IMPORT_WITHOUT.format(blocked=sorted(blocked), modules=modules)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["imported", *modules]


def test_models_know_nothing_of_studies() -> None:
    import_without(["ray", "optuna", "pandas", "yaml", "study", "analysis"], modules_of("iae_models"))


def test_configurations_cost_no_torch() -> None:
    modules = ["iae_models", "iae_models.config", "iae_models.architectures", "iae_models.costs"]
    import_without(["torch", "numpy"], modules)


def test_plans_cost_no_torch_ray_or_optuna() -> None:
    names = [
        "study",
        "study.records",
        "study.spec",
        "study.plan",
        "study.trials",
        "study.status",
        "study.best",
        "study.reproduce",
    ]
    import_without(["torch", "ray", "optuna"], names)


def test_measures_know_nothing_of_studies() -> None:
    import_without(["ray", "optuna", "study"], modules_of("analysis/measures"))


def test_reports_need_files_only() -> None:
    names = modules_of("analysis", exclude=["analysis.measures"])
    assert {"analysis", "analysis.results", "analysis.report"} <= set(names)
    import_without(["torch", "ray", "optuna"], names)


@pytest.mark.parametrize("package", ["study", "analysis"])
def test_packages_import_nothing(package: str) -> None:
    code = f"import sys; before = set(sys.modules); import {package}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [package]


def test_a_broken_rule_is_noticed() -> None:
    with pytest.raises(AssertionError, match="study is blocked in this test"):
        import_without(["study"], ["study.records"])
