"""A base: a pretrained model or a baseline without weights, and how it is to be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tcmbench import plugins
from tcmbench.specs.names import FileName, Prose, Reference
from tcmbench.specs.toml import Spec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

Pooling = Literal["last", "cls", "mean"]
Dtype = Literal["float32", "bfloat16", "float16"]
Attention = Literal["eager", "sdpa", "flash_attention_2"]
Architecture = Literal["qwen3", "qwen2", "bert", "xlm-roberta", "static"]
ModelKind = Literal["embedding", "reranker", "baseline"]

Ability = Literal["documents", "candidates", "texts", "vectors"]
"""An ability of a model, required by tasks: search all documents of a task, order the candidates of a query,
encode a task's texts, or encode a text to the same vector in every task, so that it can be stored and reused."""

_OTHER_ENGINES = frozenset({"vllm", "onnx", "openvino"})
"""Encoders with weights that transformers doesn't compute."""

Weights = Literal["folder", "server", "built in"]
"""Location of a model's weights: files on this machine, a URL, or none, as the model consists of code only."""

LABELS = frozenset(
    {
        "name", "description", "description_zh", "license", "parameters", "path", "hub_id", "revision", "tuned_from",
        "own_prompts", "sources", "derive",
    }
)  # fmt: skip
"""Fields with names and locations of the base, its weights and prompts: not part of a key, which contains the
prompts and the weights' hash."""


class SourceSpec(BaseModel):
    """A place that may have the weights of a base."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Plug-in of `tcmbench/models/sources`."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the plug-in."""


