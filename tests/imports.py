"""The modules of the package and what each imports, read from their source."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PACKAGE = Path(__file__).parent.parent / "tcmbench"


def module_of(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _imports(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the modules of the package that statements import, inside functions too."""
    imported: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names if name.name.partition(".")[0] == "tcmbench"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tcmbench":
            whole = [f"{node.module}.{name.name}" for name in node.names]
            imported |= {name if name in MODULES else str(node.module) for name in whole}
    return imported


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree that are run: those under TYPE_CHECKING are not."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            yield node
            yield from _run(node)


TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in MODULES.items()}

ARROWS = {module: _imports(ast.walk(tree)) - {module} for module, tree in TREES.items()}
"""Module → what it imports, for types alone too."""

CALLS = {module: _imports(_run(tree)) - {module} for module, tree in TREES.items()}
"""Module → what it imports when it runs."""


def room_of(module: str) -> str:
    """Return the room of a module, "" for the package itself."""
    return module.split(".")[1] if "." in module else ""
