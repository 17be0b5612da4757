"""The first stage of two-stage tasks: its options and its candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tcmbench.plugins import PluginOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.task_types import Source
    from tcmbench.task_types.scoring.candidates import Candidates


class FirstStage(PluginOptions):
    """The first stage: the same for every model, so that scores are comparable."""

    first_stage: Literal["bm25", "bm25-words"] = "bm25"
    """BM25 over characters and bigrams, or over words."""

    depth: int = Field(default=100, ge=1)
    """Documents passed to the second stage."""

    def candidates(
        self, queries: Mapping[str, str], documents: Mapping[str, str], *, source: Source, split: str
    ) -> Candidates:
        """Return query id → the documents that the model orders; computed once per state of the data."""
        from tcmbench.task_types.scoring.candidates import first_stage

        return first_stage(
            queries,
            documents,
            tokens="char_bigrams" if self.first_stage == "bm25" else "words",
            depth=self.depth,
            revision=source.revision,
            split=split,
            cache=source.cache,
        )
