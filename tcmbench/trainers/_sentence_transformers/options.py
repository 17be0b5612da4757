"""The options of the sentence_transformers trainer; to add one, add a field here and its argument to `arguments`."""

from __future__ import annotations

from typing import Any

from tcmbench.trainers._runtime.matryoshka import MatryoshkaOptions


class Options(MatryoshkaOptions):
    """What sentence-transformers alone can do."""

    def arguments(self) -> dict[str, Any]:
        """Return the fields of `SentenceTransformerTrainingArguments` that follow from the options alone, by name."""
        return {}
