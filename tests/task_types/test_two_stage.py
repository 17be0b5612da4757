"""A part of the queries is the same part wherever and in whatever order it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcmbench.errors import DataError
from tcmbench.specs.task import TaskSpec
from tcmbench.task_types import Source, two_stage

IDS = [f"q{number}" for number in range(50)]


def test_the_sample_does_not_depend_on_the_order_of_the_file() -> None:
    """The same queries are judged, in the order given."""
    chosen = two_stage.sample(IDS, 20)
    assert len(chosen) == 20
    assert [name for name in IDS if name in chosen] == chosen
    assert set(two_stage.sample(reversed(IDS), 20)) == set(chosen)


def test_a_query_more_replaces_at_most_one() -> None:
    """Adding to the data does not draw another sample."""
    assert len(set(two_stage.sample(IDS, 20)) - set(two_stage.sample([*IDS, "new"], 20))) <= 1


@pytest.mark.parametrize("limit", [None, 50, 80])
def test_all_are_judged_where_there_are_no_more(limit: int | None) -> None:
    """A limit above the data is no error."""
    assert two_stage.sample(IDS, limit) == IDS


def test_what_bm25_misses_is_lost(tmp_path: Path) -> None:
    """The candidates are BM25's alone, gold is not added to them."""
    (tmp_path / "qrels").mkdir()
    texts = {"d1": "春天的花", "d2": "夏天的雨", "d3": "秋天的叶"}
    (tmp_path / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": name, "text": text}) + "\n" for name, text in texts.items()), encoding="utf-8"
    )
    (tmp_path / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "春天的花"}) + "\n", encoding="utf-8")
    (tmp_path / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td3\t1\n", encoding="utf-8")
    spec = TaskSpec(name="Tiny", type="two_stage", path=".")
    made = two_stage.task_class(spec, Source(tmp_path, "1", tmp_path / "store"), options=two_stage.Options(depth=1))()
    made.load_data()
    split = made.dataset["default"]["test"]
    assert split["top_ranked"] == {"q": ["d1"]}
    assert split["relevant_docs"] == {"q": {"d3": 1}}


def test_a_part_without_an_answer_is_refused(tmp_path: Path) -> None:
    """Its queries would score 0 with every model."""
    (tmp_path / "qrels").mkdir()
    names = [f"q{number}" for number in range(8)]
    (lost,) = two_stage.sample(names, 1)
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"_id": "d", "text": "花"}) + "\n", encoding="utf-8")
    lines = [json.dumps({"_id": name, "text": f"问{name}"}) for name in names]
    (tmp_path / "queries.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    judged = "".join(f"{name}\td\t{int(name != lost)}\n" for name in names)
    (tmp_path / "qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}", encoding="utf-8")
    spec, source = TaskSpec(name="Tiny", type="two_stage", path="."), Source(tmp_path, "1", tmp_path / "store")
    made = two_stage.task_class(spec, source, options=two_stage.Options(queries=1))()
    with pytest.raises(DataError, match=r"task Tiny: the 1 queries of a sample of 8 have no relevant document"):
        made.load_data()
