"""A base's file that contradicts its folder is refused, and the message names both."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.models.agreement import settled
from tcmbench.specs.base import Base
from tcmbench.workspace import bundled_content, find


def _copy(name: str, to: Path) -> Path:
    """Copy a bundled model without its weights."""
    ignore = shutil.ignore_patterns("*.safetensors")
    return Path(shutil.copytree(bundled_content() / "models" / name, to / name, ignore=ignore))


def _base(name: str, **changes: Any) -> Base:
    given = find(bundled_content()).spec(Base, name).model_dump(exclude_unset=True)
    return Base.model_validate({**given, **changes})


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-static", "mini-zh-reranker"])
def test_the_bundled_bases_agree(name: str) -> None:
    """The bundled models agree with their files."""
    settled(_base(name), bundled_content() / "models" / name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pooling": "mean"}, r'file has pooling = "mean".*1_Pooling/config\.json has "last"'),
        ({"normalize": False}, r"normalize = false.*modules\.json has true"),
        ({"padding_side": "right"}, r'padding_side = "right".*tokenizer_config\.json has "left"'),
        ({"max_length": 1 << 20}, r"max_length = 1048576.*has 512.*positions"),
        ({"kind": "reranker", "query_prompt": ""}, r'kind = "reranker".*modules\.json has "embedding"'),
    ],
)
def test_a_contradiction_names_both_sides(changes: dict[str, Any], message: str) -> None:
    """The folder is what is loaded, so the file must not say otherwise."""
    with pytest.raises(SpecError, match=message):
        settled(_base("mini-zh", **changes), bundled_content() / "models/mini-zh")


def test_a_reranker_is_no_embedding_model() -> None:
    """Its vectors would be those of a network that was never trained to give any."""
    base = _base("mini-zh-reranker", kind="embedding", encoder="sentence_transformers")
    with pytest.raises(SpecError, match=r'kind = "embedding".*has "reranker"'):
        settled(base, bundled_content() / "models/mini-zh-reranker")


def test_the_default_prompt_of_a_reranker_is_its_instruction(tmp_path: Path) -> None:
    """As prompts of queries and documents it would be trained with, and evaluation would never put it there."""
    folder = _copy("mini-zh-reranker", tmp_path)
    path = folder / "config_sentence_transformers.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    prompts = {"prompts": {"search": "判断是否相关"}, "default_prompt_name": "search"}
    path.write_text(json.dumps({**settings, **prompts}, ensure_ascii=False), encoding="utf-8")
    open_ = _base("mini-zh-reranker").model_dump(exclude_unset=True)
    del open_["instruction"]
    for base, expected in ((_base("mini-zh-reranker"), "检索"), (Base.model_validate(open_), "判断是否相关")):
        found = settled(base, folder)
        assert (found.query_prompt, found.document_prompt, found.instruction) == ("", "", expected)


def test_what_the_file_leaves_open_is_no_contradiction() -> None:
    """Defaults of the schema claim nothing."""
    base = Base(name="own", kind="embedding", path="own", max_length=256)
    settled(base, bundled_content() / "models/mini-zh")


@pytest.mark.parametrize(
    ("model_max_length", "positions", "expected"),
    [(16, 512, 16), (256, 512, 256), (int(1e30), 64, 64), (None, 64, 64), (1500, 2048, 1500), (int(1e30), None, 512)],
)
def test_the_longest_input_is_the_tokenizer_s_where_no_file_states_it(
    tmp_path: Path, model_max_length: int | None, positions: int | None, expected: int
) -> None:
    """As sentence-transformers 6 saves and reads it; a file of its own, or of the base, comes first."""
    folder = _copy("mini-zh", tmp_path)
    for name, field, value in (
        ("tokenizer_config.json", "model_max_length", model_max_length),
        ("config.json", "max_position_embeddings", positions),
    ):
        settings = json.loads((folder / name).read_text(encoding="utf-8"))
        settings.pop(field, None)
        (folder / name).write_text(json.dumps(settings | ({} if value is None else {field: value})), encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text('{"transformer_task": "feature-extraction"}', encoding="utf-8")
    base = Base(name="own", kind="embedding", path="own")
    assert settled(base, folder).max_length == expected
    assert settled(Base(name="own", kind="embedding", path="own", max_length=8), folder).max_length == 8
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 32}', encoding="utf-8")
    assert settled(base, folder).max_length == 32


@pytest.mark.parametrize("path", ["../elsewhere", "/elsewhere", "1_Pooling/../../elsewhere"])
def test_modules_outside_the_folder_are_refused(tmp_path: Path, path: str) -> None:
    """They would be copied, or removed, outside the store."""
    folder = _copy("mini-zh", tmp_path)
    modules = [{"path": "", "type": "x.Transformer"}, {"path": path, "type": "x.Pooling"}]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(ModelAbsent, match="expected modules within the folder"):
        settled(Base(name="own", kind="embedding", path="own"), folder)


@pytest.mark.parametrize("kind", ["sentence_transformers.models.Router", "sentence_transformers.models.Asym"])
def test_a_model_with_a_route_for_queries_is_refused(tmp_path: Path, kind: str) -> None:
    """Its queries would be encoded as documents."""
    folder = _copy("mini-zh", tmp_path)
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    (folder / "modules.json").write_text(json.dumps([*modules, {"path": "9", "type": kind}]), encoding="utf-8")
    with pytest.raises(SpecError, match="encodes a text in two ways"):
        settled(Base(name="own", kind="embedding", path="own"), folder)


def test_another_similarity_than_cosine_is_refused(tmp_path: Path) -> None:
    """Scores by cosine would be those of another model."""
    folder = _copy("mini-zh", tmp_path)
    (folder / "modules.json").write_text(json.dumps([{"path": "", "type": "x.Transformer"}]), encoding="utf-8")
    (folder / "config_sentence_transformers.json").write_text('{"similarity_fn_name": "dot"}', encoding="utf-8")
    with pytest.raises(SpecError, match='similarity_fn_name = "dot"'):
        settled(Base(name="own", kind="embedding", path="own"), folder)


def test_prompts_that_are_left_out_of_the_pooling_are_refused(tmp_path: Path) -> None:
    """Tcmbench pools over all tokens, so vectors of queries would be others than in sentence-transformers."""
    folder = _copy("mini-zh", tmp_path)
    config = folder / "1_Pooling/config.json"
    config.write_text(json.dumps({**json.loads(config.read_text("utf-8")), "include_prompt": False}), encoding="utf-8")
    with pytest.raises(SpecError, match=r"include_prompt = false.*query_prompt"):
        settled(_base("mini-zh"), folder)
    bare = {"query_prompt": "", "document_prompt": "", "symmetric_prompt": "", "own_prompts": True}
    settled(_base("mini-zh", **bare), folder)


@pytest.mark.parametrize("content", ["not JSON", "[1]", "{}", "[" * 100_000])
def test_damaged_configurations_are_named(tmp_path: Path, content: str) -> None:
    """No traceback of a library."""
    folder = _copy("mini-zh", tmp_path)
    (folder / "modules.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelAbsent, match=r"modules\.json: expected"):
        settled(_base("mini-zh"), folder)
