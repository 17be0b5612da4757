"""Encoders that change the vectors of documents or queries: of these alone, exactly, and shown in the revision."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from mteb._create_dataloaders import _custom_collate_fn
from mteb.types import PromptType
from torch.utils.data import DataLoader

from tcmbench import models
from tcmbench.encoders._dense_part import MATRIX_FILE, TABLE_FILE
from tcmbench.encoders.runtime.changed_vectors import text_digest, write_matrix, write_table
from tcmbench.encoders.runtime.composed import Composed
from tcmbench.errors import ModelAbsent
from tcmbench.models.revisions import revision, revision_of_dense
from tcmbench.records.model import Model
from tcmbench.workspace import Workspace, bundled_content, find

TEXTS = ["气虚证", "血虚证", " 阴虚证 ", "头痛发热三日"]
ROLES = [("Retrieval", PromptType.document), ("Reranking", PromptType.query), ("STS", None), ("Clustering", None)]


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Workspace:
    return find(bundled_content(), cache=tmp_path / "store")


@pytest.fixture(name="folder")
def _folder(place: Workspace, tmp_path: Path) -> Path:
    """A copy of the smallest bundled model."""
    source = models.base_model(place, "mini-zh-static").model_dir
    assert source is not None
    return Path(shutil.copytree(source, tmp_path / "model"))


def changed(place: Workspace, folder: Path, encoder: str, **options: Any) -> Composed:
    """Return the model in a folder, run by an encoder."""
    base = models.base_model(place, "mini-zh-static").base.model_copy(update={"encoder": encoder, "options": options})
    loaded = models.load(Model("m", base, folder, revision(base, folder)), cache=place.cache)
    assert isinstance(loaded, Composed)
    return loaded


def encode(model: Any, kind: str, role: PromptType | None, texts: list[str] = TEXTS) -> np.ndarray:
    """Return the vectors of texts in a role of a task."""
    loader = DataLoader(Dataset.from_dict({"text": texts}), batch_size=2, collate_fn=_custom_collate_fn)  # type: ignore[arg-type,var-annotated]
    meta = type("Meta", (), {"type": kind, "name": "Task"})
    vectors = model.encode(loader, task_metadata=meta, hf_split="test", hf_subset="default", prompt_type=role)
    return np.asarray(vectors)


@pytest.mark.parametrize(("kind", "role"), ROLES)
def test_documents_of_the_table_alone_are_moved(
    place: Workspace, folder: Path, kind: str, role: PromptType | None
) -> None:
    """As documents of retrieval and reranking; every other vector is the dense model's, bit for bit, from its cache."""
    dense = models.load(models.base_model(place, "mini-zh-static"), cache=place.cache)
    expected = encode(dense, kind, role).copy()
    moved = -expected[[1, 2]]
    write_table(folder / TABLE_FILE, digests=[text_digest(TEXTS[1]), text_digest("阴虚证")], vectors=moved)
    model = changed(place, folder, "moved_documents")
    if role == PromptType.document:
        expected[[1, 2]] = moved
    np.testing.assert_array_equal(encode(model, kind, role), expected)
    assert model.encoded_texts == 0


@pytest.mark.parametrize(("kind", "role"), ROLES)
def test_queries_alone_are_mapped(place: Workspace, folder: Path, kind: str, role: PromptType | None) -> None:
    """By the matrix in the folder; the identity changes no bit."""
    dense = models.load(models.base_model(place, "mini-zh-static"), cache=place.cache)
    expected = encode(dense, kind, role)
    size = expected.shape[1]
    write_matrix(folder / MATRIX_FILE, np.eye(size))
    np.testing.assert_array_equal(encode(changed(place, folder, "query_adapter"), kind, role), expected)
    write_matrix(folder / MATRIX_FILE, np.eye(size)[::-1])
    mapped = encode(changed(place, folder, "query_adapter"), kind, role)
    np.testing.assert_array_equal(mapped, expected[:, ::-1] if role == PromptType.query else expected)


def test_the_file_is_in_the_revision_but_not_in_that_of_the_dense_model(place: Workspace, folder: Path) -> None:
    """Other moves are another model, whose vectors of the dense model are found where they were."""
    plain = models.base_model(place, "mini-zh-static")
    base = plain.base.model_copy(update={"encoder": "moved_documents"})
    seen = set()
    for sign in (1, -1):
        write_table(folder / TABLE_FILE, digests=[b"0" * 16], vectors=np.full((1, 384), sign, dtype=np.float32))
        seen.add(revision(base, folder))
        assert revision_of_dense(base, folder) == plain.revision
    assert len(seen) == 2
    fused = base.model_copy(update={"encoder": "fusion", "options": {"dense": "moved_documents"}})
    assert revision_of_dense(fused, folder) == plain.revision


def test_encoders_can_be_nested(place: Workspace, folder: Path) -> None:
    """Mapped queries against moved documents, and their scores fused with BM25's."""
    dense = encode(models.load(models.base_model(place, "mini-zh-static"), cache=place.cache), "STS", None)
    write_table(folder / TABLE_FILE, digests=[text_digest(TEXTS[0])], vectors=-dense[:1])
    write_matrix(folder / MATRIX_FILE, 2 * np.eye(dense.shape[1]))
    inner = {"dense": "query_adapter", "dense_options": {"dense": "moved_documents"}}
    model = changed(place, folder, "fusion", weight=0.2, **inner)
    np.testing.assert_array_equal(encode(model, "Retrieval", PromptType.query), 2 * dense)
    np.testing.assert_array_equal(encode(model, "Retrieval", PromptType.document)[0], -dense[0])
    np.testing.assert_array_equal(encode(model, "STS", None), dense)


@pytest.mark.parametrize(("encoder", "file"), [("moved_documents", TABLE_FILE), ("query_adapter", MATRIX_FILE)])
def test_a_missing_or_foreign_file_is_an_error(place: Workspace, folder: Path, encoder: str, file: str) -> None:
    """The untreated model is never measured in the place of a treated one."""
    with pytest.raises(ModelAbsent, match="there is no such file"):
        changed(place, folder, encoder)
    write_matrix(folder / file, np.ones((3, 2)))
    with pytest.raises(ModelAbsent, match="expected"):
        changed(place, folder, encoder)
    if encoder == "query_adapter":
        write_matrix(folder / file, np.eye(3))
    else:
        write_table(folder / file, digests=[text_digest(TEXTS[0])], vectors=np.ones((1, 3), dtype=np.float32))
    role = PromptType.query if encoder == "query_adapter" else PromptType.document
    with pytest.raises(ModelAbsent, match="expected vectors of length 3"):
        encode(changed(place, folder, encoder), "Retrieval", role)
