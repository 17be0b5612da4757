"""Code that produces artefacts changes only with its revision: otherwise stale artefacts would be reused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from tcmbench.specs.base import Base
from tcmbench.specs.keep import Keep
from tcmbench.specs.source import NegativesSpec
from tcmbench.specs.task import TaskSpec
from tcmbench.specs.variant import AugmentationSpec, Training, Variant
from tests.code import Maker, bare, digest, makers, reach

if TYPE_CHECKING:
    from collections.abc import Mapping

GOLDEN = Path(__file__).with_name("golden") / "revisions.json"
SPECS: tuple[type[BaseModel], ...] = (Base, Variant, Training, Keep, NegativesSpec, AugmentationSpec, TaskSpec)
"""Specs of which keys hold what differs from the defaults."""

RECORD = "pytest tests/test_revisions.py --update-golden"


def state() -> dict[str, dict[str, str]]:
    """Return the revision of every maker, the code of every module that one reaches, and every default of the specs."""
    found = makers()
    modules = sorted({module for maker in found.values() for module in reach(maker)[0]})
    return {
        "revisions": {name: maker.revision for name, maker in sorted(found.items())},
        "code": {module: digest(module) for module in modules},
        "defaults": {
            f"{spec.__name__}.{name}": "required" if field.is_required() else repr(field.get_default())
            for spec in SPECS
            for name, field in spec.model_fields.items()
        },
    }


def unraised(found: Mapping[str, Maker], before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return changed module → the makers that run it and still have the revision they had."""
    changed = [module for module, code in now["code"].items() if before["code"].get(module) != code]
    same = {name: reach(maker)[0] for name, maker in found.items() if before["revisions"].get(name) == maker.revision}
    runs = {module: sorted(name for name, modules in same.items() if module in modules) for module in changed}
    return {module: names for module, names in runs.items() if names}


def moved_defaults(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return one line for each field whose default has changed."""
    old = before["defaults"]
    return [
        f"{name}: {old[name]} → {value}" for name, value in now["defaults"].items() if old.get(name, value) != value
    ]


def test_code_changes_only_with_its_revision(request: pytest.FixtureRequest) -> None:
    """A change of a plug-in's output needs a new revision; the golden file has the hash of each module's code."""
    now = state()
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    before = json.loads(GOLDEN.read_text(encoding="utf-8"))
    stale = unraised(makers(), before, now)
    revised = {name: makers()[name].declared for names in stale.values() for name in names}
    assert not stale, "\n".join(
        [
            *(f"{module} has changed; it is run by {', '.join(names)}" for module, names in stale.items()),
            "Where the same input and options can give another output now, raise the revision, or old artefacts stay.",
            *(f"  {name}: {declared}" for name, declared in sorted(revised.items())),
            f"Then record the state: {RECORD}",
        ]
    )
    moved = moved_defaults(before, now)
    assert not moved, (
        "\n".join(moved)
        + "\nKeys hold only what differs from the defaults: raise the stage of every key that holds the "
        f"field (models.revisions, tuning.tune, trainsets.build, tasks). Then record the state: {RECORD}"
    )
    assert before == now, f"Revisions, modules or fields were added or raised. Record the state: {RECORD}"


def test_a_change_is_laid_at_the_door_of_all_that_reach_it() -> None:
    """A shared module names every plug-in that runs it, those that raised their revision excepted."""
    now, found = state(), makers()
    before = json.loads(json.dumps(now))
    before["code"]["tcmbench.miners.selection.choice"] = "other"
    before["revisions"]["miners/random"] = "0"
    expected = {"tcmbench.miners.selection.choice": ["miners/bm25", "miners/embedding", "miners/given", "trainsets"]}
    assert unraised(found, before, now) == expected
    assert unraised(found, now, now) == {}


def test_a_moved_default_is_told_apart_from_a_new_field() -> None:
    """A field that is new has no old meaning; one whose default moved has."""
    now = state()
    before = json.loads(json.dumps(now))
    del before["defaults"]["Training.max_length"]
    before["defaults"]["Base.max_length"] = "256"
    assert moved_defaults(before, now) == ["Base.max_length: 256 → 512"]


@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        ('"""Other."""\n\nX = 1  # two\n\n\ndef f() -> str:\n    """New."""\n    return "# a"\n', True),
        ('"""One."""\nX = 2\ndef f() -> str:\n    return "# a"\n', False),
        ('"""One."""\nX = 1\ndef f() -> str:\n    return "#  a"\n', False),
    ],
)
def test_words_about_code_are_no_code(changed: str, is_same: bool) -> None:
    """Docstrings, comments and empty lines may change; text within the code may not."""
    source = '"""One."""\nX = 1\n\ndef f() -> str:\n    """Two,\n    lines."""\n    # why\n    return "# a"\n'
    assert (bare(source) == bare(changed)) is is_same


def test_programs_that_a_plugin_starts_are_its_code() -> None:
    """Workers are files that nothing imports."""
    found = makers()
    assert "tcmbench.encoders._vllm_worker" in reach(found["encoders/vllm"])[0]
    trainer = reach(found["trainers/sentence_transformers"])[0]
    assert {"tcmbench.trainers._sentence_transformers.worker", "tcmbench.trainers._runtime.leash"} <= trainer


def test_plugins_that_another_calls_are_in_its_identity() -> None:
    """`USES` names every plug-in whose code a plug-in runs, so that its revision is in the key."""
    from tcmbench import plugins

    for name, maker in makers().items():
        kind, _, short = name.partition("/")
        called = reach(maker)[1]
        if short:
            uses = plugins.load(kind, short).__dict__.get("USES", ())  # type: ignore[arg-type]
            assert called == set(uses), f"{name}: USES is {uses}, but it calls {sorted(called)}"
        else:
            assert called == set(), f"{name} calls {sorted(called)}, whose revisions it can't hold"
