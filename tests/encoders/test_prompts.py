"""Which prompt a text has."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tcmbench.encoders._prompts import prompt_for
from tcmbench.models.revisions import revision_of
from tcmbench.specs.base import Base


@pytest.mark.parametrize(
    ("task", "role", "symmetric", "expected"),
    [
        ("Retrieval", "query", "s: ", "q: "), ("Retrieval", "document", "s: ", "d: "),
        ("Reranking", "query", "s: ", "q: "), ("Reranking", "document", "s: ", "d: "),
        ("STS", None, "s: ", "s: "), ("PairClassification", None, "s: ", "s: "), ("Clustering", None, "s: ", "s: "),
        ("Classification", None, "s: ", "s: "), ("STS", None, "", ""),
        ("STS", None, None, "d: "), ("Classification", "query", None, "d: "),
    ],
)  # fmt: skip
def test_prompt_of_a_text(task: str, role: str | None, symmetric: str | None, expected: str) -> None:
    """Queries and documents of searches have their own; all others the symmetric one, where there is one."""
    base = Base(name="b", kind="embedding", path="m", query_prompt="q: ", document_prompt="d: ",
                symmetric_prompt=symmetric)  # fmt: skip
    assert prompt_for(base, SimpleNamespace(type=task), role) == expected


def test_the_symmetric_prompt_is_part_of_the_revision() -> None:
    """Where it is set: bases without one keep theirs."""
    plain = Base(name="b", kind="embedding", path="m", document_prompt="d: ")
    assert revision_of(plain, "w") == revision_of(plain.model_copy(update={"symmetric_prompt": None}), "w")
    assert revision_of(plain, "w") != revision_of(plain.model_copy(update={"symmetric_prompt": "d: "}), "w")
