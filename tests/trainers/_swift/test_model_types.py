"""What ms-swift can't train, or tcmbench can't finish, is refused before anything starts, with what to do instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcmbench.errors import SpecError
from tcmbench.specs.base import Base
from tcmbench.trainers._swift import model_types
from tcmbench.trainers._swift.model_types import PAIRS, POOLED, REFUSED, TRAINED
from tests.trainers import swift_types
from tests.trainers.tiny import embedding_rows, make_job, plan, write_rows


def base_of(kind: str = "embedding", **fields: object) -> Base:
    """Return a base of this kind."""
    return Base.model_validate({"name": "b", "kind": kind, "path": "b", **fields})


@pytest.mark.parametrize(("pooling", "name"), [("mean", "tcmbench_mean"), ("cls", "tcmbench_cls")])
def test_an_encoder_needs_no_model_type(pooling: str, name: str) -> None:
    """Its pooling chooses one of ours, which opens it without the head of a language model."""
    found = model_types.of(base_of(pooling=pooling, architecture="bert"), where="variant v")
    assert (found.name, found.network, found.pooling) == (name, "AutoModel", pooling)


def test_a_cross_encoder_needs_no_model_type() -> None:
    """It scores by a head with one label, and its tokenizer joins the pair: no chat template, no instruction."""
    base = base_of("reranker", architecture="xlm-roberta")
    assert model_types.of(base, where="variant v") is PAIRS
    model_types.refuse_other_heads(base, "classification", where="variant v")
    with pytest.raises(SpecError, match='Set head = "classification"'):
        model_types.refuse_other_heads(base, "generative", where="variant v")
    with pytest.raises(SpecError, match="Remove the instruction"):
        instructed = base.model_copy(update={"instruction": "判断"})
        model_types.refuse_other_heads(instructed, "classification", where="variant v")
    decoder = base_of("reranker", swift_model_type="qwen3_reranker")
    model_types.refuse_other_heads(decoder, "generative", where="variant v")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_types_that_cannot_be_trained_say_what_to_use(name: str) -> None:
    """Each of ms-swift's other types is refused by name."""
    kind = "reranker" if "reranker" in name else "embedding"
    with pytest.raises(SpecError, match=rf"variant v: base b has swift_model_type = '{name}'.*(Use|Remove) .*\.$"):
        model_types.of(base_of(kind, pooling="cls", swift_model_type=name), where="variant v")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"swift_model_type": "qwen3_embb", "pooling": "last"},
            r"can't finish a training\. Did you mean 'qwen3_emb'\?",
        ),
        ({"swift_model_type": "llama", "pooling": "last"}, r"can't finish.*It can with: modern_bert_gte, qwen3_emb"),
        ({"swift_model_type": "qwen3_emb", "pooling": "mean"}, r"pools 'qwen3_emb' by last.*with pooling mean.*Remove"),
        ({"swift_model_type": "qwen3_reranker", "pooling": "last"}, r"for bases of kind reranker"),
        ({"architecture": "bert"}, r"pooling unknown\).*sentence_transformers"),
        ({"kind": "reranker"}, r"without its swift_model_type \(qwen3_reranker"),
    ],
)
def test_a_base_that_would_be_trained_wrongly_is_refused(fields: dict[str, object], said: str) -> None:
    """An unknown type, one that pools in another way, one of another task: the message names the remedy."""
    with pytest.raises(SpecError, match=said):
        model_types.of(base_of(**fields), where="variant v")  # type: ignore[arg-type]


def test_a_dry_run_refuses_them(tmp_path: Path) -> None:
    """So does everything else that checks a recipe, before a training set is built or weights are looked for."""
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(8))
    for name in ("bert", "no_such_type"):
        job = make_job(tmp_path, base=base_of(pooling="cls", swift_model_type=name), train_file=file, rows=8)
        with pytest.raises(SpecError, match=f"'{name}'"):
            plan(job)


def test_layers_after_pooling_are_refused(tmp_path: Path) -> None:
    """ms-swift's loss would not see them: the parity check would fail after the training."""
    kinds = ("Transformer", "Pooling", "Dense", "Normalize")
    modules = [{"path": str(i), "type": f"sentence_transformers.models.{kind}"} for i, kind in enumerate(kinds)]
    (tmp_path / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(SpecError, match=r"modules that ms-swift doesn't train \(Dense in .*sentence_transformers"):
        model_types.refuse_other_modules(base_of(pooling="mean"), tmp_path, where="variant v")
    (tmp_path / "modules.json").write_text(json.dumps(modules[:2]), encoding="utf-8")
    model_types.refuse_other_modules(base_of(pooling="mean"), tmp_path, where="variant v")


def test_the_page_lists_all_types() -> None:
    """Its table is written by a command; a type that was added, or whose reason changed, needs it again."""
    rows = swift_types.listed()
    assert rows.keys() == TRAINED.keys() | REFUSED.keys()
    assert {name for name, row in rows.items() if row.happened.startswith("trains:")} == set(TRAINED)
    for name, reason in REFUSED.items():
        why, _, advice = reason.rpartition(". ")
        assert rows[name].happened.startswith(f"refused: {why}")
        assert rows[name].instead == f"{advice}."


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_all_types_of_ms_swift_are_known() -> None:
    """A new version of ms-swift with another embedding model or reranker fails here, and not in a user's training."""
    own = {PAIRS.name, *(kind.name for kind in POOLED.values())}
    assert swift_types.registered() - own == (TRAINED.keys() | REFUSED.keys()) - own
