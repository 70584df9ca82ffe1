import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The generator of study folders beside this file, which importlib mode does not put on the path."""
    path = Path(__file__).with_name("synthetic_study.py")
    spec = importlib.util.spec_from_file_location("synthetic_study", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["synthetic_study"] = module  # dataclasses look their module up here
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def study_dir(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete study. Do not change it: copy it first."""
    return synthetic.write_study(tmp_path_factory.mktemp("studies") / "decomposition")
