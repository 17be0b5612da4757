"""Sources of training data: one `[[data]]` table of a variant each, and how their examples are mixed."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tcmbench.specs.names import leads_outside


class _SourcePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NegativesSpec(_SourcePart):
    """Which documents are the negatives of a query."""

    miner: str = "none"
    """Plug-in of `tcmbench/miners`."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the miner (count, skip_top, margins …)."""


class DataSource(_SourcePart):
    """Where training examples come from, and how many are taken."""

    path: str
    """File or folder under a data root."""

    format: str = ""
    """Plug-in of `tcmbench/data/formats`; empty: recognised by its files and keys."""

    split: str = "train"
    """Split of a folder that has several."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Tables: column → its name in the file, where it isn't a common one."""

    labels: str = ""
    """Tables: column whose equal values don't meet in a label-unique batch, in addition to equal documents."""

    prompt: str | None = None
    """Prompt of its queries; None: the base's."""

    share: float | None = Field(default=None, gt=0, le=1)
    """Share of the examples; given for all sources or for none, with a sum of 1."""

    samples: int | None = Field(default=None, ge=1)
    """Maximum number of its examples (a seeded sample)."""

    weight: float = Field(default=1.0, gt=0)
    """Factor of its size where sources are sampled by size."""

    role: Literal["train", "replay"] = "train"
    """train: what the model is tuned for; replay: general examples, so that less is forgotten."""

    negatives: NegativesSpec | None = None
    """Which negatives are mined; None: as the variant says."""

    streamed: bool = False
    """Whether its pairs are read row by row, so that the file may be larger than memory: each row is an example, and
    negatives are those of the file or of random rows (miner none, given or random)."""

    outside_data_root: bool = False
    """Whether `path` may lead out of the data root."""

    @property
    def title(self) -> str:
        """Its path as reports and boards show it: without folders of this machine."""
        return PurePath(self.path).name if leads_outside(self.path) else self.path

    @model_validator(mode="after")
    def _path_stays_inside(self) -> DataSource:
        if leads_outside(self.path) and not self.outside_data_root:
            raise ValueError(
                f"path {self.path!r} leads out of the data root. If that is intended, write outside_data_root = true"
            )
        return self


class Mixing(_SourcePart):
    """How the examples of several sources are mixed."""

    batches: Literal["by_source", "mixed"] = "by_source"
    """by_source: all examples of a batch are from one source; mixed: every batch has some of each, in their shares."""

    temperature: float = Field(default=1.0, ge=1, le=1000)
    """Without shares, a source of n examples is sampled in proportion to (weight × n) ^ (1 / temperature): 1 takes each
    example once per pass, a high one all sources equally often."""


def refuse_shares(sources: tuple[DataSource, ...]) -> None:
    """Check the sources of a mixture against each other.

    Raises:
        ValueError: Shares of some sources only, or whose sum isn't 1; or no source with role train.
    """
    shares = [source.share for source in sources if source.share is not None]
    if shares and len(shares) < len(sources):
        lacking = ", ".join(source.path for source in sources if source.share is None)
        raise ValueError(f"data: expected a share for every source or for none, got none for {lacking}")
    if shares and abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"data: expected shares with a sum of 1, got {sum(shares):g}")
    if all(source.role == "replay" for source in sources):
        raise ValueError('data: expected a source with role = "train", got only replay')
