"""A score: one model on one task and split, with the items that its statistic is computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tcmbench import faults, manifests
from tcmbench.errors import DamagedArtefact

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa


ITEMS = "items.parquet"
"""File with the items of a score, in its folder."""


ENCODING = ("sentence-transformers", "transformers", "tokenizers", "torch")
"""Packages that the vectors of a model with weights depend on."""


class Provenance(BaseModel):
    """Provenance of a result, stored with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str
    """Command line that produced it."""

    packages: dict[str, str]
    """Versions of the packages that can affect it."""

    commit: str
    """Commit of the workspace, `+dirty` when it had changes; empty outside git."""

    hardware: str
    """Processor or GPU."""

    seconds: float
    """Wall time."""

    peak_memory_mib: float
    """Largest resident memory of the process so far."""

    seed: int = 0
    """Seed."""

    encoded_texts: int = 0
    """Texts that were encoded for it (the rest came from the cache)."""

    encoded_tokens: int = 0
    """Tokens that were encoded for it."""

    @property
    def device(self) -> str:
        """Processor or GPU without the number of cores or GPUs, which `hardware` has."""
        return self.hardware.rpartition(" × ")[2].partition(", ")[0]


class ScoreRecord(BaseModel):
    """Content of `score.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """Name of the model: a base, or `variant/seed<k>`."""

    model_revision: str
    """Hash of weights, tokenizer, prompts, pooling, max length and dtype."""

    task: str
    """Name of the task."""

    split: str
    """Split of the task."""

    subset: str
    """Subset of the task."""

    task_revision: str
    """Hash of data, candidates and prompt."""

    task_type: str
    """mteb's type: Retrieval, Reranking, STS, Classification, Clustering, PairClassification."""

    metric: str
    """Main metric, as mteb names it (ndcg_at_10)."""

    value: float
    """Main metric on mteb's scale (0–1)."""

    statistic: str
    """Name of the statistic that computes the value from the items."""

    metrics: dict[str, float]
    """Everything mteb reports for this split."""

    items: int
    """Number of items (queries, pairs, texts, or clustering experiments)."""

    sampled_from: int | None = None
    """Queries, pairs or texts of the task, where at most a limited number of them was measured; None: all were, or the
    score is of an earlier version, which has it in its notes only."""

    notes: tuple[str, ...] = ()
    """Irregularities of the data, with counts: copies of relevant documents, labels in several spellings …"""

    provenance: Provenance
    """Its provenance."""


@dataclass(frozen=True, slots=True)
class Score:
    """A stored score."""

    record: ScoreRecord
    """The numbers."""

    folder: Path
    """Artefact folder: score.json, items.parquet, task_result.json."""

    def items(self) -> pa.Table:
        """Return the per-item table.

        Columns: `item` (id), `cluster` (patient or the item itself: what is resampled together), `group` (gold
        label, empty where there is none), and the input of the statistic: the metric's own column (values 0–1), or
        `similarity` and `gold`. Retrieval and reranking carry further metrics and `top1` (id of the
        document ranked first).

        Raises:
            DamagedArtefact: They are not as they were written, or can't be read.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.folder / ITEMS
        # Those of earlier versions have no manifest, and what is being made has none yet.
        if (self.folder / manifests.NAME).exists():
            kind = self.folder.parent.parent.name
            manifests.verify(self.folder, kind=kind, key=self.folder.name, names=(ITEMS,))
        try:
            return pq.read_table(path)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DamagedArtefact(path, what=f"expected Parquet, but: {faults.words_of(error)}") from error
