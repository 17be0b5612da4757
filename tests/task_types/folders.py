"""Small data for tasks, and a workspace around it."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tcmbench.workspace import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
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


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write rows in the format, and the compression, that the end of the file's name says, and return the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    content = _CONTENT[name.rpartition(".")[2]](rows)
    if path.suffix.lower() == ".gz":
        content = gzip.compress(content)
    elif path.suffix.lower() == ".zst":
        content = pa.Codec("zstd").compress(content, asbytes=True)
    path.write_bytes(content)
    return path


def _delimited(rows: Sequence[Mapping[str, object]], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _parquet(rows: Sequence[Mapping[str, object]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), file)
    return file.getvalue()


_CONTENT: dict[str, Callable[[Sequence[Mapping[str, object]]], bytes]] = {
    "csv": lambda rows: _delimited(rows, ","),
    "tsv": lambda rows: _delimited(rows, "\t"),
    "json": lambda rows: json.dumps(list(rows), ensure_ascii=False).encode(),
    "jsonl": lambda rows: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(),
    "parquet": _parquet,
}


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
