"""What forms change of the way a model is loaded, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sentence_transformers.sentence_transformer.modules import Dropout

from tcmbench import models, plugins, processor
from tcmbench.encoders import _exported
from tcmbench.encoders.runtime.opening import open_model
from tcmbench.errors import EvaluationError, SpecError
from tcmbench.forms import _exportable
from tcmbench.records.model import Model
from tcmbench.runs import entries
from tcmbench.specs.base import Base
from tcmbench.workspace import bundled_content, find
from tests.forms import tiny_bert


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
        ("weights", {}, {"encoder": "onnx"}, "one for another engine"),
        ("weights", {}, {"encoder": "stored_vectors", "options": {"dense": "openvino"}}, "one for another engine"),
        ("onnx", {}, {"architecture": "static"}, "form onnx: expected a model with layers"),
        ("onnx", {}, {"kind": "reranker"}, "kind reranker and encoder cross_encoder"),
        ("onnx", {}, {"encoder": "onnx"}, "encoder sentence_transformers runs"),
        ("openvino", {}, {"encoder": "stored_vectors"}, "forms of its vectors come after this one"),
        ("openvino", {}, {"dtype": "bfloat16"}, "expected a model in float32, got one in bfloat16"),
        ("model2vec", {}, {"architecture": "static"}, "form model2vec: expected a model with layers"),
        ("model2vec", {}, {}, r"says its pooling \(last, cls or mean\), got None"),
        ("model2vec", {"pca_dims": 0}, {"pooling": "mean"}, "expected a number from 1 on, auto or none, got 0"),
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


@pytest.mark.parametrize(
    ("form", "options"),
    [("onnx", {"precision": "bf16"}), ("openvino", {"precision": "float32"}), ("model2vec", {"a": 1})],
)
def test_precisions_are_those_of_the_engine(form: str, options: dict[str, Any]) -> None:
    """Each engine names them in its own way; a misspelt one is refused."""
    (option,) = options
    with pytest.raises(SpecError, match=rf"{form}.*\b{option}\b"):
        settings(form, options)


def test_an_exported_network_is_run_by_the_encoder_of_its_engine() -> None:
    """With the batches of the base; the precision is stated where it isn't the default. Its vectors can be stored."""
    made = settings("onnx", {}, options={"batch_tokens": 64}, attention="eager")
    assert made == {"encoder": "onnx", "attention": None, "options": {"batch_tokens": 64}}
    made = settings("openvino", {"precision": "bf16"})
    assert made == {"encoder": "openvino", "attention": None, "options": {"precision": "bf16"}}
    assert settings("vectors", {"dimensions": 8}, **made) == {
        "encoder": "stored_vectors",
        "options": {"dense": "openvino", "dense_options": {"precision": "bf16"}, "dimensions": 8},
    }


def test_boards_name_the_precision_of_the_engine() -> None:
    """In the words of other models, also where the vectors are stored in another form."""
    for encoder, options, expected in (
        ("onnx", {"precision": "int8"}, "int8"),
        ("openvino", {}, "float32"),
        ("stored_vectors", {"dense": "openvino", "dense_options": {"precision": "bf16"}}, "bfloat16"),
    ):
        base = Base.model_validate(
            {"name": "b", "kind": "embedding", "path": "b", "encoder": encoder, "options": options}
        )
        assert entries.precision(Model("b", base, Path(), revision="r")) == expected


def test_a_distilled_table_is_loaded_as_a_table_without_prompts() -> None:
    """A constant beginning would move all means alike."""
    made = settings(
        "model2vec", {}, pooling="cls", query_prompt="query: ", symmetric_prompt="query: ", dtype="bfloat16"
    )
    assert (made["architecture"], made["dtype"]) == ("static", "float32")
    assert (made["query_prompt"], made["document_prompt"], made["symmetric_prompt"]) == ("", "", None)


@pytest.mark.parametrize(("name", "expected"), [("mini-zh", "bfloat16"), ("mini-zh-static", "float32")])
def test_cached_vectors_have_the_precision_of_boards(name: str, expected: str, tmp_path: Path) -> None:
    """`verify` looks for them by it: a table is read in single precision, whatever its base says."""
    bundled = models.base_model(find(bundled_content()), name)
    base = bundled.base.model_copy(update={"dtype": "bfloat16"})
    model = replace(bundled, base=base, revision=models.revision(base, bundled.model_dir))
    loaded: Any = models.load(model, cache=tmp_path, device="cpu")
    assert loaded.inner.dtype == entries.precision(model) == expected


@pytest.mark.parametrize("form", ["onnx", "model2vec"])
def test_what_a_form_would_leave_out_is_refused(form: str, tmp_path: Path) -> None:
    """Whole vectors of transformer, pooling and normalisation are all that is exported or distilled."""
    model = tiny_bert.write(tmp_path)
    opened = open_model(tmp_path, model.base, device="cpu")
    _exportable.require_whole(opened, model, form=form)
    opened.truncate_dim = 8
    opened.append(Dropout(0.1))
    with pytest.raises(SpecError, match=f"form {form}: tiny: .* got also Dropout, a cut to 8 dimensions"):
        _exportable.require_whole(opened, model, form=form)


def test_int8_is_refused_where_it_would_give_other_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without instructions for it, engines compute it in another way; other precisions are the same everywhere."""
    base = Base(name="some", kind="embedding", path="some")
    monkeypatch.setattr(processor, "multiplies_bytes", lambda: False)
    _exported.require_int8(base, "float32")
    with pytest.raises(EvaluationError, match="base some: expected a processor with AVX512-VNNI"):
        _exported.require_int8(base, "int8")
    monkeypatch.setattr(processor, "multiplies_bytes", lambda: True)
    _exported.require_int8(base, "int8")
