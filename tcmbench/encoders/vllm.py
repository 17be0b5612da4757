"""Embedding models and rerankers through vLLM without a server: the model runs in the environment that has vLLM.

vLLM pins another version of torch, so it has a separate environment, named by `python`. Its process is started when the
first text is encoded and ends with this one.

    kind = "embedding"                    # or "reranker"
    encoder = "vllm"
    [options]
    python = "/path/to/vllm-env/bin/python"
    engine = { gpu_memory_utilization = 0.8, tensor_parallel_size = 2 }

Texts are tokenised here, by the same code and settings as those of sentence_transformers and cross_encoder, and vLLM
gets token ids: prompts, templates, special tokens and the cut at `max_length` are the same. So are pooling and
normalisation, which are the base's.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from tcmbench.encoders import EMBEDS, ORDERS, cross_encoder, sentence_transformers
from tcmbench.encoders._vllm_adapter import adapter_hash, lora_arguments
from tcmbench.encoders._vllm_engine import Adapter, Engines, Launch, Tokens, shared
from tcmbench.encoders._vllm_model import model_arguments
from tcmbench.encoders.cross_encoder import Reranker
from tcmbench.encoders.runtime.batches import FREE_TOKENS
from tcmbench.encoders.runtime.without_weights import without_weights
from tcmbench.encoders.sentence_transformers import SentenceTransformersEncoder
from tcmbench.errors import EvaluationError, ModelAbsent, SpecError
from tcmbench.plugins import PluginOptions
from tcmbench.store import differences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from mteb.models import ModelMeta
    from numpy.typing import NDArray

    from tcmbench.specs.base import Base
    from tcmbench.store import Json

REVISION = "2"
USES = (("encoders", "sentence_transformers"), ("encoders", "cross_encoder"))
ABILITIES = {"embedding": EMBEDS, "reranker": ORDERS}
WEIGHTS = "folder"

BATCH_TOKENS = 4 * FREE_TOKENS
"""vLLM builds its own batches; this only keeps it supplied with texts."""

_OF_THE_BASE = {
    "model": "path or hub_id",
    "tokenizer": "path or hub_id",
    "revision": "revision",
    "tokenizer_revision": "revision",
    "dtype": "dtype",
    "max_model_len": "max_length",
    "pooler_config": "pooling and normalize",
    "trust_remote_code": "trust_remote_code",
    "runner": "kind",
    "convert": "kind",
    "skip_tokenizer_init": "kind",
    "seed": "kind",
}
"""Argument of vLLM → field of the base that sets it, and that revisions and boards contain."""

_OF_PLACE = frozenset(
    {
        "gpu_memory_utilization", "kv_cache_memory_bytes", "cpu_offload_gb", "data_parallel_size",
        "renderer_num_workers", "disable_log_stats", "load_format", "download_dir",
    }
)  # fmt: skip
"""Arguments that say how much memory and how many processes vLLM uses: not part of the revision."""

_NUMERIC = ("VLLM_", "TORCH_", "NVIDIA_TF32_OVERRIDE", "CUBLAS_", "DNNL_", "ONEDNN_")
"""Beginnings of the variables that can choose how numbers are computed (VLLM_FLOAT32_MATMUL_PRECISION)."""

_NOT_NUMERIC = frozenset(
    {
        "VLLM_CPU_KVCACHE_SPACE", "VLLM_CPU_OMP_THREADS_BIND", "VLLM_CPU_NUM_OF_RESERVED_CPU", "VLLM_CACHE_ROOT",
        "VLLM_CONFIG_ROOT", "VLLM_LOGGING_LEVEL", "VLLM_LOGGING_CONFIG_PATH", "VLLM_LOGGING_PREFIX",
        "VLLM_NO_USAGE_STATS", "VLLM_DO_NOT_TRACK", "VLLM_HOST_IP", "VLLM_PORT", "VLLM_RPC_BASE_PATH",
        "VLLM_WORKER_MULTIPROC_METHOD", "VLLM_ENABLE_V1_MULTIPROCESSING", "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS",
        "VLLM_API_KEY", "VLLM_PLUGINS", "TORCH_HOME",
    }
)  # fmt: skip

# ms-swift registers a plug-in that would run at every start of vLLM; usage statistics would need a network. In one
# process the engine ends with the worker, and batches don't depend on the time at which texts arrive.
_VARIABLES = {
    "VLLM_PLUGINS": "",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "WARNING",
}
_DEVICES = "CUDA_VISIBLE_DEVICES"


class Options(PluginOptions):
    """The environment of vLLM, and its settings."""

    python: str = ""
    """Python of the environment that has vLLM; "": the current one."""

    engine: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of `vllm.LLM`, such as `tensor_parallel_size`, `quantization` or `enable_prefix_caching`.
    `data_parallel_size` starts as many engines, each on GPUs of its own."""

    environment: dict[str, str] = Field(default_factory=dict)
    """Variables for the process, such as `VLLM_CPU_KVCACHE_SPACE`."""

    adapter: str = ""
    """Folder of a LoRA adapter (PEFT) that vLLM applies to the weights of the base, unmerged; absolute, or from the
    home folder (`~/`)."""

    @field_validator("engine")
    @classmethod
    def _leaves_the_model_to_the_base(cls, engine: dict[str, Any]) -> dict[str, Any]:
        for name, field in _OF_THE_BASE.items():
            if name in engine:
                raise ValueError(f"{name} follows from the base ({field}). Set it there, and remove it from `engine`")
        for name in ("data_parallel_size", "tensor_parallel_size", "pipeline_parallel_size"):
            if not isinstance(engine.get(name, 1), int) or engine.get(name, 1) < 1:
                raise ValueError(f"{name}: expected a number from 1 on, got {engine[name]!r}")
        return engine

    @field_validator("adapter")
    @classmethod
    def _is_found_from_anywhere(cls, adapter: str) -> str:
        if adapter and not adapter.startswith(("/", "~/")):
            raise ValueError(f"adapter: expected an absolute path, or one from the home folder (~/), got {adapter!r}")
        return adapter


