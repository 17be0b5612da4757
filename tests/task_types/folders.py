"""Small data for tasks, and a workspace around it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcmbench.workspace import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tcmbench.workspace import Workspace

DOCUMENTS = {"d1": "头痛发热，恶寒无汗", "d2": "心悸失眠，健忘多梦", "d3": "胁肋胀痛，口苦咽干", "d4": "腰膝酸软"}
QUERIES = {"q1": "恶寒发热无汗头痛", "q2": "失眠多梦心悸", "q3": "两胁胀痛口苦"}
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\nq3\td3\t1\n"


def write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """Write JSON lines and return their file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_beir(
    folder: Path, *, documents: Mapping[str, str] = DOCUMENTS, queries: Mapping[str, str] = QUERIES, qrels: str = QRELS
) -> Path:
    """Write a BEIR folder and return it."""
    write_lines(folder / "corpus.jsonl", [{"_id": name, "text": text} for name, text in documents.items()])
    write_lines(folder / "queries.jsonl", [{"_id": name, "text": text} for name, text in queries.items()])
    (folder / "qrels").mkdir(exist_ok=True)
    (folder / "qrels/test.tsv").write_text(qrels, encoding="utf-8")
    return folder


def workspace_of(root: Path, tasks: Mapping[str, str]) -> Workspace:
    """Return a workspace with these tasks, in a suite `all` if there are any, its data root and its store inside."""
    for folder in ("tasks/suites", "models/bases", "data"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in tasks.items():
        (root / f"tasks/{name}.toml").write_text(text, encoding="utf-8")
    columns = [f'[[tasks]]\ntask = "{name}"\nrole = "in_domain"\n' for name in tasks]
    if columns:
        (root / "tasks/suites/all.toml").write_text("".join(columns), encoding="utf-8")
    return find(root, cache=root / "store")
