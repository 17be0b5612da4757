"""A teacher's scores in a training set, for losses that distil its ranking of the documents of each row."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

from tcmbench import models, strict_json
from tcmbench.errors import SpecError
from tcmbench.models import base_model
from tcmbench.store import key, write_json
from tcmbench.trainsets import build

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tcmbench.records.model import Model
    from tcmbench.specs.variant import Variant
    from tcmbench.trainsets.train_set import TrainSet
    from tcmbench.tuning.recipe import Recipe
    from tcmbench.workspace import Workspace

_STAGE = "taught 2"
"""Raised whenever the same rows and teacher give other scores."""

_FILES = ("train.jsonl", "dev.jsonl")

Text = tuple[str, str]
"""A query and a document, without prompts."""


def teacher_of(workspace: Workspace, variant: Variant) -> Model | None:
    """Return the teacher of a variant; None where its loss has none.

    Raises:
        SpecError: The loss needs a teacher and none is named, or would ignore the one that is.
        ModelAbsent: Its weights aren't here.
        UnknownName: No such base.
    """
    from tcmbench.trainers import declared_loss

    loss, where = declared_loss(variant), f"variant {variant.name}"
    if loss.taught and not variant.teacher:
        raise SpecError(
            f'{where}: loss {loss.name} learns from a teacher. Name a base, as in teacher = "mini-zh-reranker".'
        )
    if variant.teacher and not loss.taught:
        raise SpecError(f"{where}: loss {loss.name} has no teacher. Remove it, or choose margin_mse or distill_kl.")
    return base_model(workspace, variant.teacher, where=f"{where}, teacher") if variant.teacher else None


def name_of(trainset: str, teacher: Model) -> str:
    """Return the key of a training set with a teacher's scores."""
    return key(_STAGE, {"trainset": trainset, "teacher": teacher.revision})


def taught(workspace: Workspace, made: TrainSet, teacher: Model, recipe: Recipe) -> TrainSet:
    """Return the training set with the teacher's score of every document, computed once.

    The teacher reads the texts as they were cut for the training, with its own prompts instead of the base's. A
    reranker gives its logits, another model cosine similarities.

    Raises:
        SpecError: The teacher can't score pairs of texts.
    """
    store, name = workspace.store, name_of(made.key, teacher)
    with store.lock(build.KIND, name):
        if not store.has(build.KIND, name):
            prompts = _Prompts(recipe)
            files = {file: made.folder / file for file in _FILES if (made.folder / file).is_file()}
            pairs = {pair for path in files.values() for line in _lines(path) for pair in prompts.pairs(line)}
            scores = _scores(teacher, sorted(pairs), cache=workspace.cache)
            with store.build(build.KIND, name) as part:
                hashes = {file: _write(path, part / file, prompts, scores) for file, path in files.items()}
                shutil.copyfile(made.rows, part / made.rows.name)
                statistics = made.statistics.model_dump(mode="json")
                write_json(part / "stats.json", {"sha256": hashes[_FILES[0]], **statistics})
                write_json(part / "recipe.json", {"trainset": made.key, "teacher": teacher.revision})
    return build.load(store.path(build.KIND, name))


class _Prompts:
    """Removes the base's prompts from the texts of a line."""

    def __init__(self, recipe: Recipe) -> None:
        of_sources = [source.prompt for source in recipe.variant.sources if source.prompt is not None]
        self._queries = sorted({*of_sources, recipe.base.query_prompt}, key=len, reverse=True)
        self._document = recipe.base.document_prompt

    def pairs(self, line: Mapping[str, Any]) -> list[Text]:
        """Return the query of a line with its positive, then with each negative."""
        text = str(line["messages"][-1]["content"])
        query = text.removeprefix(next((prompt for prompt in self._queries if text.startswith(prompt)), ""))
        documents = [*line["positive_messages"], *line.get("negative_messages", [])]
        return [(query, str(messages[0]["content"]).removeprefix(self._document)) for messages in documents]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield strict_json.loads(line)


def _write(source: Path, target: Path, prompts: _Prompts, scores: Mapping[Text, float]) -> str:
    """Write the lines with their scores; return the hash of the file."""
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for line in _lines(source):
            taught_line = {**line, "teacher": [scores[pair] for pair in prompts.pairs(line)]}
            written = json.dumps(taught_line, ensure_ascii=False).encode() + b"\n"
            file.write(written)
            digest.update(written)
    return digest.hexdigest()


def _scores(teacher: Model, pairs: Sequence[Text], *, cache: Path) -> dict[Text, float]:
    """Return the teacher's score of each pair."""
    from tcmbench.ranking.unit_vectors import unit

    queries, documents = [query for query, _ in pairs], [document for _, document in pairs]
    abilities = teacher.base.abilities
    if teacher.base.kind == "reranker" and "candidates" in abilities:
        loaded: Any = models.load(teacher, cache=cache)
        scores = loaded.predict([{"text": queries}], [{"text": documents}]).tolist()
    elif "vectors" in abilities:
        loaded = models.load(teacher, cache=cache)
        base = teacher.base
        of_queries = loaded.encode_list([base.query_prompt + text for text in queries])
        of_documents = loaded.encode_list([base.document_prompt + text for text in documents])
        scores = (unit(of_queries) * unit(of_documents)).sum(axis=1).tolist()
    else:
        raise SpecError(f"teacher {teacher.name}: expected a reranker or a model with vectors, which score pairs.")
    return dict(zip(pairs, scores, strict=True))
