"""The rooms of the package and the direction of their imports."""

from __future__ import annotations

import ast

import pytest

from tests.imports import ARROWS, MODULES, TREES, room_of

ROOMS = (
    "version", "redaction", "terminal", "errors", "complaints", "disk", "strict_json", "checksums", "manifests",
    "faults", "store", "shared_folder", "store_inventory", "store_removal", "store_verification", "plugins",
    "processor", "text", "specs", "workspace", "records", "stats", "data", "ranking", "encoders", "models",
    "task_types", "tasks", "generation", "miners", "augmentations", "trainsets", "trainers", "tuning", "cures",
    "forms", "treatment", "evaluation", "comparison", "history", "runs", "executors", "boards", "checks",
    "searches", "serving", "sites", "results", "publishing", "api", "cli",
)  # fmt: skip
"""From the ground up: a room imports from itself and from rooms before it."""

SIBLINGS = {("checks", "boards")}
"""Rooms that stand beside each other: neither imports the other."""


def test_every_file_stands_in_a_room_of_the_order() -> None:
    """A new folder or file of the package has to be given its place."""
    here = {room_of(module) for module in MODULES} - {"", "__main__"}
    assert here <= set(ROOMS)


def test_no_import_runs_up() -> None:
    """A room imports nothing from the rooms above it."""
    up = [
        f"{module} -> {target}"
        for module, targets in ARROWS.items()
        for target in sorted(targets)
        if room_of(module) in ROOMS
        and room_of(target) in ROOMS
        and ROOMS.index(room_of(target)) > ROOMS.index(room_of(module))
    ]
    assert up == []


@pytest.mark.parametrize("rooms", sorted(SIBLINGS))
def test_siblings_do_not_import_each_other(rooms: tuple[str, str]) -> None:
    """Code that both need is in a room below them."""
    across = [f"{a} -> {b}" for a, targets in ARROWS.items() for b in targets if {room_of(a), room_of(b)} == set(rooms)]
    assert across == []


def test_no_files_import_each_other_in_a_circle() -> None:
    """Every file can be read after the files that it imports; a package's __init__ counts as a file."""
    left = dict(ARROWS)
    while free := {module for module, targets in left.items() if not targets & left.keys()}:
        left = {module: targets for module, targets in left.items() if module not in free}
    assert sorted(left) == []


def test_a_class_name_stands_for_one_thing() -> None:
    """No two classes of the package share a name; `Options` is what every plug-in calls its own."""
    places: dict[str, list[str]] = {}
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1 and name != "Options"} == {}
