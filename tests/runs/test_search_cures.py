"""Cures that leave the encoder as it is, end to end on the demo's data: rows, limits, facts, what is untouched."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tcmbench import models, tasks
from tcmbench.cures.vectors.training_data import encoded, training_texts
from tcmbench.errors import SpecError
from tcmbench.specs.model_set import ModelSet
from tcmbench.trainers import Outcome, TrainedRows, sentence_transformers
from tcmbench.treatment import treat
from tcmbench.treatment.treatment import Treatment, resolve
from tests.running import run

if TYPE_CHECKING:
    from tcmbench.records.entry import Entry
    from tcmbench.trainers import TrainingJob
    from tcmbench.workspace import Workspace

SET = """
suite = "tiny"
reference = "mini-zh-static"
models = ["bm25", "mini-zh-static", "hybrid"]
[[variant]]
name = "tuned"
base = "mini-zh-static"
data = "tcm-synth"
trainer = "sentence_transformers"
training = { batch_size = 16, max_length = 64 }
"""
HYBRID = 'kind = "embedding"\nencoder = "fusion"\nderive = { base = "mini-zh-static" }\n[options]\nweight = 0.5\n'


@pytest.fixture(autouse=True)
def _trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that adds noise and takes no time."""

    def train(job: TrainingJob, **_: object) -> Outcome:
        made = shutil.copytree(job.base_dir, job.work_dir / "model")
        content = load_file(made / "model.safetensors")
        noise = torch.rand(content["weights"].shape, generator=torch.Generator().manual_seed(0))
        save_file({**content, "weights": content["weights"] * (1 + noise)}, made / "model.safetensors")
        return Outcome(made, (), 10.0, TrainedRows(1), 7, 1.0, 0.0, 1, {}, ("train",), {})

    monkeypatch.setattr(sentence_transformers, "train", train)


def cure(name: str, plugin: str, of: str = "tuned", **options: Any) -> str:
    """Return the table of a cure."""
    given = "".join(f"{option} = {value!r}\n" for option, value in options.items())
    return f'[[cure]]\nname = "{name}"\nof = "{of}"\ncure = "{plugin}"\n[cure.options]\n{given}'


def rows(place: Workspace, *cures: str) -> dict[str, Entry]:
    """Return the entries of a set with these cures, after a run."""
    root = place.root
    for name, text in (("hybrid", HYBRID), ("bm25", 'kind = "baseline"\nencoder = "bm25"\n')):
        (root / f"models/bases/{name}.toml").write_text(text, encoding="utf-8")
    (root / "models/sets/tiny.toml").write_text(SET + "".join(cures), encoding="utf-8")
    return {entry.name: entry for entry in run(place, "tiny").entries}


def treatment(place: Workspace, name: str) -> Treatment:
    """Return a cure of the set."""
    model_set = place.spec(ModelSet, "tiny")
    (found,) = [each for each in place.cures(model_set) if each.name == name]
    return resolve(place, found, model_set, tasks.plan_set(place, model_set))


def value(entries: dict[str, Entry], row: str, column: str = "Tiny") -> float:
    """Return the score of a row's one model."""
    (score,) = entries[row].scores[column]
    return score.record.value


def facts(place: Workspace, name: str) -> dict[str, Any]:
    """Return what the cure reported."""
    made = treat.stored(place, treatment(place, name), seed=0)
    assert made is not None
    return dict(made.outcome)


def test_fusion_is_a_row_with_its_weight(place: Workspace) -> None:
    """Weight 0 is the tuned model and weight 1 BM25; tasks without queries have the tuned model's scores."""
    entries = rows(
        place,
        cure("dense", "fusion", weight=0.0),
        cure("lexical", "fusion", weight=1.0),
        cure("chosen", "fusion", method="rrf"),
    )
    assert value(entries, "dense") == value(entries, "tuned") != value(entries, "bm25")
    assert value(entries, "lexical") == value(entries, "bm25")
    for row in ("dense", "lexical", "chosen"):
        assert value(entries, row, "TinySTS") == value(entries, "tuned", "TinySTS")
    assert value(entries, "hybrid", "TinySTS") == value(entries, "mini-zh-static", "TinySTS")
    assert entries["bm25"].states["TinySTS"].state == "not_applicable"
    said = facts(place, "chosen")
    made = next(v for v in (said, *said.values()) if isinstance(v, dict) and "weight" in v)
    assert 0 <= made["weight"] <= 1
    assert made["dev_ndcg_at_10"] >= max(made["dev_ndcg_at_10_dense"], made["dev_ndcg_at_10_bm25"])


