"""The rooms of the package and the direction of their imports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tcmbench"

ROOMS = (
    "errors", "store", "plugins", "text", "specs", "workspace", "records", "stats", "data", "ranking", "encoders",
    "models", "task_types", "tasks", "miners", "augmentations", "trainsets", "trainers", "tuning", "evaluation",
    "comparison", "runs", "executors", "boards", "checks", "cli",
)  # fmt: skip
"""From the ground up: a room imports from itself and from rooms before it."""

SIBLINGS = {("checks", "boards")}
"""Rooms that stand beside each other: neither imports the other."""


def _module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _imports(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, inside functions and under TYPE_CHECKING too."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names if name.name.partition(".")[0] == "tcmbench"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tcmbench":
            whole = [f"{node.module}.{name.name}" for name in node.names]
            imported |= {name if name in MODULES else str(node.module) for name in whole}
    return imported


ARROWS = {module: _imports(path) - {module} for module, path in MODULES.items()}


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_file_stands_in_a_room_of_the_order() -> None:
    """A new folder or file of the package has to be given its place."""
    here = {_room(module) for module in MODULES} - {"", "__main__"}
    assert here <= set(ROOMS)


def test_no_import_runs_up() -> None:
    """A room imports nothing from the rooms above it."""
    up = [
        f"{module} -> {target}"
        for module, targets in ARROWS.items()
        for target in sorted(targets)
        if _room(module) in ROOMS and _room(target) in ROOMS and ROOMS.index(_room(target)) > ROOMS.index(_room(module))
    ]
    assert up == []


@pytest.mark.parametrize("rooms", sorted(SIBLINGS))
def test_siblings_do_not_import_each_other(rooms: tuple[str, str]) -> None:
    """What both need stands in a room below them."""
    across = [f"{a} -> {b}" for a, targets in ARROWS.items() for b in targets if {_room(a), _room(b)} == set(rooms)]
    assert across == []


def test_no_files_import_each_other_in_a_circle() -> None:
    """Every file can be read after the files that it imports; a package's __init__ counts as a file."""
    left = dict(ARROWS)
    while free := {module for module, targets in left.items() if not targets & left.keys()}:
        left = {module: targets for module, targets in left.items() if module not in free}
    assert sorted(left) == []
