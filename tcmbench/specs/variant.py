"""A variant: the recipe that turns a base into a tuned model."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from tcmbench.specs.keep import Keep
from tcmbench.specs.names import Prose, leads_outside
from tcmbench.specs.source import DataSource, Mixing, NegativesSpec, refuse_shares
from tcmbench.specs.toml import Spec

Tuner = Literal["full", "lora", "qlora"]


class _VariantPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AugmentationSpec(_VariantPart):
    """How the texts of documents are varied."""

    name: str
    """Plug-in of `tcmbench/augmentations`."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the augmentation."""


_OF_TRAINERS = frozenset({"attention", "deepspeed", "devices", "matryoshka_dims"})
"""Options of the trainers that earlier versions had as fields of `Training`."""


class Training(_VariantPart):
    """Hyper-parameters common to all trainers."""

    epochs: float = Field(default=1.0, gt=0, le=10_000)
    """Passes over the training set."""

    max_steps: int | None = Field(default=None, ge=1, le=10_000_000)
    """Maximum number of optimiser steps."""

    batch_size: int = Field(default=32, ge=2, le=1_000_000)
    """Examples per step on one device; InfoNCE needs at least two."""

    accumulation: int = Field(default=1, ge=1, le=1_000_000)
    """Gradient accumulation steps."""

    learning_rate: float = Field(default=2e-5, gt=0)
    """Peak learning rate."""

    token_learning_rate: float | None = Field(default=None, gt=0)
    """Peak learning rate of the token vectors, where all weights are tuned; None: `learning_rate`. A step changes all
    matrices but only the vectors of its own tokens, so a small training set needs a higher one here."""

    warmup_ratio: float = Field(default=0.05, ge=0, le=1)
    """Share of steps over which the learning rate rises."""

    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay."""

    temperature: float = Field(default=0.05, gt=0)
    """Temperature of InfoNCE."""

    in_batch: bool = True
    """Whether the positives of other examples in the batch are negatives."""

    query_query: bool = False
    """Whether InfoNCE contrasts a query with the other queries of the batch too."""

    document_document: bool = False
    """Whether InfoNCE contrasts a positive with the other documents of the batch too."""

    mask_false_negatives: float | None = Field(default=None, ge=0, le=2)
    """Margin of InfoNCE's mask: documents and queries that are closer to the query than its positive by more than this
    cosine similarity are no negatives; None: no mask."""

    max_length: int = Field(default=256, ge=16, le=1_000_000)
    """Longest text in tokens, or for a reranker the longest pair; longer ones are truncated when the training set is
    built."""

    query_max_length: int | None = Field(default=None, ge=16, le=1_000_000)
    """Longest query in tokens; None: `max_length`. A reranker's pair stays within `max_length` in any case."""

    document_max_length: int | None = Field(default=None, ge=16, le=1_000_000)
    """Longest document in tokens, as `query_max_length`."""

    loss: str | None = None
    """One of the trainer's losses (`LOSSES` in its file); None: its first for the task, such as InfoNCE."""

    lora_rank: int = Field(default=8, ge=1, le=100_000)
    """Rank of the adapters."""

    lora_alpha: int = Field(default=32, ge=1, le=1_000_000)
    """Scale of the adapters."""

    lora_dropout: float = Field(default=0.05, ge=0, lt=1)
    """Dropout before the adapters."""

    quantization_bits: Literal[4, 8] = 4
    """Bits per frozen weight with tuner qlora."""

    dropout: float | None = Field(default=None, ge=0, lt=1)
    """Dropout of the network's layers and attention; None: as its config.json says (BERT: 0.1, Qwen3: 0). Without any,
    attention needs less memory and time."""

    gradient_checkpointing: bool = False
    """Whether activations are recomputed, which saves memory and costs time."""

    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of training."""

    dev_evaluations: int = Field(default=5, ge=0, le=10_000)
    """How often the margin and the loss on the dev split are measured during the training; 0: never."""

    dev_samples: int | None = Field(default=None, ge=2)
    """Maximum number of dev examples; None: 256, or fewer with `max_samples`."""

    save_steps: int = Field(default=200, ge=1, le=10_000_000)
    """Steps between checkpoints; an interrupted training resumes from the last one."""

    keep: Keep = Keep()
    """What is kept of the base, against forgetting: distillation on general texts, L2-SP, frozen layers …"""

    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the trainer (devices, deepspeed, matryoshka_dims …)."""

    @model_validator(mode="before")
    @classmethod
    def _options_have_a_table(cls, given: object) -> object:
        moved = sorted(_OF_TRAINERS & given.keys()) if isinstance(given, dict) else []
        if moved:
            raise ValueError(f"{', '.join(moved)}: options of the trainer, which belong under [training.options]")
        return given

    @property
    def longest_query(self) -> int:
        """Most tokens of a query."""
        return self.max_length if self.query_max_length is None else self.query_max_length

    @property
    def longest_document(self) -> int:
        """Most tokens of a document."""
        return self.max_length if self.document_max_length is None else self.document_max_length

    @property
    def longest_text(self) -> int:
        """Most tokens of any text that is encoded by itself: where an embedding model cuts."""
        return max(self.longest_query, self.longest_document)