class Derivation(BaseModel):
    """How a base is derived from another."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: FileName
    """The other base."""

    vocabulary: Literal["zh"] | None = None
    """Part of its vocabulary that is kept: the pieces of Chinese text, with the most frequent Latin ones. None: the
    same weights, for a base with another encoder or other settings."""

    latin_pieces: int = Field(default=16_000, ge=0, le=10_000_000)
    """Number of Latin pieces that are kept, most frequent first."""

    @model_validator(mode="after")
    def _pieces_are_of_a_part(self) -> Derivation:
        if self.vocabulary is None and "latin_pieces" in self.model_fields_set:
            raise ValueError('latin_pieces are those of a part of the vocabulary: add vocabulary = "zh", or remove it')
        return self

    @property
    def source(self) -> SourceSpec:
        """Source of the weights."""
        if self.vocabulary is None:
            return SourceSpec(name="base", options={"base": self.base})
        return SourceSpec(name="vocabulary", options=self.model_dump())


class Base(Spec):
    """One file of `models/bases/`."""

    kind: ModelKind
    """What it does; a baseline is only measured and can't be tuned."""

    encoder: str = "sentence_transformers"
    """Plug-in of `tcmbench/encoders` that runs it; the default of a reranker is `cross_encoder`."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the encoder plug-in."""

    path: str | None = None
    """Folder of the weights: absolute, from the home folder (`~/`), relative to the base's file (`./`, `../`), or to
    the workspace's `models` folder. A PEFT adapter or an ms-swift checkpoint is completed in the store first."""

    tuned_from: str | None = None
    """Base that it was tuned from elsewhere: the board then shows it as a variant, with gain and forgetting."""

    hub_id: Reference | None = None
    """Name on the Hugging Face hub, looked up in the local cache first."""

    revision: Reference | None = None
    """Commit, branch or tag on the hub; None takes the cached one; the hash of the weights is recorded."""

    sources: tuple[SourceSpec, ...] = ()
    """Further sources of the weights, tried in this order where `path` or `hub_id` has none."""

    derive: Derivation | None = None
    """The base that it is derived from, and how, in place of weights of its own."""

    architecture: Architecture | None = None
    """Family of the network."""

    pooling: Pooling | None = None
    """How token vectors become one vector."""

    normalize: bool = True
    """Whether vectors have unit length."""

    max_length: int = Field(default=512, ge=8, le=10_000_000)
    """Longest input in tokens; longer ones are truncated. A static table of token vectors reads all of a text."""

    dtype: Dtype = "float32"
    """Precision of the weights in evaluation."""

    attention: Attention | None = None
    """Implementation of attention in transformers; None for its default. With `flash_attention_2`, which needs a GPU
    and half precision, texts are computed without padding."""

    query_prompt: str = ""
    """Prefix of every query of a retrieval or reranking task."""

    document_prompt: str = ""
    """Prefix of every document, and of every text of the other tasks where `symmetric_prompt` is not set."""

    symmetric_prompt: str | None = None
    """Prefix of every text of tasks without queries: similarity and classes of pairs, classification, clustering.
    None for the document prompt."""

    own_prompts: bool = False
    """Whether the prompts of this file replace those of the folder; else a difference is an error."""

    instruction: str = ""
    """Instruction of a reranker; the default prompt of its folder where the file has none."""

    padding_side: Literal["left", "right"] = "right"
    """Padding side of the tokenizer; decoders with last-token pooling need left."""

    swift_model_type: Reference | None = None
    """`--model_type` of ms-swift; None when ms-swift can't train it."""

    parameters: int | None = Field(default=None, ge=1)
    """Number of parameters, embeddings included."""

    license: Prose = "unknown"
    """SPDX name, or the licence on the model's card."""

    trust_remote_code: bool = False
    """Whether code that comes with the weights may run."""

    description: Prose = ""
    """One sentence for the board."""

    description_zh: Prose = ""
    """The same in Chinese, for the board's Chinese view; empty shows the English."""

    @model_validator(mode="before")
    @classmethod
    def _reranker_is_not_a_bi_encoder(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("kind") == "reranker":
            return {"encoder": "cross_encoder", **given}
        return given

    def in_full_precision(self) -> Base:
        """Return the same base in float32, in which tuned models are trained and compared."""
        return self.model_copy(update={"dtype": "float32", "attention": None})

    @property
    def weights(self) -> Weights:
        """Location of its weights."""
        declared: Weights = self._encoder().WEIGHTS
        return declared

    @property
    def has_weights(self) -> bool:
        """Whether its weights are files, which can be hashed and tuned."""
        return self.weights == "folder"

    @property
    def abilities(self) -> frozenset[Ability]:
        """Abilities of its encoder."""
        declared: frozenset[Ability] = self._encoder().ABILITIES[self.kind]
        return declared

    @model_validator(mode="after")
    def _prompts_are_those_of_an_embedding_model(self) -> Base:
        stated = [name for name in ("query_prompt", "document_prompt", "symmetric_prompt") if getattr(self, name)]
        if self.kind == "reranker" and stated:
            raise ValueError(
                f"{stated[0]} is a prefix of the texts of an embedding model; a reranker reads both texts after its "
                "instruction. Remove it, or write instruction"
            )
        return self

    @model_validator(mode="after")
    def _encoder_runs_the_kind(self) -> Base:
        if self.kind not in self._encoder().ABILITIES:
            fitting = [name for name in plugins.names("encoders") if self.kind in _abilities(name)]
            raise ValueError(
                f"encoder {self.encoder} doesn't run models of kind {self.kind!r}; these do: {', '.join(fitting)}"
            )
        return self

    @model_validator(mode="after")
    def _attention_is_computed_by_transformers(self) -> Base:
        if self.attention is not None and (
            not self.has_weights or self.encoder in _OTHER_ENGINES or self.architecture == "static"
        ):
            raise ValueError(
                f"attention: a model of encoder {self.encoder} and architecture {self.architecture} is not computed by "
                "transformers, which alone reads it. Remove it; vLLM has options of its own (docs/gpu.md)"
            )
        return self

    @model_validator(mode="after")
    def _weights_have_one_source(self) -> Base:
        if not self.has_weights:
            if self.all_sources:
                raise ValueError(
                    f"models of encoder {self.encoder} have no weights here ({self.weights}): remove path, hub_id, "
                    "sources and derive"
                )
            return self
        stated = [name for name in ("path", "hub_id", "derive") if getattr(self, name) is not None]
        if len(stated) > 1 or (self.derive is not None and self.sources) or not self.all_sources:
            raise ValueError(
                "set either path (weights in the workspace), hub_id (weights on the hub) or derive (weights of another "
                "base); sources may follow path or hub_id, or replace them"
            )
        return self

    @property
    def all_sources(self) -> tuple[SourceSpec, ...]:
        """Sources of its weights, in the order in which they are tried."""
        own = []
        if self.path is not None:
            own.append(SourceSpec(name="folder", options={"path": self.path}))
        if self.hub_id is not None:
            own.append(SourceSpec(name="hub", options={"hub_id": self.hub_id, "revision": self.revision}))
        if self.derive is not None:
            own.append(self.derive.source)
        return (*own, *self.sources)

    def _encoder(self) -> ModuleType:
        return plugins.load("encoders", self.encoder, where=f"base {self.name}")


def _abilities(encoder: str) -> Mapping[ModelKind, frozenset[Ability]]:
    declared: Mapping[ModelKind, frozenset[Ability]] = plugins.load("encoders", encoder).ABILITIES
    return declared
