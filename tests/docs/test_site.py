"""The site of the documentation names what there is; `make docs` builds it, strictly."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import tcmbench
from tcmbench import plugins

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def directives(page: str) -> list[str]:
    """Return what a page of the reference documents."""
    return re.findall(r"^::: ([\w.]+)$", (DOCS / "reference" / page).read_text(encoding="utf-8"), re.MULTILINE)


def test_the_reference_has_every_function() -> None:
    """All that `import tcmbench` offers; `Workspace` is called `find` where it is defined."""
    names = {name.rpartition(".")[2] for name in directives("python.md")}
    assert {"find" if name == "Workspace" else name for name in tcmbench.__all__} - names == {"__version__"}


def test_the_reference_has_every_kind_of_plugin() -> None:
    """Each by the package that states its contract."""
    assert {
        f"tcmbench.{name}" if not name.startswith("tcmbench.") else name for name in plugins._FOLDERS.values()
    } <= set(directives("plugins.md"))


def test_every_page_of_the_navigation_exists() -> None:
    """What it doesn't name is added by its patterns; pages outside docs/ are added by the hook."""
    named = re.findall(r"^ +- (?:\w[\w ]*: )?([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    hook = (DOCS / ".site" / "pages.py").read_text(encoding="utf-8")
    assert len(named) > 20
    assert [name for name in named if not (DOCS / name).is_file() and f'"{name}"' not in hook] == []


def test_the_citation_has_the_version_of_the_package() -> None:
    """And its licence."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {project['version']}\n" in citation
    assert f"\nlicense: {project['license']}\n" in citation
