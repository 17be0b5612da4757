"""What the candidates of a query have in common is read once: template, instruction and query.

In a decoder the states of a token depend on the tokens before it alone. So the keys and values of the common beginning
are computed in one forward, and every candidate continues from them. Scores are those of whole inputs to rounding.
"""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from tcmbench.encoders.runtime.batches import GPU_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

_ARGUMENTS = {"attention_mask", "position_ids", "past_key_values", "use_cache", "logits_to_keep"}
_SAME_AT_ANY_LENGTH = {"default", "linear", "llama3", "yarn"}
"""Rotary embeddings that depend on distances alone; `dynamic` and `longrope` depend on the length of the input too."""

_TESTED_ATTENTION = {"eager", "sdpa"}
_LEAST_SHARE = 1 / 4
"""Share of the tokens from which on it is faster on a core (`python -m benchmarks.rerank_prefix`)."""


class QueryInputs(NamedTuple):
    """Inputs of one query's candidates."""

    inputs: Sequence[Any]
    """Token ids of each, one-dimensional tensors, template included."""

    shared: int
    """Number of tokens that all begin with; each has at least one more."""


class SharedPrefix:
    """A causal reranker whose candidates continue from what they have in common."""

    def __init__(self, model: Any, *, prompt: str | None) -> None:
        self._model = model
        self._network = model[0].auto_model
        self._prompt = prompt

    def pays(self, candidates: QueryInputs) -> bool:
        """Return whether a forward of the prefix takes less time than repeating it.

        Where it leaves out a quarter of all tokens: batches of one query have more padding and fewer tokens than those
        of all queries. On a GPU, whose forwards take about as long for few tokens as for many, also as many tokens as
        fill a batch.
        """
        saved = (len(candidates.inputs) - 1) * candidates.shared
        least = 1 if self._model.device.type == "cpu" else GPU_TOKENS
        return saved >= max(_LEAST_SHARE * sum(map(len, candidates.inputs)), least)

    def read(self, pairs: Sequence[tuple[str, str]]) -> QueryInputs:
        """Return the inputs of pairs of one query."""
        import torch

        features = self._model.preprocess(list(pairs), prompt=self._prompt)
        masks = features["attention_mask"].bool()
        inputs = [row[mask] for row, mask in zip(features["input_ids"], masks, strict=True)]
        shortest = min(len(row) for row in inputs)
        starts = torch.stack([row[:shortest] for row in inputs])
        shared = int((starts == starts[0]).all(dim=0).long().cumprod(dim=0).sum())
        return QueryInputs(inputs, min(shared, shortest - 1))

    def begin(self, candidates: QueryInputs) -> Any:
        """Return the keys and values of what the candidates have in common, a cache of transformers."""
        import torch

        self._model.eval()
        start = candidates.inputs[0][None, : candidates.shared].to(self._model.device)
        with torch.inference_mode():
            return self._network(input_ids=start, use_cache=True, logits_to_keep=1).past_key_values

    def logits(self, candidates: QueryInputs, cache: Any) -> NDArray[np.float32]:
        """Return one logit per candidate, in order, as one batch; the cache stays as it is."""
        import numpy as np
        import torch

        shared = candidates.shared
        rests = [row[shared:] for row in candidates.inputs]
        longest = max(map(len, rests))
        ids = torch.full((len(rests), longest), int(self._model.tokenizer.pad_token_id or 0))
        mask = torch.zeros((len(rests), shared + longest), dtype=torch.long)
        mask[:, :shared] = 1
        # Padded on the left, so that the last position is each input's last token, where LogitScore reads.
        for place, rest in enumerate(rests):
            ids[place, longest - len(rest) :] = rest
            mask[place, shared + longest - len(rest) :] = 1
        positions = (mask.cumsum(dim=1) - 1)[:, shared:]
        device = self._model.device
        with torch.inference_mode():
            logits = self._network(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                position_ids=positions.to(device),
                past_key_values=_repeated(cache, len(rests)),
                use_cache=True,
                logits_to_keep=1,
            ).logits
            scores = self._model[1]({self._model[1].module_input_name: logits})["scores"][:, 0]
        return np.asarray(scores.float().cpu().numpy(), dtype=np.float32)


def of(model: Any, *, prompt: str | None) -> SharedPrefix | None:
    """Return how candidates of a CrossEncoder share their prefix; None where its architecture doesn't allow it.

    It has to be a causal language model with rotary positions, full attention in every layer and a cache that holds
    nothing but keys and values, whose template reads the query before the document.

    Args:
        model: A CrossEncoder.
        prompt: Instruction, None for none.
    """
    if [type(module).__name__ for module in model] != ["Transformer", "LogitScore"]:
        return None
    if prompt is None and model.default_prompt_name is not None:
        return None
    if not _continues_from_a_cache(model[0].auto_model):
        return None
    prefix = SharedPrefix(model, prompt=prompt)
    one_query, two_queries = prefix.read([("甲", "乙"), ("甲", "丙")]), prefix.read([("甲", "乙"), ("丙", "乙")])
    return prefix if one_query.shared > two_queries.shared else None


def cache_bytes(model: Any, *, bytes_per_number: int) -> int:
    """Return the bytes of keys and values per token, in all layers."""
    config = model[0].auto_model.config
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * head * bytes_per_number)


def _continues_from_a_cache(network: Any) -> bool:
    from transformers import DynamicCache, PreTrainedModel
    from transformers.cache_utils import DynamicLayer

    if not isinstance(network, PreTrainedModel) or not type(network).__name__.endswith("ForCausalLM"):
        return False
    config = network.config
    rotary = getattr(config, "rope_parameters", None) or {"rope_type": "none"}
    reads_both_ways = getattr(config, "use_bidirectional_attention", False) or not getattr(config, "is_causal", True)
    layers = DynamicCache(config=config).layers
    return (
        inspect.signature(network.forward).parameters.keys() >= _ARGUMENTS
        and config._attn_implementation in _TESTED_ATTENTION
        and rotary.get("rope_type", "default") in _SAME_AT_ANY_LENGTH
        and not reads_both_ways
        and len(layers) == config.num_hidden_layers
        and all(type(layer) is DynamicLayer for layer in layers)
    )


def _repeated(cache: Any, count: int) -> Any:
    """Return a cache for several inputs; nothing is copied until a layer appends to it."""
    repeated = copy.copy(cache)
    repeated.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in repeated.layers:
        layer.keys = layer.keys.expand(count, -1, -1, -1)
        layer.values = layer.values.expand(count, -1, -1, -1)
    return repeated
