"""Adds the pages outside docs/ to the site of the documentation, and leads links to where pages are on the site.

An entry of `nav` with a `*` stands for the pages of that folder that no other entry names.

All pages are written for readers of the repository: their links are paths in it. A link to a file that is no page
(code, a specification) becomes its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]

OUTSIDE = {
    "README.md": "index.md",
    "README.zh-CN.md": "zh.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
    **{f"reports/{path.name}": f"reports/{path.name}" for path in sorted((ROOT / "reports").glob("*.md"))},
}
"""Path in the repository → page of the site."""

_PATHS = {page: path for path, page in OUTSIDE.items()}
_FENCE = re.compile(r"^(```.*?^```$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^()\s]+)\)")
_ATTRIBUTE = re.compile(r'\b(src|srcset|href)="([^"]+)"')
_ADDRESS = re.compile(r"^([a-z]+:|//|#)")


def on_config(config: Any) -> Any:
    """Replace the patterns of `nav` by pages."""
    docs = Path(config.docs_dir)
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md") if ".site" not in path.parts}
    pages |= {*OUTSIDE.values()}
    named = {entry for entry in _entries(config.nav) if "*" not in entry}
    config.nav = _expanded(config.nav, sorted(pages - named - _HIDDEN))
    return config


_HIDDEN = {"images/README.md"}


def _entries(nav: Any) -> list[str]:
    """Return all entries of `nav`, in its order."""
    if isinstance(nav, str):
        return [nav]
    parts = nav if isinstance(nav, list) else list(nav.values())
    return [entry for part in parts for entry in _entries(part)]


def _expanded(nav: Any, pages: list[str]) -> Any:
    if isinstance(nav, dict):
        return {name: _expanded(part, pages) for name, part in nav.items()}
    if isinstance(nav, str):
        return nav
    expanded: list[Any] = []
    for entry in nav:
        if isinstance(entry, str) and "*" in entry:
            folder = posixpath.dirname(entry)
            expanded += [page for page in pages if posixpath.dirname(page) == folder]
        else:
            expanded.append(_expanded(entry, pages))
    return expanded


def on_files(files: Any, *, config: Any) -> Any:
    """Add the pages outside docs/."""
    for path, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Return a page with its links led to pages of the site; code stays as it is."""
    del config, files
    here = page.file.src_uri
    parts = _FENCE.split(markdown)
    parts[::2] = [_led(part, here) for part in parts[::2]]
    return "".join(parts)


def _led(text: str, here: str) -> str:
    def link(match: re.Match[str]) -> str:
        target = _target(match[2], here)
        return match[1] if target is None else f"[{match[1]}]({target})"

    def attribute(match: re.Match[str]) -> str:
        return f'{match[1]}="{_target(match[2], here) or match[2]}"'

    return _ATTRIBUTE.sub(attribute, _LINK.sub(link, text))


def _target(link: str, here: str) -> str | None:
    """Return a link as it is from a page of the site; None for a file of the repository that isn't on it."""
    if _ADDRESS.match(link):
        return link
    path, anchor, name = link.partition("#")
    folder = posixpath.dirname(_PATHS.get(here, f"docs/{here}"))
    target = posixpath.normpath(posixpath.join(folder, path))
    if target in OUTSIDE:
        page = OUTSIDE[target]
    elif target.startswith("docs/"):
        page = target.removeprefix("docs/")
    elif (ROOT / target).exists():
        return None
    else:
        return link  # mkdocs names it as broken
    return posixpath.relpath(page, posixpath.dirname(here) or ".") + anchor + name
