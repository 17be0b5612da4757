"""Options of how vectors are stored and searched: of the form `vectors`, and of the encoders that it makes."""

from __future__ import annotations

from dataclasses import fields
from typing import Self

from pydantic import Field, model_validator

from tcmbench.plugins import PluginOptions
from tcmbench.ranking.vector_storage import IndexKind, Precision, RescoredBy, Storage


class StorageOptions(PluginOptions):
    """How vectors are stored and searched."""

    dimensions: int | None = Field(default=None, ge=1)
    """First dimensions that are kept, given unit length again; None for all."""

    precision: Precision = "float32"
    """Of one value: float32, float16, bfloat16; int8, with a range per dimension; binary, the sign; or pq, codes of
    product quantisation, which encoder product_codes has and only tasks with documents can learn."""

    index: IndexKind = "flat"
    """flat: all documents are compared; ivf: those in the nearest inverted lists; hnsw: those on a walk through a
    graph."""

    rescore: int = Field(default=0, ge=0)
    """First documents of a search that are scored again; 0 for none."""

    rescore_with: RescoredBy = "float32"
    """What they are scored with: codes, the query in single precision with the signs of binary vectors; int8 or
    float32, vectors that are stored in addition."""

    parts: int | None = Field(default=None, ge=1)
    """Codes per vector in product quantisation; None: one per eight dimensions."""

    bits: int = Field(default=8, ge=4, le=8)
    """Bits of such a code."""

    lists: int = Field(default=0, ge=0)
    """Inverted lists; 0: 4·√documents, and at most one per 39 documents."""

    probes: int = Field(default=8, ge=1)
    """Lists that are searched per query."""

    links: int = Field(default=32, ge=2)
    """Links per document in the graph."""

    breadth: int = Field(default=64, ge=1)
    """Candidates kept while the graph is searched."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if self.rescore and self.rescore_with == "codes" and self.precision != "binary":
            raise ValueError(
                f'rescore_with = "codes" scores the query in single precision with binary vectors; {self.precision} is '
                'searched so already. Set "int8" or "float32".'
            )
        if self.precision == "pq" and self.index == "hnsw":
            raise ValueError('product quantisation is searched flat or in lists: set index = "flat" or "ivf"')
        if self.precision == "binary" and self.dimensions is not None and self.dimensions % 8:
            raise ValueError(f"binary vectors have dimensions in eights, got {self.dimensions}")
        return self

    @property
    def storage(self) -> Storage:
        """The same without the dense model."""
        return Storage(**{field.name: getattr(self, field.name) for field in fields(Storage)})
