"""Models in ONNX Runtime and OpenVINO, and distilled by Model2Vec: the engines themselves, where they are installed."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from tcmbench import models, plugins
from tcmbench.errors import EvaluationError, MissingExtra, ModelAbsent, SpecError
from tcmbench.evaluation.serving import weight_files
from tcmbench.models import base_model, tuned_model
from tcmbench.models.model_files import may_be_read
from tcmbench.serving import engines
from tcmbench.serving.input_types import InputType, TypedText
from tcmbench.workspace import bundled_content, find
from tests.cures.scene import work
from tests.forms import tiny_bert

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.records.model import Model

PACKAGES = {
    "onnx": ("onnx", "onnxscript", "onnxruntime", "accelerate"),
    "openvino": ("onnx", "onnxscript", "openvino", "nncf", "accelerate"),
    "model2vec": ("model2vec", "skeletoken"),
}
TEXTS = ["头痛发热三日", "咳嗽", "", "腰膝酸软，头晕耳鸣，" * 12, "a", "未知的字"]


def needs(form: str) -> None:
    """Skip where the packages of a form are not installed; `make test-engines` fails there."""
    missing = [name for name in PACKAGES[form] if importlib.util.find_spec(name) is None]
    if missing:
        end = pytest.fail if os.environ.get("TCMBENCH_TEST_ENGINES") else pytest.skip
        end(f"needs the extra {form}: pip install 'tcmbench[{form}]' (no {', '.join(missing)})")


def formed(model: Model, form: str, out: Path, **options: Any) -> Model:
    """Return a model made as a form of another."""
    plugin = plugins.use("forms", form, options)
    changes = plugin.module.settings(model.base, count=1, options=plugin.options)
    out.mkdir(parents=True)
    plugin.module.make(work(model, model), out, options=plugin.options)
    return tuned_model(model.base.model_copy(update=dict(changes)), name=form, model_dir=out, seed=0)


def encoded(model: Model, texts: list[str]) -> np.ndarray:
    """Return the vectors of texts, none of which is stored."""
    loaded: Any = models.load(model, cache=None)
    return np.asarray(loaded.encode_list(texts))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Model, Model]]:
    """Makes a form of the tiny model, once; returns both."""
    before: dict[tuple[str, str], tuple[Model, Model]] = {}

    def make(form: str, precision: str) -> tuple[Model, Model]:
        needs(form)
        if (form, precision) not in before:
            folder = tmp_path_factory.mktemp("tiny")
            source = tiny_bert.write(folder / "source")
            before[form, precision] = (source, formed(source, form, folder / "made", precision=precision))
        return before[form, precision]

    return make


ALL = [
    pytest.param("onnx", "float32"),
    pytest.param("openvino", "f32"),
    *(
        pytest.param(*one, marks=pytest.mark.slow)
        for one in (("onnx", "int8"), ("openvino", "bf16"), ("openvino", "int8"))
    ),
]


@pytest.mark.parametrize(("form", "precision"), ALL)
def test_vectors_are_those_of_torch(made: Callable[..., tuple[Model, Model]], form: str, precision: str) -> None:
    """In single precision to rounding; in fewer bits they point the same way. No vector depends on the others."""
    source, model = made(form, precision)
    expected, vectors = encoded(source, TEXTS), encoded(model, TEXTS)
    if precision in {"float32", "f32"}:
        np.testing.assert_allclose(vectors, expected, atol=1e-5)
    else:
        assert 0.95 < np.sum(vectors * expected, axis=1).min() < 1 - 1e-7
    np.testing.assert_allclose(np.concatenate([encoded(model, [text]) for text in TEXTS]), vectors, atol=1e-5)
    assert model.revision != source.revision


@pytest.mark.parametrize(("form", "precision"), ALL[:2])
def test_an_exported_model_is_counted_and_served_like_others(
    made: Callable[..., tuple[Model, Model]], form: str, precision: str
) -> None:
    """Lengths are those of the model in torch; the weights are the engine's files; a server gives the same vectors."""
    source, model = made(form, precision)
    plain, loaded = (models.load(each, cache=None) for each in (source, model))
    assert loaded.inner.token_lengths(TEXTS) == plain.inner.token_lengths(TEXTS)
    assert max(loaded.inner.token_lengths(TEXTS)) == 48
    assert {path.suffix for path in weight_files(model)} == ({".onnx"} if form == "onnx" else {".xml", ".bin"})
    assert all(may_be_read(path.name) for path in weight_files(model))
    answers = engines.load(model)([TypedText(InputType.TEXT, text) for text in TEXTS])
    np.testing.assert_allclose(answers.values, encoded(source, TEXTS), atol=1e-5)


