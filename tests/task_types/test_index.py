"""A retrieval task can be searched through a FAISS index; its scores then come with their recall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench import models, tasks
from tcmbench.errors import SpecError
from tcmbench.evaluation import evaluate
from tests.task_types.folders import workspace_of, write_beir

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.records.score import ScoreRecord
    from tcmbench.workspace import Workspace

EXACT = 'type = "retrieval"\npath = "beir"\n'
INDEX = EXACT + '[options.index]\nkind = "ivf"\nlists = 2\nprobes = 1\n'
SIGNS = "头痛发热恶寒无汗心悸失眠健忘多梦胁肋胀口苦咽干腰膝酸软"


def place(root: Path) -> Workspace:
    """Return a workspace of the same task with and without an index, and a base without weights."""
    documents = {f"d{n}": "".join(SIGNS[(n * step) % len(SIGNS)] for step in range(1, 9)) for n in range(100)}
    queries = {f"q{n}": documents[f"d{n}"][:6] for n in range(20)}
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"q{n}\td{n}\t1\n" for n in range(20))
    write_beir(root / "data/beir", documents=documents, queries=queries, qrels=qrels)
    workspace = workspace_of(root, {"Exact": EXACT, "Indexed": INDEX})
    (root / "models/bases/chars.toml").write_text('kind = "baseline"\nencoder = "hashed_chars"\n', encoding="utf-8")
    return workspace


def measured(workspace: Workspace, name: str) -> ScoreRecord:
    """Return the score of the base on a task."""
    model = models.base_model(workspace, "chars")
    loaded = models.load(model, cache=workspace.cache)
    task = tasks.resolve(workspace, name)
    return evaluate.measure(workspace, model, loaded, task, split="test", subset="default").record


def test_the_recall_of_an_index_is_stated(tmp_path: Path) -> None:
    """With half of the lists searched, the score's notes and metrics state the recall; an exact search has neither."""
    workspace = place(tmp_path)
    exact, indexed = measured(workspace, "Exact"), measured(workspace, "Indexed")
    recall = indexed.metrics["search_recall_at_10"]
    assert 0 < recall < 1
    stated = f"{recall:.2%} at 10, {indexed.metrics['search_recall_at_100']:.2%} at 100"
    note = f"searched through a FAISS index (ivf); recall of the exact neighbours: {stated}"
    assert indexed.notes == (*exact.notes, note)
    assert not any(name.startswith("search_recall") for name in exact.metrics)


def test_an_index_is_part_of_the_revision(tmp_path: Path) -> None:
    """Scores through an index are kept apart from exact ones, and parameters at their defaults change no key."""
    write_beir(tmp_path / "data/beir")
    texts = {"Exact": EXACT, "Indexed": INDEX, "Same": INDEX + "links = 32\n", "Other": INDEX.replace("= 2", "= 3")}
    workspace = workspace_of(tmp_path, texts)
    revision = {name: tasks.resolve(workspace, name).revision for name in texts}
    assert revision["Same"] == revision["Indexed"]
    assert len(set(revision.values())) == 3


def test_an_unknown_parameter_is_refused(tmp_path: Path) -> None:
    """A misspelt one would leave the default in force."""
    write_beir(tmp_path / "data/beir")
    workspace = workspace_of(tmp_path, {"Task": INDEX + "list = 9\n"})
    with pytest.raises(SpecError, match=r"index\.list: unknown field"):
        tasks.resolve(workspace, "Task")
