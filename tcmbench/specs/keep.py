"""What a training keeps of its base, against forgetting: the table `[training.keep]` (docs/cures.md)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tcmbench.specs.names import leads_outside

PROBE_TEXTS = 256
"""General pairs that early stopping is measured on; none of them is distilled on."""


class Keep(BaseModel):
    """Every default leaves the training as it is without the table."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    texts: str = ""
    """General texts under a data root: a table with the columns `query` and `positive`, or with one column `text`."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Column → its name in the file of texts, where it isn't a common one."""

    max_rows: int = Field(default=4096, ge=1, le=1_000_000)
    """Rows that are used, chosen by the hash of their text, so that the order of the file has no effect."""

    distillation: float = Field(default=0.0, ge=0)
    """Weight of the distance to the base's vectors of the general texts in the loss."""

    distance: Literal["cosine", "relational"] = "cosine"
    """cosine: 1 minus the cosine similarity of a text's vector to the base's; relational: mean squared difference
    between the cosine similarities of the texts with each other and those that the base has."""

    texts_per_step: int = Field(default=32, ge=2, le=100_000)
    """General texts that are distilled on per batch."""

    l2_sp: float = Field(default=0.0, ge=0)
    """Strength of the pull towards the base's weights after each step (decoupled L2-SP): they move by the share
    `learning rate × l2_sp` of the way back."""

    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Factor of the learning rate from each layer to the one below it; the top layer has `learning_rate`."""

    frozen_layers: int = Field(default=0, ge=0, le=10_000)
    """Lower layers whose weights stay the base's."""

    frozen_tokens: bool = False
    """Whether the token vectors, and what else lies below the first layer, stay the base's."""

    margin_loss: float | None = Field(default=None, ge=0, le=2)
    """Early stopping: the training ends where the margin on held-out general pairs has fallen by more than this below
    the base's, with the weights of the last check before; None: never."""

    checks: int = Field(default=10, ge=1, le=10_000)
    """How often the margin on general pairs is measured during the training."""

    @model_validator(mode="after")
    def _texts_are_inside_and_used(self) -> Keep:
        if leads_outside(self.texts):
            raise ValueError(f"texts {self.texts!r} leads out of the data root. Copy the file there")
        wanting = [
            name
            for name, is_set in (("distillation", self.distillation > 0), ("margin_loss", self.margin_loss is not None))
            if is_set
        ]
        if wanting and not self.texts:
            raise ValueError(
                f"{wanting[0]} needs general texts: name a file under the data root, as in "
                'texts = "pretrain/general_pairs.jsonl.gz"'
            )
        return self

    @property
    def reads_texts(self) -> bool:
        """Whether the training reads general texts."""
        return self.distillation > 0 or self.margin_loss is not None