class Variant(Spec):
    """One file of `models/variants/`, or an inline table of a set."""

    base: str
    """Name of the base."""

    data: Annotated[
        Annotated[str, Tag("path")] | Annotated[tuple[DataSource, ...], Field(min_length=1), Tag("sources")],
        Discriminator(lambda given: "path" if isinstance(given, str) else "sources"),
    ]
    """Training data under a data root: a TCM-SD folder, of which the train split is used, or a file or folder of any
    other format; or `[[data]]` tables, one for each source of a mixture."""

    mixing: Mixing = Mixing()
    """How the examples of several sources are mixed."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Tables of pairs: column → its name in the file, where it isn't a common one."""

    outside_data_root: bool = False
    """Whether `data` may lead out of the data root, as an absolute path or with `..` in it."""

    task: Literal["embedding", "reranker"] = "embedding"
    """Kind of the tuned model."""

    head: Literal["generative", "classification"] = "generative"
    """Rerankers only: yes/no logits, or a one-label head."""

    negatives: NegativesSpec = NegativesSpec()
    """Which negatives are mined."""

    augmentation: AugmentationSpec | None = None
    """How documents are varied; None leaves them unchanged."""

    batch_rule: Literal["label_unique", "plain", "no_duplicates"] = "label_unique"
    """label_unique: no two examples of a batch share a label, so no positive is pushed away; no_duplicates: no two
    share a text (sentence-transformers' own sampler, which draws the batches itself)."""

    tuner: Tuner = "full"
    """What is trained: all weights, or adapters on float weights or on weights of 4 or 8 bits."""

    trainer: str = "swift"
    """Plug-in of `tcmbench/trainers`: swift, sentence_transformers, or one of another package."""

    training: Training = Training()
    """Hyper-parameters."""

    teacher: str = ""
    """Name of a base, also of one behind a server, whose scores a loss with a teacher learns from."""

    max_samples: int | None = Field(default=None, ge=1)
    """Maximum number of examples (a seeded sample)."""

    split_negatives: bool = False
    """Whether each negative becomes its own example, instead of one example with all."""

    drop_leaks: bool = False
    """Whether training records that are (nearly) equal to a text of an evaluation task of the set are removed."""

    evaluate_checkpoints: bool = False
    """Whether saved checkpoints are measured on a part of each task of the suite, for gain and forgetting over the
    steps of the training."""

    select: Literal["last", "gate"] = "last"
    """Which checkpoint is the model: the last, or the last of the measured ones that passes the gate of the set on the
    items that checkpoints are measured on."""

    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = Field(default=(0,), min_length=1, max_length=1_000)
    """One model is trained per seed."""

    untreated: str = ""
    """Variant of the same set that this one is with a cure in its training: the board shows how much of that one's gain
    it keeps, and how much of its forgetting is undone."""

    description: Prose = ""
    """One sentence for the board."""

    description_zh: Prose = ""
    """The same in Chinese, for the board's Chinese view; empty shows the English."""

    @model_validator(mode="after")
    def _data_stays_inside(self) -> Variant:
        if isinstance(self.data, str) and leads_outside(self.data) and not self.outside_data_root:
            raise ValueError(
                f"data {self.data!r} leads out of the data root. If that is intended, write outside_data_root = true"
            )
        return self

    @model_validator(mode="after")
    def _sources_suit_each_other(self) -> Variant:
        if isinstance(self.data, str):
            if self.mixing != Mixing():
                raise ValueError("mixing is of several sources: write each as a [[data]] table")
            return self
        for field, place in (("columns", "columns"), ("outside_data_root", "outside_data_root"),
                             ("max_samples", "samples")):  # fmt: skip
            if getattr(self, field):
                raise ValueError(f"{field} is of a single source: write {place} in the [[data]] tables")
        refuse_shares(self.data)
        return self

    @model_validator(mode="after")
    def _name_is_a_name(self) -> Variant:
        if not re.fullmatch(r"\w[\w.+-]*", self.name):
            raise ValueError(f"name {self.name!r}: expected letters, digits, and . _ + - between them")
        return self

    @model_validator(mode="after")
    def _seeds_are_distinct(self) -> Variant:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds must differ from one another, got {list(self.seeds)}")
        return self

    @model_validator(mode="after")
    def _adapters_leave_token_vectors(self) -> Variant:
        if self.training.token_learning_rate is not None and self.tuner != "full":
            raise ValueError(f"token_learning_rate needs tuner 'full': {self.tuner!r} doesn't tune the token vectors")
        return self

    @property
    def longest_input(self) -> int:
        """Most tokens of one input of the model: of a text, or of a reranker's pair."""
        return self.training.max_length if self.task == "reranker" else self.training.longest_text

    @model_validator(mode="after")
    def _parts_are_no_longer_than_the_pair(self) -> Variant:
        training = self.training
        if self.task == "reranker" and training.longest_text > training.max_length:
            raise ValueError(
                f"query_max_length and document_max_length of a reranker bound the parts of a pair, which has at most "
                f"max_length = {training.max_length} tokens; got {training.longest_text}. Raise max_length"
            )
        return self

    @model_validator(mode="after")
    def _prompts_are_those_of_queries(self) -> Variant:
        prompted = [source.path for source in self.sources if source.prompt is not None]
        if self.task == "reranker" and prompted:
            raise ValueError(
                f"data: prompt of {prompted[0]!r} is a prefix of queries, which rerankers don't have: they read both "
                "texts after the base's instruction. Remove it"
            )
        return self

    @model_validator(mode="after")
    def _bits_are_those_of_qlora(self) -> Variant:
        if self.training.quantization_bits != 4 and self.tuner != "qlora":  # 4, the default, stands in any written job
            raise ValueError(f"quantization_bits needs tuner 'qlora': {self.tuner!r} doesn't quantise weights")
        return self

    @model_validator(mode="after")
    def _selection_needs_measured_checkpoints(self) -> Variant:
        if self.select == "gate" and not self.evaluate_checkpoints:
            raise ValueError('select = "gate" chooses among measured checkpoints: set evaluate_checkpoints = true')
        return self

    @model_validator(mode="after")
    def _adapters_have_no_weights_to_hold(self) -> Variant:
        fields = {"l2_sp", "layer_decay", "frozen_layers", "frozen_tokens"}
        set_ = [name for name in self.training.keep.model_dump(exclude_defaults=True) if name in fields]
        if set_ and self.tuner != "full":
            raise ValueError(
                f"training.keep.{set_[0]} needs tuner 'full': under {self.tuner!r} the base's weights don't change. "
                "Use a lower lora_rank, training.weight_decay or keep.distillation"
            )
        return self

    @property
    def sources(self) -> tuple[DataSource, ...]:
        """The sources of training data; one where `data` is a path."""
        if isinstance(self.data, str):
            own = {"columns": self.columns, "outside_data_root": self.outside_data_root, "samples": self.max_samples}
            return (DataSource(path=self.data, **own),)
        return self.data

    @property
    def is_mixture(self) -> bool:
        """Whether the training data have several sources."""
        return len(self.sources) > 1