def identity(options: PluginOptions) -> dict[str, Json]:
    """Return the options that change vectors: settings of the engine and an adapter's weights, not their location."""
    if not isinstance(options, Options):
        raise TypeError(f"expected {Options}, got {type(options)}")
    parts: dict[str, Json] = {
        "engine": {name: value for name, value in options.engine.items() if name not in _OF_PLACE},
        "environment": {name: value for name, value in options.environment.items() if _is_numeric(name)},
        "adapter": adapter_hash(options.adapter) if options.adapter else None,
    }
    others = differences(options, exclude={"python", *parts})
    return {**others, **{name: part for name, part in parts.items() if part}}


class VllmEncoder(SentenceTransformersEncoder):
    """An embedding model that is tokenised here and computed in another process."""

    def __init__(self, model: Any, *, base: Base, engines: Engines, adapter: Adapter | None, meta: ModelMeta) -> None:
        """Wrap an engine.

        Args:
            model: The model of sentence-transformers, without its weights.
            base: What it is.
            engines: Where its weights are.
            adapter: Adapter that is applied to them.
            meta: Description that mteb keys results by.
        """
        options = sentence_transformers.Options(batch_tokens=BATCH_TOKENS)
        super().__init__(model, base=base, options=options, meta=meta)
        self.computed_with |= {"vllm": engines.installed}
        self._engines = engines
        self._adapter = adapter

    @property
    def packages(self) -> dict[str, str]:
        """What the other process computed with, for the provenance of scores."""
        return self._engines.packages

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text, float32, shape (len(texts), dimensions); prompts are in the text.

        Raises:
            TcmbenchError: vLLM can't be started, or gave no vectors.
        """
        from tcmbench.ranking.unit_vectors import unit

        # Prompts are part of the text; a default prompt of the model's folder must not be added.
        tokens = _tokens(self.model.preprocess(list(texts), prompt=""), name=self._base.name)
        vectors = self._engines.numbers(tokens, is_pairs=False, adapter=self._adapter)
        return unit(vectors) if self._base.normalize else vectors


class VllmReranker(Reranker):
    """A reranker whose pairs are tokenised here and scored in another process."""

    portion_tokens = BATCH_TOKENS

    def __init__(self, model: Any, *, base: Base, engines: Engines, adapter: Adapter | None, meta: ModelMeta) -> None:
        """Wrap an engine; the arguments are those of `VllmEncoder`, with a CrossEncoder for a model."""
        super().__init__(model, base=base, options=cross_encoder.Options(batch_tokens=BATCH_TOKENS), meta=meta)
        self._name = base.name
        self._engines = engines
        self._adapter = adapter

    @property
    def packages(self) -> dict[str, str]:
        """What the other process computed with, for the provenance of scores."""
        return self._engines.packages

    def logits(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Return one logit per pair, in order.

        Raises:
            TcmbenchError: vLLM can't be started, or gave no logits.
        """
        import numpy as np

        # vLLM keeps a query's keys and values for its next candidate, unless others push them out before.
        of_query = {query: number for number, query in enumerate(dict.fromkeys(query for query, _ in pairs))}
        order = np.argsort([of_query[query] for query, _ in pairs], kind="stable")
        features = self.model.preprocess([pairs[place] for place in order], prompt=self._instruction or None)
        tokens = _tokens(features, name=self._name)
        rows = self._engines.numbers(tokens, is_pairs=True, adapter=self._adapter)
        if rows.shape[1] != 1:
            raise EvaluationError(f"base {self._name}: expected one logit per pair, got {rows.shape[1]}")
        return rows[np.argsort(order), 0]

    def _shared_prefix(self) -> None:
        """Return nothing: the prefix cache is vLLM's own."""


