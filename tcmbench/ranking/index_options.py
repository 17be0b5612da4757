"""Options of a FAISS index, apart from the search, so that a task with one can be listed without numpy."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class IndexOptions(BaseModel):
    """The kind of the index and its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["flat", "ivf", "hnsw"] = "flat"
    """Exact; inverted lists (Jégou et al., 2011); or a navigable small-world graph (arXiv:1603.09320)."""

    lists: int = Field(default=0, ge=0)
    """Inverted lists; 0: 4·√documents."""

    probes: int = Field(default=32, ge=1)
    """Lists that are searched per query."""

    links: int = Field(default=32, ge=2)
    """Links per document in the graph."""

    breadth: int = Field(default=256, ge=1)
    """Candidates kept while the graph is searched."""

    sample: int = Field(default=200, ge=1)
    """Queries on which recall is measured."""
