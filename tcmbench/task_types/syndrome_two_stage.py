"""Two stages, end to end: a first stage finds 100 syndromes, the model orders them.

What the first stage misses is lost: nothing is added to its candidates, so the figure is that of the whole pipeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tcmbench.plugins import PluginOptions
from tcmbench.task_types import Kind, Source, metadata
from tcmbench.task_types._syndromes import folder_files

if TYPE_CHECKING:
    from pathlib import Path

    from mteb.abstasks import AbsTask

    from tcmbench.specs.task import TaskSpec

REVISION = "1"
METRIC = "ndcg_at_10"
STATISTIC = "mean"
SCORES = "candidates"


class Options(PluginOptions):
    """The first stage."""

    first_stage: Literal["bm25", "bm25-words"] = "bm25"
    """BM25 over characters and bigrams, or over words: the same for every model, so that they compare."""

    depth: int = 100
    """Documents handed to the second stage."""


def files(path: Path, spec: TaskSpec) -> list[Path]:
    """Return the files of the splits and the knowledge base."""
    return folder_files(path, spec.splits)


def task_class(spec: TaskSpec, source: Source, *, options: PluginOptions) -> type[AbsTask]:
    """Return the task as a class."""
    from tcmbench.evaluation.candidates import first_stage
    from tcmbench.evaluation.fast_retrieval import FastRetrieval
    from tcmbench.task_types._retrieval import LocalRetrieval
    from tcmbench.task_types._syndromes import read_pool

    if not isinstance(options, Options):
        raise TypeError(f"expected {Options}, got {type(options)}")
    tokens: Literal["char_bigrams", "words"] = "char_bigrams" if options.first_stage == "bm25" else "words"
    depth = options.depth

    class SyndromeTwoStage(FastRetrieval, LocalRetrieval):
        """Record → first stage → order."""

        def load_split(self, split: str) -> None:
            """Read one split and run the first stage, once."""
            read = read_pool(source.path, split)
            candidates = first_stage(
                read.queries, read.documents, tokens=tokens, depth=depth, revision=source.revision, split=split,
                cache=source.cache,
            )  # fmt: skip
            self.set_split(
                split,
                documents=read.documents,
                queries=read.queries,
                qrels=read.qrels,
                candidates=candidates,
                items=read.items,
            )

    SyndromeTwoStage.metadata = metadata(spec, source, Kind("Reranking", "t2t"), metric=METRIC)
    SyndromeTwoStage.__name__ = SyndromeTwoStage.__qualname__ = spec.name
    return SyndromeTwoStage
