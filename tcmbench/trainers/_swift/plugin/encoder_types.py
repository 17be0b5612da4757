"""Model types for ms-swift: encoders such as BERT, as embedding models and as cross-encoders.

ms-swift opens embedding models with the head of a language model and takes the last token; its cross-encoders read
query and document as one text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from swift.model.model_meta import ModelMeta
from swift.model.register import ModelLoader, register_model
from swift.template import Template, register_template
from swift.template.templates.utils import EmptyTemplateMeta
from transformers import AutoModel

from tcmbench.trainers._swift.model_types import PAIRS, POOLED

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tcmbench.specs.base import Pooling

TEXT, PAIR = "tcmbench_text", "tcmbench_pair"
"""Templates: a text between the special tokens of its tokenizer, and two texts as the tokenizer joins them."""


class PairTemplate(Template):
    """Query and document as evaluation passes them to a cross-encoder."""

    def _encode(self, inputs: Any) -> dict[str, Any]:
        query, document = (message["content"] for message in inputs.messages[-2:])
        encoded = self.tokenizer(query, document, return_attention_mask=False)
        return {**encoded, "labels": None, "loss_scale": None}


class PairLoader(ModelLoader):
    """Opens a cross-encoder."""

    def get_model(self, *args: Any, **kwargs: Any) -> PreTrainedModel:
        """Return the network."""
        model = super().get_model(*args, **kwargs)
        draw_pooler(model)
        return model


def draw_pooler(model: PreTrainedModel) -> None:
    """Draw a pooler of zeros like an absent one, in place: nothing below it would have a gradient.

    Embedding models that don't use BERT's pooler may have it so.
    """
    pooler = getattr(getattr(model, model.base_model_prefix, None), "pooler", None)
    weight = getattr(getattr(pooler, "dense", None), "weight", None)
    if weight is not None and weight.is_floating_point() and not weight.is_meta and not weight.any():
        torch.nn.init.normal_(weight, std=model.config.initializer_range)


def register() -> None:
    """Register the types and their templates with ms-swift."""
    register_template(EmptyTemplateMeta(TEXT), exist_ok=True)
    register_template(EmptyTemplateMeta(PAIR, template_cls=PairTemplate), exist_ok=True)
    for pooling, kind in POOLED.items():
        register_model(ModelMeta(kind.name, [], _loader(pooling), template=TEXT), exist_ok=True)
    register_model(ModelMeta(PAIRS.name, [], PairLoader, template=PAIR, task_type="reranker"), exist_ok=True)


def pooled(states: torch.Tensor, mask: torch.Tensor | None, *, pooling: Pooling) -> torch.Tensor:
    """Return unit vectors [texts, dimensions] of token states [texts, tokens, dimensions].

    Args:
        states: Padded to one length, on the right where pooling is cls.
        mask: 1 for tokens and 0 for padding [texts, tokens]; None without padding.
        pooling: mean or cls.
    """
    # A mean over hundreds of tokens loses digits in bfloat16.
    states = states.float()
    if pooling == "cls":
        vectors = states[:, 0]
    elif mask is None:
        vectors = states.mean(dim=1)
    else:
        weights = mask.unsqueeze(-1).to(states.dtype)
        vectors = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)
    return F.normalize(vectors, p=2, dim=1)


def _loader(pooling: Pooling) -> type[ModelLoader]:
    class PooledLoader(ModelLoader):
        """Opens an encoder without a head; its `last_hidden_state` is the pooled vector, as ms-swift's losses want."""

        def get_model(self, *args: Any, **kwargs: Any) -> PreTrainedModel:
            self.auto_model_cls = AutoModel
            model = super().get_model(*args, **kwargs)

            def pool(_module: object, _args: object, inputs: dict[str, Any], output: Any) -> Any:
                mask = inputs.get("attention_mask")
                output.last_hidden_state = pooled(output.last_hidden_state, mask, pooling=pooling)
                return output

            model.register_forward_hook(pool, with_kwargs=True)
            return model

    return PooledLoader
