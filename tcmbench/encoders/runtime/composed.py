"""A model around a dense model: its vectors are those of the dense model, changed or searched in another way.

The vectors of the dense model are cached under its own revision, so that a model measured alone and within another is
encoded once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mteb.models.abs_encoder import AbsEncoder

from tcmbench.encoders.runtime.batches import Batches, Counted
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models import ModelMeta
    from mteb.types import BatchedInput, PromptType
    from numpy.typing import NDArray
    from torch.utils.data import DataLoader

    from tcmbench.encoders.runtime.text_encoder import TextEncoder

_RANKED = ("Retrieval", "Reranking")


class Composed(Counted, AbsEncoder):
    """An encoder in mteb's interface around a dense model, whose vectors it returns unchanged."""

    def __init__(self, dense: TextEncoder | Composed, *, meta: ModelMeta) -> None:
        """Wrap a model; `open` has to be called before it encodes.

        Args:
            dense: The dense model, or another one around it.
            meta: Description of the whole.
        """
        self.mteb_model_meta = meta
        self.dense = dense
        self._encoder: CachedEncoder | Composed | None = None

    def open(self, cache_dir: Path | None, *, revision: str) -> None:
        """Cache the vectors of the dense model.

        Args:
            cache_dir: Folder of the embedding cache; None: vectors are neither read nor stored.
            revision: Revision of the dense model alone.
        """
        if isinstance(self.dense, Composed):
            self.dense.open(cache_dir, revision=revision)
            self._encoder = self.dense
        else:
            self.dense.revision = revision
            self._encoder = CachedEncoder(self.dense, cache_dir=cache_dir)

    @property
    def encoder(self) -> CachedEncoder | Composed:
        """The dense model in mteb's interface."""
        if self._encoder is None:
            raise ValueError("open was not called")
        return self._encoder

    @property
    def model(self) -> Any:
        """The dense model itself, without caches and wrappers."""
        return self.encoder.model

    @property
    def _batches(self) -> Batches:  # type: ignore[override]
        """Counters of what the dense model has computed."""
        return self.encoder._batches

    def encode(
        self,
        inputs: DataLoader[BatchedInput],
        *,
        task_metadata: TaskMetadata,
        hf_split: str,
        hf_subset: str,
        prompt_type: PromptType | None = None,
        **arguments: Any,
    ) -> NDArray[np.float32]:
        """Return one vector per text, in the order of the loader, float32."""
        return self.encoder.encode(
            inputs,
            task_metadata=task_metadata,
            hf_split=hf_split,
            hf_subset=hf_subset,
            prompt_type=prompt_type,
            **arguments,
        )


def role_of(task_metadata: Any, prompt_type: Any) -> str:
    """Return what texts are: `query` or `document` of a retrieval or reranking task, else `text`."""
    if not any(word in str(task_metadata.type) for word in _RANKED):
        return "text"
    said = str(getattr(prompt_type, "value", prompt_type))
    return "query" if said == "query" else "document"