def load(
    base: Base, *, options: Options, model_dir: Path | None, meta: ModelMeta, seed: int, device: str | None
) -> VllmEncoder | VllmReranker:
    """Return the model; its process starts with the first text, on the devices that are visible to it.

    Raises:
        SpecError: vLLM would not compute what the base describes. ModelAbsent: No weights.
    """
    if model_dir is None:
        raise ModelAbsent(f"base {base.name}: an encoder needs a folder of weights")
    if base.architecture == "static":
        raise SpecError(f"base {base.name}: vLLM runs transformers. Use encoder = sentence_transformers.")
    local = cross_encoder if base.kind == "reranker" else sentence_transformers
    with without_weights():
        plain = local.load(
            base, options=local.Options(batch_tokens=1), model_dir=model_dir, meta=meta, seed=seed, device="meta"
        )
    arguments = {**options.engine, **model_arguments(base, plain.model, model_dir=model_dir, engine=options.engine)}
    adapter = None
    if options.adapter:
        folder = os.path.expanduser(options.adapter)  # noqa: PTH111 - a text for another process
        adapter = Adapter(folder, adapter_hash(folder))
        arguments |= lora_arguments(base, adapter.path, engine=options.engine)
    engines = shared(_launches(base, options, arguments))
    model = VllmReranker if base.kind == "reranker" else VllmEncoder
    return model(plain.model, base=base, engines=engines, adapter=adapter, meta=meta)


def _launches(base: Base, options: Options, arguments: Mapping[str, Any]) -> list[Launch]:
    """Return what each engine is started with: one, or one per part of the devices.

    Raises:
        SpecError: Fewer devices are visible than the engines need.
    """
    inherited = {name: value for name, value in os.environ.items() if not _is_numeric(name)}
    environment = {**inherited, **_VARIABLES, **options.environment}
    arguments = dict(arguments)
    copies = int(arguments.pop("data_parallel_size", 1))
    each = int(arguments.get("tensor_parallel_size", 1)) * int(arguments.get("pipeline_parallel_size", 1))
    python = options.python or sys.executable
    name = f"base {base.name} (encoder vllm)"
    if copies == 1:
        return [Launch(name, python, arguments, environment)]
    visible = environment.get(_DEVICES)
    devices = [str(device) for device in range(copies * each)] if not visible else visible.split(",")
    if len(devices) < copies * each:
        raise SpecError(
            f"base {base.name}: data_parallel_size = {copies} engines need {copies * each} GPUs, but {_DEVICES} lists "
            f"{len(devices)}. Lower it, or make more visible."
        )
    shares = [",".join(devices[start * each : (start + 1) * each]) for start in range(copies)]
    return [Launch(name, python, arguments, {**environment, _DEVICES: share}) for share in shares]


def _tokens(features: Mapping[str, Any], *, name: str) -> Tokens:
    """Return the token ids of each text without padding.

    Raises:
        EvaluationError: A text has no tokens, not even special ones.
    """
    masks = features["attention_mask"].bool()
    ids = [row[mask].tolist() for row, mask in zip(features["input_ids"], masks, strict=True)]
    if not all(ids):
        raise EvaluationError(
            f"base {name}: {sum(not row for row in ids)} of {len(ids)} texts have no tokens, and the tokenizer adds "
            "none. Remove empty texts from the task's data."
        )
    if "token_type_ids" not in features:
        return Tokens(ids, [None] * len(ids))
    types = [row[mask].tolist() for row, mask in zip(features["token_type_ids"], masks, strict=True)]
    return Tokens(ids, [row.index(1) if 1 in row else None for row in types])


def _is_numeric(variable: str) -> bool:
    return variable.startswith(_NUMERIC) and variable not in _NOT_NUMERIC
