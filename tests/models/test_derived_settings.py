"""Settings that a derived base has from its origin, and what is tuned from it too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.models import given
from tcmbench.specs.base import Base
from tcmbench.workspace import bundled_content, find

if TYPE_CHECKING:
    from pathlib import Path


def test_an_adapter_over_a_derived_base_has_the_settings_of_its_origin(tmp_path: Path) -> None:
    """Length, instruction, precision, as the derived base has them; an instruction of its own comes first."""
    bases = tmp_path / "models/bases"
    bases.mkdir(parents=True)
    (tmp_path / "tasks").mkdir()
    path = bundled_content() / "models/mini-zh-reranker"
    settings = 'instruction = "判断病历与证候是否相符"\nmax_length = 256\ndtype = "bfloat16"\n'
    (bases / "whole.toml").write_text(f'kind = "reranker"\npath = "{path}"\n{settings}', encoding="utf-8")
    (bases / "part.toml").write_text('kind = "reranker"\nderive = { base = "whole" }\n', encoding="utf-8")
    (tmp_path / "tuned").mkdir()
    (tmp_path / "tuned/adapter_config.json").write_text('{"base_model_name_or_path": "x"}', encoding="utf-8")
    place = find(tmp_path, cache=tmp_path / "store")
    where, called = given.register(place, [str(tmp_path / "tuned")], tuned_from="part")
    base = where.spec(Base, called[str(tmp_path / "tuned")])
    assert (base.tuned_from, base.max_length, base.dtype) == ("part", 256, "bfloat16")
    assert base.instruction == "判断病历与证候是否相符"
    prompts = '{"prompts": {"own": "判断是否相关"}, "default_prompt_name": "own"}'
    (tmp_path / "tuned/config_sentence_transformers.json").write_text(prompts, encoding="utf-8")
    where, called = given.register(place, [str(tmp_path / "tuned")], tuned_from="part")
    assert where.spec(Base, called[str(tmp_path / "tuned")]).instruction == "判断是否相关"
