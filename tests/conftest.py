"""What all tests share: no network, a data root of real data where there is one, small workspaces."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tcmbench import plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tcmbench.plugins import Kind

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A property holds or doesn't, however long a busy machine takes for an example.
settings.register_profile("tcmbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tcmbench")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes golden files."""
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing with them")


REPOSITORY = Path(__file__).parent.parent

pytest_plugins = ["tests.tiny_workspace"]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The data root of real data, which can't be part of the repository."""
    root = os.environ.get("TCMBENCH_DATA", "")
    if not root or not (Path(root) / "tcm-pictures").is_dir():
        pytest.skip("needs real data: set TCMBENCH_DATA to a data root that holds tcm-pictures")
    return Path(root)


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small generated data root: tcm-synth and general-synth."""
    from tcmbench.data.synthetic import write_data_root

    root = tmp_path_factory.mktemp("synthetic")
    write_data_root(root, records=600, seed=1)
    return root


@pytest.fixture
def workspace_dir(tmp_path: Path) -> Path:
    """An empty workspace folder."""
    for folder in ("tasks/suites", "models/bases", "models/variants", "models/sets"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Kind, str, str], Path]]:
    """Installs a plug-in as another package would: kind, name and source give the path of its module."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def add(kind: Kind, name: str, source: str) -> Path:
        module = f"acme_{kind}_{name}"
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
        info = folder / f"acme_{kind}_{name}-3.1.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-{name}\nVersion: 3.1\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[tcmbench.{kind}]\n{name} = {module}\n", encoding="utf-8")
        _forget_installed()
        return folder / f"{module}.py"

    yield add
    _forget_installed()


def _forget_installed() -> None:
    plugins._ours.cache_clear()
    plugins._entry_points.cache_clear()
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of tcmbench's is set."""
    for name in [name for name in os.environ if name.startswith("TCMBENCH_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def git() -> str:
    """The git program."""
    found = shutil.which("git")
    if found is None:
        pytest.skip("needs git")
    return found
