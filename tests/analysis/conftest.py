import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from matplotlib.figure import Figure

from analysis.figures import FIGURES
from analysis.results import load_results
from analysis.tables import Analysis, analyse

# A finder that refuses, and not `sys.modules[name] = None`, which scipy mistakes for an imported torch.
BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {0!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
"""


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The generator of study folders beside this file, which importlib mode does not put on the path."""
    path = Path(__file__).with_name("synthetic_study.py")
    spec = importlib.util.spec_from_file_location("synthetic_study", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["synthetic_study"] = module  # dataclasses look their module up here
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def study_dir(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete study. Do not change it: copy it first."""
    return synthetic.write_study(tmp_path_factory.mktemp("studies") / "decomposition")


@pytest.fixture(scope="session")
def small_study(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of ten runs with something in every figure. Do not change it: copy it first."""
    planted = synthetic.Planted(gaussian=((2, 10),), categorical=((10, 10),), replicates=2, searched=4)
    return synthetic.write_study(tmp_path_factory.mktemp("small") / "small", planted)


@pytest.fixture(scope="session")
def analysis(study_dir: Path) -> Analysis:
    """The numbers of the complete study."""
    return analyse(load_results(study_dir))


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing, for what concerns the text of a page alone."""
    for module in ("report", "search_part"):
        monkeypatch.setattr(f"analysis.{module}.FIGURES", dict.fromkeys(FIGURES, lambda _: ""))


@pytest.fixture
def vectors_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write no PNG files: they show the same artists as the SVG files, and take as long."""
    save = Figure.savefig

    def save_vectors(figure: Figure, target: Any, **options: Any) -> None:
        if options.get("format") == "svg":
            save(figure, target, **options)

    monkeypatch.setattr(Figure, "savefig", save_vectors)


@pytest.fixture(scope="session")
def run_blocked() -> Callable[..., str]:
    """Run Python code in a fresh interpreter in which torch and Ray cannot be imported; return what it printed."""

    def run(code: str, *arguments: str, blocked: tuple[str, ...] = ("torch", "ray")) -> str:
        command = [sys.executable, "-W", "error", "-c", BLOCK.format(blocked) + code, *arguments]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
