"""The stored board: it is worked out anew when anything that it shows differs, and only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench import plugins
from tcmbench.boards import publish
from tcmbench.comparison import baseline as baselines
from tcmbench.comparison.measured import measured_set
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.workspace import find
from tests.boards.fake import POLICIES, Fake, Shape, make

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """A small set."""
    return make(tmp_path / "scores", Shape(variants=0, columns=3, items=20, seeds=1))


@pytest.fixture
def place(workspace_dir: Path, tmp_path: Path) -> Workspace:
    """A workspace with a store of its own."""
    return find(workspace_dir, cache=tmp_path / "store")


def stored(place: Workspace, fake: Fake, monkeypatch: pytest.MonkeyPatch, policy: Path | None = None) -> Path:
    """Return where the board is stored; nothing is worked out."""
    monkeypatch.setattr(type(place), "variants", lambda *_: [])
    monkeypatch.setattr(type(place.store), "has", lambda *_: True)
    planned = PlannedSuite(fake.suite, {})
    return publish.stored_board(place, fake.model_set, planned, list(fake.entries), policy=policy)


def test_everything_that_a_board_shows_is_in_its_key(
    place: Workspace, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy, the baseline, what other packages add, and the versions of what renders the page."""
    first = stored(place, fake, monkeypatch)
    assert stored(place, fake, monkeypatch) == first
    policy = tmp_path / "policy.toml"
    policy.write_text("margin = 2.0\n", "utf-8")
    seen = {first, stored(place, fake, monkeypatch, policy)}
    measured = measured_set(fake.model_set, fake.suite, fake.entries)
    path = baselines.path_of(place, fake.model_set.name)
    baselines.write(path, baselines.make(measured, policy=POLICIES.baseline))
    seen.add(stored(place, fake, monkeypatch))
    added = plugins.use("columns", "rank")
    with monkeypatch.context() as other:
        other.setattr(publish.plugins, "of_other_packages", lambda kind: [added] if kind == "columns" else [])
        seen.add(stored(place, fake, monkeypatch))
    with monkeypatch.context() as other:
        other.setattr(publish.importlib.metadata, "version", lambda name: f"another {name}")
        seen.add(stored(place, fake, monkeypatch))
    assert len(seen) == 5


def test_the_policy_of_the_set_judges_its_board(place: Workspace, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Board and gate read the same rules."""
    monkeypatch.setattr(type(place), "variants", lambda *_: [])
    strict = fake.model_set.model_copy(update={"policy": {"margin": 0.5}})
    options = publish.board_options(place, strict, PlannedSuite(fake.suite, {}))
    assert options.policies == place.policies(strict)
    assert (options.policies.reference.margin, options.policies.source) == (0.5, "set fake")
