"""What forms change of the way a model is loaded, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from tcmbench import plugins
from tcmbench.errors import SpecError
from tcmbench.specs.base import Base


def settings(form: str, given: dict[str, Any], **base: Any) -> dict[str, Any]:
    """Return the settings of a form of a base."""
    plugin = plugins.use("forms", form, given)
    fields = {"name": "base", "kind": "embedding", "path": "base", "architecture": "bert", **base}
    return dict(plugin.module.settings(Base.model_validate(fields), count=1, options=plugin.options))


def test_vectors_are_stored_by_an_encoder_around_the_model() -> None:
    """Only options that differ from the defaults are stated; the encoder of the model stays within."""
    assert settings("vectors", {"precision": "int8", "bits": 8}) == {
        "encoder": "stored_vectors", "options": {"precision": "int8"},
    }  # fmt: skip
    assert settings("vectors", {"precision": "pq"})["encoder"] == "product_codes"
    mapped = settings("vectors", {"dimensions": 8}, encoder="query_adapter")
    assert mapped["options"] == {"dense": "query_adapter", "dimensions": 8}


@pytest.mark.parametrize(
    ("form", "options", "base", "message"),
    [
        ("vectors", {}, {"encoder": "stored_vectors"}, "a model of the same form"),
        ("vectors", {}, {"encoder": "product_codes", "options": {"precision": "pq"}}, "a model of the same form"),
        ("vectors", {}, {"encoder": "fusion"}, "scores that are fused already"),
        ("vectors", {}, {"kind": "reranker"}, "form vectors: expected an embedding model"),
        ("weights", {}, {"architecture": "static"}, "a table of token vectors"),
        ("weights", {"dtype": "float16"}, {"dtype": "float16"}, "one in float16 already"),
    ],
)
def test_models_that_have_no_such_form_are_refused(
    form: str, options: dict[str, Any], base: dict[str, Any], message: str
) -> None:
    """Before anything is made."""
    with pytest.raises(SpecError, match=message):
        settings(form, options, **base)


def test_weights_are_loaded_in_half_precision() -> None:
    """The precision is in the revision of the model."""
    assert settings("weights", {}) == {"dtype": "bfloat16"}
