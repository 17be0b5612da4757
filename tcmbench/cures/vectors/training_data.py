"""The training data of a cure as a model sees them: vectors of queries and documents, and what belongs together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tcmbench import plugins
from tcmbench.errors import SpecError
from tcmbench.ranking.metrics import Relevant
from tcmbench.ranking.topk import id_order

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mteb.models.models_protocols import MTEBModels
    from numpy.typing import NDArray

    from tcmbench.cures import CureWork
    from tcmbench.data.tcm_sd import Record
    from tcmbench.ranking.topk import Integers

    Vectors = NDArray[np.float32]

_HELD_OUT = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """Queries of a split, with their relevant documents."""

    texts: tuple[str, ...]
    """One per query."""

    relevant: Relevant
    """Relevant documents, by their numbers."""


@dataclass(frozen=True, slots=True)
class TrainingTexts:
    """The documents of a training folder, and the queries of its two splits."""

    documents: tuple[str, ...]
    """Texts of the knowledge base, or of the table."""

    order: Integers
    """`topk.id_order` of the documents."""

    train: Judged
    """Queries that are learned from."""

    dev: Judged
    """Queries by which a setting is chosen."""

    note: str
    """Which queries these are."""


def training_texts(work: CureWork, *, cure: str) -> TrainingTexts:
    """Return the texts of the training data.

    Where there is no dev split, every tenth training query (by the hash of its id) is the dev split and not learned
    from.

    Raises:
        DataError: The data can't be used.
        SpecError: A split has no query with a document.
    """
    if work.data is None:
        raise SpecError(f"cure {cure}: expected training data, got none")
    folder = work.data.read()
    records = list(folder.splits.get("train", ()))
    if "dev" in folder.splits:
        train, dev, note = records, list(folder.splits["dev"]), "dev split"
    else:
        held = [_is_held_out(record.record_id) for record in records]
        train = [record for record, out in zip(records, held, strict=True) if not out]
        dev = [record for record, out in zip(records, held, strict=True) if out]
        note = f"every {_HELD_OUT}th training query"
    documents = {entry.doc_id: entry.document() for entry in folder.knowledge}
    judged = {"train": _judged(train, documents), "dev": _judged(dev, documents)}
    for name, split in judged.items():
        if not split.texts:
            raise SpecError(
                f"cure {cure}: {work.name}: expected {name} queries with a document in {folder.root.name}, got none. "
                "Name a variant with more training data."
            )
    return TrainingTexts(tuple(documents.values()), id_order(list(documents)), judged["train"], judged["dev"], note)


def _is_held_out(record_id: str) -> bool:
    return hashlib.blake2b(record_id.encode(), digest_size=8).digest()[0] % _HELD_OUT == 0


def _judged(records: Sequence[Record], documents: Mapping[str, str]) -> Judged:
    """Return the queries that have a text and a document among those given."""
    numbers = {doc_id: number for number, doc_id in enumerate(documents)}
    texts: list[str] = []
    pairs: list[tuple[int, int]] = []
    for record in records:
        found = [numbers[label] for label in record.labels if documents.get(label)]
        text = record.query()
        if not text or not found:
            continue
        pairs += [(len(texts), number) for number in found]
        texts.append(text)
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    relevant = Relevant(table[:, 0], table[:, 1], np.ones(len(table), dtype=np.int64), len(texts))
    return Judged(tuple(texts), relevant)


class _RetrievalTask:
    """What an encoder reads of a task: its prompts are those of retrieval."""

    type = "Retrieval"
    name = "training data"


def encoded(model: MTEBModels, texts: Collection[str], *, role: str) -> Vectors:
    """Return the unit vectors of texts as queries or documents of a retrieval task, (texts, dimensions).

    Args:
        model: A loaded encoder.
        texts: Texts without prompts.
        role: `query` or `document`.
    """
    from datasets import Dataset
    from mteb._create_dataloaders import _custom_collate_fn
    from mteb.types import PromptType
    from torch.utils.data import DataLoader

    loader: Any = DataLoader(
        Dataset.from_dict({"text": [text.strip() for text in texts] if role == "document" else list(texts)}),
        batch_size=32,
        collate_fn=_custom_collate_fn,
    )
    encoder: Any = model
    vectors = encoder.encode(
        loader, task_metadata=_RetrievalTask, hf_split="train", hf_subset="default", prompt_type=PromptType(role)
    )
    wide = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: Vectors = np.divide(wide, norms, out=np.zeros_like(wide), where=norms > 0)
    return unit


def require_unused(encoder: str, options: Mapping[str, Any], *, own: str, cure: str, kind: str = "cure") -> None:
    """Refuse a model to which a cure was applied before, whose file it would replace, and one without vectors.

    Args:
        encoder: Encoder of the model.
        options: Its options.
        own: Encoder of the cure.
        cure: Name of the cure or form.
        kind: Which of the two.

    Raises:
        SpecError: The encoder, or one within it, is the cure's own, fuses scores, or is that of a reranker.
    """
    while True:
        if encoder in {own, "fusion"}:
            came = "scores that are fused already" if encoder == "fusion" else f"a model of the same {kind}"
            raise SpecError(
                f"{kind} {cure}: expected a model with vectors of its own, got {came}. Name the model before that in "
                "`of`; fusion comes last."
            )
        if "texts" not in plugins.load("encoders", encoder).ABILITIES.get("embedding", ()):
            raise SpecError(
                f"{kind} {cure}: expected an embedding model, got one that encoder {encoder} runs. Name a variant of "
                "an embedding base in `of`."
            )
        if "dense" not in options:
            return
        encoder, options = str(options["dense"]), options.get("dense_options", {})


def wrapping(encoder: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options `dense` and `dense_options` of an encoder around another, without defaults."""
    plain = {} if encoder == "sentence_transformers" else {"dense": encoder}
    return {**plain, **({"dense_options": dict(options)} if options else {})}
