"""What a cure learns from: as many records as its variant, and none that the variant left out as leaks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench import tasks
from tcmbench.errors import SpecError
from tcmbench.specs.suite import Suite
from tcmbench.tuning.learned_data import LearnedData, learned_data
from tcmbench.tuning.recipe import recipe_of
from tests.task_types.folders import write_table

if TYPE_CHECKING:
    from tcmbench.specs.variant import Variant
    from tcmbench.workspace import Workspace


@pytest.fixture
def leaking(place: Workspace) -> str:
    """A text of a task, which is the query of two rows of many.jsonl and of one of scored.csv."""
    line = (place.data_root / "general-synth/sts.jsonl").read_text(encoding="utf-8").splitlines()[0]
    text = next(value for value in json.loads(line).values() if isinstance(value, str))
    rows: list[dict[str, object]] = [{"query": f"问{n}", "positive": f"答{n}"} for n in range(20)]
    write_table(place.data_root / "many.jsonl", [*rows, *({"query": text, "positive": answer} for answer in "甲乙")])
    scored: list[dict[str, object]] = [{"query": f"问{n}", "document": f"答{n}", "score": n / 16} for n in range(16)]
    write_table(place.data_root / "scored.csv", scored)
    return text


def _learned(place: Workspace, variant: Variant, **fields: Any) -> LearnedData:
    document = variant.model_dump(exclude_defaults=True) | {"name": "tuned", "drop_leaks": True} | fields
    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    return learned_data(recipe_of(place, type(variant).model_validate(document), planned), seed=1)


def _queries(learned: LearnedData) -> list[str]:
    return [record.query().strip() for record in learned.read().splits["train"]]


@pytest.mark.parametrize("streamed", [True, False])
def test_leaking_queries_are_left_out(place: Workspace, variant: Variant, leaking: str, *, streamed: bool) -> None:
    """Also of a file that is read row by row, whose rows have numbers where records have ids."""
    source = {"path": "many.jsonl", "streamed": streamed}
    learned = _learned(place, variant, data=[source])
    assert len(learned.drop) == (2 if streamed else 1)
    assert _queries(learned) == [f"问{n}" for n in range(20)]
    everything = _learned(place, variant, data=[source], drop_leaks=False)
    assert leaking in _queries(everything)
    assert everything.identity() != learned.identity()


def test_no_more_is_learned_from_than_by_the_variant(place: Workspace, variant: Variant) -> None:
    """A sample by the seed, in the order of the data; the dev split is whole."""
    everything, sample = _learned(place, variant), _learned(place, variant, max_samples=8)
    queries = _queries(sample)
    assert len(queries) == 8
    assert queries == [query for query in _queries(everything) if query in queries]
    assert queries != _queries(everything)[:8]
    assert sample.read().splits["dev"] == everything.read().splits["dev"]
    assert sample.identity() == {**everything.identity(), "samples": 8}


@pytest.mark.usefixtures("leaking")
def test_pairs_with_scores_are_no_relevant_documents(place: Workspace, variant: Variant) -> None:
    """A score of 0.1 would count as right."""
    learned = _learned(place, variant, data=[{"path": "scored.csv"}], trainer="swift", training={"loss": "cosent"})
    with pytest.raises(SpecError, match=r"got the scored pairs of scored\.csv"):
        learned.read()


def test_a_cure_reads_a_streamed_table_as_its_training_does(place: Workspace, variant: Variant) -> None:
    """Rows with a blank text are left out of both."""
    rows: list[dict[str, object]] = [{"query": f"问{n}", "positive": f"答{n}"} for n in range(8)]
    write_table(place.data_root / "many.jsonl", [{"query": "空", "positive": " "}, *rows])
    learned = _learned(place, variant, data=[{"path": "many.jsonl", "streamed": True}])
    assert _queries(learned) == [f"问{n}" for n in range(8)]