def test_engines_have_the_threads_of_torch(
    made: Callable[..., tuple[Model, Model]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number that the user sets, or the share of a worker."""
    _, model = made("onnx", "float32")
    import onnxruntime

    seen: list[int] = []

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, path: str, settings: Any, **more: Any) -> None:
            seen.append(settings.intra_op_num_threads)
            super().__init__(path, settings, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    models.load(model, cache=None)
    assert seen == [3]


def test_openvino_has_the_threads_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the precision that was named: without, it takes what is fastest. Another one that it takes is an error."""
    needs("openvino")
    import openvino

    from tcmbench.encoders.openvino import network

    seen: list[dict[str, Any]] = []

    class Compiled:
        def get_property(self, name: str) -> Any:
            return openvino.Type.f32

    class Core:
        def compile_model(self, model: Any, device: str, settings: dict[str, Any]) -> Compiled:
            seen.append(settings)
            return Compiled()

    monkeypatch.setattr(openvino, "Core", Core)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    network(object(), "int8")
    grouped = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 32}
    assert seen == [{"INFERENCE_PRECISION_HINT": "f32", **grouped, "INFERENCE_NUM_THREADS": 3, "NUM_STREAMS": 1}]
    with pytest.raises(EvaluationError, match="computes in bf16, but OpenVINO computes in f32"):
        network(object(), "bf16")


@pytest.mark.parametrize(("form", "file"), [("onnx", "model.onnx"), ("openvino", "openvino_model.xml")])
@pytest.mark.slow
def test_the_same_model_is_exported_to_the_same_bytes(tmp_path: Path, form: str, file: str) -> None:
    """Otherwise its scores would be measured again wherever it is made."""
    needs(form)
    source = tiny_bert.write(tmp_path / "source")
    one, other = (formed(source, form, tmp_path / name) for name in ("one", "other"))
    assert one.revision == other.revision
    assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_a_decoder_with_padding_on_the_left_is_exported(tmp_path: Path, form: str) -> None:
    """The bundled Qwen3, pooled at its last token."""
    needs(form)
    source = base_model(find(bundled_content(), cache=tmp_path), "mini-zh")
    model = formed(source, form, tmp_path / "made")
    np.testing.assert_allclose(encoded(model, TEXTS), encoded(source, TEXTS), atol=1e-5)


def test_a_network_that_torch_cannot_export_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose path depends on values; the message says what else there is."""
    needs("onnx")
    from transformers import BertModel

    forward = BertModel.forward

    def branching(self: Any, input_ids: torch.Tensor, **more: Any) -> Any:
        return forward(self, input_ids=input_ids + int(input_ids.sum().item() > 1000), **more)

    monkeypatch.setattr(BertModel, "forward", branching)
    with pytest.raises(SpecError, match=r"can't export its network, a BertModel.*Use form weights"):
        formed(tiny_bert.write(tmp_path / "source"), "onnx", tmp_path / "made")


def test_an_export_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    """Its vectors are compared with torch's before the model is stored."""
    from tcmbench.encoders.runtime.opening import open_model
    from tcmbench.forms import _export

    source = tiny_bert.write(tmp_path / "source")
    assert source.model_dir is not None
    opened = open_model(source.model_dir, source.base, device="cpu")

    def network(inputs: Any) -> np.ndarray:
        rows = opened[0].auto_model(**{name: torch.from_numpy(value) for name, value in inputs.items()})
        return np.asarray(rows.last_hidden_state.detach().numpy())

    assert _export.checked(source, opened, network, form="onnx") < 1e-5
    with pytest.raises(SpecError, match="differs from the one in torch by"):
        _export.checked(source, opened, lambda inputs: network(inputs)[:, ::-1].copy() + 0.1, form="onnx")


@pytest.mark.parametrize(
    ("form", "package"), [("onnx", "onnxscript"), ("openvino", "openvino"), ("model2vec", "model2vec")]
)
def test_what_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, package: str
) -> None:
    """With the command that installs it."""
    source = tiny_bert.write(tmp_path / "source")
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else real("json"))
    with pytest.raises(MissingExtra, match=rf"form {form} needs {package}.*pip install 'tcmbench\[{form}\]'"):
        formed(source, form, tmp_path / "made")


@pytest.mark.parametrize(("encoder", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_a_stored_model_names_the_engine_that_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: str, package: str
) -> None:
    """Its scores can be shown without the engine, but it can't be loaded."""
    source = tiny_bert.write(tmp_path / "source", encoder=encoder)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=rf"encoder {encoder} needs {package}.*tcmbench\[{encoder}\]"):
        models.load(source, cache=None)


@pytest.mark.parametrize(("encoder", "file"), [("onnx", "model.onnx"), ("openvino", "openvino_model.xml")])
def test_a_base_of_an_engine_needs_an_exported_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: str, file: str
) -> None:
    """The form makes one."""
    needs(encoder)
    with pytest.raises(ModelAbsent, match=f'expected {file} in .*form = "{encoder}"'):
        models.load(tiny_bert.write(tmp_path / "source", encoder=encoder), cache=None)


@pytest.mark.parametrize("is_unit", [True, False])
def test_a_table_is_distilled_from_the_vectors_of_single_tokens(tmp_path: Path, is_unit: bool) -> None:
    """It is looked up and averaged by sentence-transformers; the same tokens in another order are the same text."""
    needs("model2vec")
    source = tiny_bert.write(tmp_path / "source", normalize=is_unit)
    table = formed(source, "model2vec", tmp_path / "one", pca_dims=8)
    again = formed(source, "model2vec", tmp_path / "other", pca_dims=8)
    vectors = encoded(table, ["头痛", "痛头", "咳嗽"])
    assert vectors.shape == (3, 8)
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert bool(np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)) is is_unit
    assert table.revision == again.revision
    plain = formed(source, "model2vec", tmp_path / "plain", pca_dims="none", sif_coefficient=0)
    assert encoded(plain, ["头痛"]).shape == (1, 32)
