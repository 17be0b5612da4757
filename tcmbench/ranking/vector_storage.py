"""How vectors of documents are stored, apart from the search, so that a form can be listed without numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["float32", "float16", "bfloat16", "int8", "binary", "pq"]
IndexKind = Literal["flat", "ivf", "hnsw"]
RescoredBy = Literal["codes", "int8", "float32"]


@dataclass(frozen=True, slots=True)
class Storage:
    """What is stored of every document, and how it is searched."""

    dimensions: int | None = None
    """First dimensions that are kept; None for all."""

    precision: Precision = "float32"
    """Of one value; int8 has a range per dimension, learned on the documents; binary is the sign; pq stands for codes
    of product quantisation (Jégou et al., 2011), learned on the documents."""

    index: IndexKind = "flat"
    """All documents are compared; those in the nearest inverted lists; or those on a walk through a graph."""

    rescore: int = 0
    """First documents of a search whose scores are computed again; 0 for none."""

    rescore_with: RescoredBy = "float32"
    """codes: the query in single precision with the signs; int8, float32: with vectors stored in addition."""

    parts: int | None = None
    """Parts of a vector in product quantisation, one code each; None: one per eight dimensions."""

    bits: int = 8
    """Bits of such a code."""

    lists: int = 0
    """Inverted lists; 0: 4·√documents, and at most one per 39 documents."""

    probes: int = 8
    """Lists that are searched per query."""

    links: int = 32
    """Links per document in the graph."""

    breadth: int = 64
    """Candidates kept while the graph is searched."""

    @property
    def is_searched_exactly(self) -> bool:
        """Whether mteb's own search over the vectors in single precision is the form's search."""
        return self.precision == "float32" and self.index == "flat"
