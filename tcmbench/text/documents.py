"""A document of a corpus as one text."""

from __future__ import annotations

from typing import Any


def document_text(row: dict[str, Any]) -> str:
    """Return a corpus row as one text; title and text are joined as in mteb."""
    title = str(row.get("title") or "")
    return f"{title} {row['text']}".strip() if title else str(row["text"]).strip()