@pytest.mark.parametrize("norm", ["N", "M"])
def test_nudge_moves_the_index_and_nothing_else(place: Workspace, norm: str) -> None:
    """Bound 0 is the tuned model; at any bound the task without queries, and documents outside the index, are its."""
    entries = rows(place, cure("still", "nudge", norm=norm, bound=0.0), cure("moved", "nudge", norm=norm, bound=0.5))
    assert value(entries, "still") == value(entries, "tuned")
    assert value(entries, "moved") != value(entries, "tuned")
    for row in ("still", "moved"):
        assert value(entries, row, "TinySTS") == value(entries, "tuned", "TinySTS")
    made, source = (
        treat.stored(place, treatment(place, "moved"), seed=0),
        treat.usable_input(place, treatment(place, "moved").inputs(0)[0]),
    )
    assert made is not None
    assert source is not None
    plain, moved = (models.load(model, cache=place.cache) for model in (source, made.model))
    elsewhere = ["一段与知识库无关的文字", "今天天气很好"]
    for role in ("query", "document"):
        np.testing.assert_array_equal(encoded(plain, elsewhere, role=role), encoded(moved, elsewhere, role=role))


@pytest.mark.parametrize("fit", ["ridge", "infonce"])
def test_the_query_adapter_maps_queries(place: Workspace, fit: str) -> None:
    """Tasks without queries have the tuned model's scores; a penalty without end changes nothing."""
    further = {"steps": 20} if fit == "infonce" else {}
    entries = rows(
        place, cure("mapped", "query_adapter", fit=fit, **further), cure("identity", "query_adapter", penalty=1e30)
    )
    assert value(entries, "identity") == value(entries, "tuned")
    assert value(entries, "mapped", "TinySTS") == value(entries, "tuned", "TinySTS")
    said = facts(place, "mapped")
    made = next(v for v in (said, *said.values()) if isinstance(v, dict) and "distance_from_identity" in v)
    assert made["dev_ndcg_at_10"] >= made["dev_ndcg_at_10_before"]


def test_cures_can_follow_one_another(place: Workspace) -> None:
    """Moved documents, mapped queries, then fusion, which is last; a second time the same is refused."""
    chain = (cure("a", "nudge", bound=0.3), cure("b", "query_adapter", of="a"), cure("c", "fusion", of="b"))
    entries = rows(place, *chain)
    assert entries["c"].scores["Tiny"]
    assert value(entries, "c", "TinySTS") == value(entries, "tuned", "TinySTS")
    for plugin, of in (("nudge", "b"), ("query_adapter", "b"), ("fusion", "c"), ("nudge", "c")):
        text = SET + "".join(chain) + cure("d", plugin, of=of)
        (place.root / "models/sets/tiny.toml").write_text(text, encoding="utf-8")
        with pytest.raises(SpecError, match="expected a model with vectors of its own"):
            treatment(place, "d")


def test_leaking_records_are_not_learned_from(place: Workspace) -> None:
    """What the variant left out, the cure leaves out; without a dev split a tenth of the records is held out."""
    rows(place, cure("moved", "nudge", bound=0.3))
    source = treatment(place, "moved")
    data = source.recipe.first.data
    records = data.read().splits["train"]
    inputs = treat.usable_input(place, source.inputs(0)[0])
    assert inputs is not None

    def texts(drop: frozenset[str]) -> Any:
        from tcmbench.cures import CureWork
        from tcmbench.tuning.learned_data import LearnedData

        work = CureWork("moved/seed0", source.base, (inputs,), 0, LearnedData(data, drop), place.cache)
        return training_texts(work, cure="nudge")

    everything, less = texts(frozenset()), texts(frozenset({records[0].record_id}))
    assert records[0].query() in everything.train.texts
    assert len(less.train.texts) == len(everything.train.texts) - 1
    assert everything.note == "dev split"
    with pytest.raises(SpecError, match="expected train queries with a document in tcm-synth, got none"):
        texts(frozenset(record.record_id for record in records))
