"""Training data of several sources: three formats, label-safe batches, shares, leaks and statistics of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench import tasks
from tcmbench.errors import SpecError
from tcmbench.specs.suite import Suite
from tcmbench.specs.variant import Variant
from tcmbench.trainsets.rows import read_rows
from tcmbench.tuning import tune
from tcmbench.tuning.recipe import recipe_of, resolve
from tests.task_types.folders import write_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcmbench.trainsets.train_set import TrainSet
    from tcmbench.workspace import Workspace


def _sources(place: Workspace) -> list[dict[str, Any]]:
    """Write a table and a RAG file beside the TCM-SD folder; one text of the table is an entry of the folder."""
    knowledge = (place.data_root / "tcm-synth/syndrome_knowledge.jsonl").read_text(encoding="utf-8").splitlines()
    entry = json.loads(knowledge[0])
    shared = f"名称：{entry['Name']}。"
    rows: list[dict[str, object]] = [
        {"query": f"问题{n}", "positive": f"段落{n % 20}", "topic": f"类{n % 10}"} for n in range(40)
    ]
    write_table(place.data_root / "pairs.csv", [*rows, {"query": "共同", "positive": shared, "topic": "共"}])
    rag = {
        "queries": {f"q{n}": f"通用问题{n}" for n in range(80)},
        "corpus": {f"d{n}": f"通用段落{n}" for n in range(80)},
        "relevant_docs": {f"q{n}": [f"d{n}"] for n in range(80)},
    }
    (place.data_root / "general.json").write_text(json.dumps(rag, ensure_ascii=False), encoding="utf-8")
    return [
        {"path": "tcm-synth"},
        {"path": "pairs.csv", "labels": "topic", "prompt": "问："},
        {"path": "general.json", "role": "replay"},
    ]


def _variant(sources: Sequence[dict[str, Any]], **fields: Any) -> Variant:
    training = {"batch_size": 8, "learning_rate": 2e-2, "max_length": 64, **fields.pop("training", {})}
    return Variant.model_validate({
        "name": "mixed", "base": "mini-zh-static", "trainer": "sentence_transformers", "training": training,
        "data": sources, **fields,
    })  # fmt: skip


def _made(place: Workspace, variant: Variant) -> TrainSet:
    return tune.training_set(place, resolve(place, variant), seed=0)


def _blocks(made: TrainSet, size: int) -> list[list[tuple[str, set[str], str, str]]]:
    """Return the batches: source, labels, positive's text and query's text of each line."""
    lines = [json.loads(line) for line in made.train.read_text(encoding="utf-8").splitlines()]
    rows = [
        (row.record_id[0], set(row.labels), line["positive_messages"][0][0]["content"], line["messages"][0]["content"])
        for row, line in zip(read_rows(made.rows), lines, strict=True)
    ]
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def test_three_formats_make_batches_of_one_source_each(place: Workspace) -> None:
    """Each source is read once per pass in whole batches; topics that a column names don't meet."""
    made = _made(place, _variant(_sources(place)))
    blocks = _blocks(made, 8)
    assert all(len({source for source, *_ in block}) == 1 for block in blocks)
    assert {block[0][0] for block in blocks} == {"0", "1", "2"}
    for block in blocks:
        labels = [label for _, own, *_ in block for label in own]
        assert len(labels) == len(set(labels))
        assert len({positive for _, _, positive, _ in block}) == 8
    assert all(query.startswith("问：") for block in blocks for source, _, _, query in block if source == "1")


def test_mixed_batches_have_their_shares_and_no_common_positive(place: Workspace) -> None:
    """Half, a quarter and a quarter of a batch of 8, also where two sources have the same document."""
    sources = [{**source, "share": share} for source, share in zip(_sources(place), (0.5, 0.25, 0.25), strict=True)]
    made = _made(place, _variant(sources, mixing={"batches": "mixed"}))
    for block in _blocks(made, 8):
        assert sorted(source for source, *_ in block) == ["0"] * 4 + ["1"] * 2 + ["2"] * 2
        labels = [label for _, own, *_ in block for label in own]
        assert len(labels) == len(set(labels))
    assert [one.share for one in made.statistics.sources] == [0.5, 0.25, 0.25]


def test_a_document_of_two_sources_is_one_positive(place: Workspace) -> None:
    """Two tables with the same documents under other ids: no batch has one of them twice."""
    rows: list[dict[str, object]] = [{"query": f"甲{n}", "positive": f"段落{n % 12}"} for n in range(24)]
    write_table(place.data_root / "one.csv", rows)
    others: list[dict[str, object]] = [{"query": f"乙{n}", "positive": f"段落{11 - n % 12}"} for n in range(24)]
    write_table(place.data_root / "two.csv", others)
    sources = [{"path": "one.csv"}, {"path": "two.csv"}]
    made = _made(place, _variant(sources, mixing={"batches": "mixed"}))
    for block in _blocks(made, 8):
        assert len({positive for _, _, positive, _ in block}) == 8
    plain = _made(place, _variant(sources, mixing={"batches": "mixed"}, batch_rule="plain"))
    assert any(len({positive for _, _, positive, _ in block}) < 8 for block in _blocks(plain, 8))


def test_no_other_answer_of_a_query_is_in_its_mixed_batch(place: Workspace) -> None:
    """Two records of one text have different documents: in batches of several sources both are right for it."""
    rows: list[dict[str, object]] = [{"query_id": f"a{n}", "positive": f"段落{n % 24}"} for n in range(48)]
    rows = [{**row, "query": "同一问题" if n < 6 else f"甲{n}"} for n, row in enumerate(rows)]
    write_table(place.data_root / "one.csv", rows)
    others: list[dict[str, object]] = [{"query": f"乙{n}", "positive": f"段落{n % 24}"} for n in range(48)]
    write_table(place.data_root / "two.csv", others)
    variant = _variant([{"path": "one.csv"}, {"path": "two.csv"}], mixing={"batches": "mixed"})
    answers, met = {f"段落{n}" for n in range(6)}, 0
    for block in _blocks(_made(place, variant), 8):
        for one in [place for place, (*_, query) in enumerate(block) if query == "同一问题"]:
            assert answers.isdisjoint(text for other, (_, _, text, _) in enumerate(block) if other != one)
            met += 1
    assert met


def test_the_statistics_name_every_source(place: Workspace) -> None:
    """Lines, examples and share of each; together they are the file."""
    statistics = _made(place, _variant(_sources(place))).statistics
    assert [(one.path, one.role) for one in statistics.sources] == [
        ("tcm-synth", "train"), ("pairs.csv", "train"), ("general.json", "replay"),
    ]  # fmt: skip
    assert [one.examples for one in statistics.sources] == [63, 41, 80]  # some records have two syndromes
    assert sum(one.lines for one in statistics.sources) == statistics.lines
    assert statistics.sources[2].lines == 80
    assert statistics.sources[2].positive is not None


def test_leaks_are_looked_for_in_every_source(place: Workspace) -> None:
    """A sentence of the general task in the replay source is found and left out, and said of that source."""
    sources = _sources(place)
    sentence = json.loads((place.data_root / "general-synth/sts.jsonl").read_text(encoding="utf-8").splitlines()[0])
    text = next(value for value in sentence.values() if isinstance(value, str))
    rag = json.loads((place.data_root / "general.json").read_text(encoding="utf-8"))
    rag["queries"]["q0"] = text
    (place.data_root / "general.json").write_text(json.dumps(rag, ensure_ascii=False), encoding="utf-8")
    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    recipe = recipe_of(place, _variant(sources, drop_leaks=True), planned)
    assert [part.drop for part in recipe.parts] == [frozenset(), frozenset(), frozenset({"q0"})]
    assert "general.json; 1 of 80 training rows leak into TinySTS" in str(recipe.leaks)
    made = tune.training_set(place, recipe, seed=0)
    assert text not in made.train.read_text(encoding="utf-8")


def test_another_source_is_another_model(place: Workspace) -> None:
    """Share, order of mixing and content of each source are in the key; the hash is known without building."""
    sources = _sources(place)
    keys = {
        tune.model_key(place, resolve(place, _variant(given, **fields)), seed=0)
        for given, fields in (
            (sources, {}),
            (sources[:2], {}),
            ([{**sources[0], "samples": 10}, *sources[1:]], {}),
            (sources, {"mixing": {"temperature": 3}}),
            (sources, {"mixing": {"batches": "mixed"}}),
        )
    }
    (place.data_root / "general.json").write_text(
        (place.data_root / "general.json").read_text(encoding="utf-8").replace("通用段落7", "另一段落7"),
        encoding="utf-8",
    )
    keys.add(tune.model_key(place, resolve(place, _variant(sources)), seed=0))
    assert len(keys) == 6


def test_a_mixture_trains(place: Workspace) -> None:
    """From three formats to a checked model."""
    variant = _variant(_sources(place), negatives={"miner": "random", "options": {"count": 2}})
    tuned = tune.tune(place, resolve(place, variant), seed=0, progress=lambda _: None)
    statistics = tuned.outcome["statistics"]
    assert isinstance(statistics, dict)
    assert isinstance(statistics["sources"], list)
    assert len(statistics["sources"]) == 3


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"data": [{"path": "a", "share": 0.5}, {"path": "b"}]}, "a share for every source or for none"),
        ({"data": [{"path": "a", "share": 0.5}, {"path": "b", "share": 0.4}]}, "a sum of 1, got 0.9"),
        ({"data": [{"path": "a", "role": "replay"}]}, 'a source with role = "train"'),
        ({"data": [{"path": "../a"}]}, "leads out of the data root"),
        ({"data": "a", "mixing": {"batches": "mixed"}}, "write each as a"),
        ({"data": [{"path": "a"}], "max_samples": 3}, "write samples in the"),
    ],
)
def test_sources_that_contradict_each_other_are_refused(change: dict[str, Any], complaint: str) -> None:
    """When the file is read."""
    with pytest.raises(ValueError, match=complaint):
        Variant.model_validate({"name": "v", "base": "b", **change})


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"path": "tcm-synth", "labels": "topic"}, "labels = 'topic' has no meaning for 'tcm-synth' in format tcm_sd"),
        ({"path": "pairs.csv", "split": "dev"}, "split = 'dev' has no meaning"),
        ({"path": "pairs.csv", "format": "beir"}, "format beir is a folder"),
    ],
)
def test_settings_that_a_format_does_not_have_are_refused(
    place: Workspace, source: dict[str, Any], complaint: str
) -> None:
    """Before anything is built."""
    _sources(place)
    with pytest.raises(SpecError, match=complaint):
        resolve(place, _variant([source, {"path": "general.json"}]))


def test_unequal_numbers_of_negatives_are_refused(place: Workspace) -> None:
    """Trainers read one number from the first row."""
    sources = _sources(place)
    sources[0]["negatives"] = {"miner": "random", "options": {"count": 3}}
    with pytest.raises(
        SpecError, match=r"expected as many negatives in every source.* 3 of tcm-synth, 0 of pairs\.csv"
    ):
        _made(place, _variant(sources))


def _rows(count: int) -> list[dict[str, object]]:
    return [{"query": f"问{n % 50}", "positive": f"答{n % 70}", "negative": f"错{n}"} for n in range(count)]


def test_a_streamed_table_repeats_no_document_of_a_query(place: Workspace) -> None:
    """Rows of one query, and their documents, never meet; negatives are the file's, then those of random rows."""
    write_table(place.data_root / "many.jsonl", _rows(200))
    made = _made(
        place,
        _variant(
            [{"path": "many.jsonl", "streamed": True}],
            negatives={"miner": "given", "options": {"count": 2}},
        ),
    )
    answers: dict[str, set[str]] = {}
    for row in _rows(200):
        answers.setdefault(str(row["query"]), set()).add(str(row["positive"]))
    lines = [json.loads(line) for line in made.train.read_text(encoding="utf-8").splitlines()]
    for start in range(0, len(lines), 8):
        block = lines[start : start + 8]
        for line in block:
            right = answers[line["messages"][0]["content"]]
            others = {other["positive_messages"][0][0]["content"] for other in block if other is not line}
            assert right.isdisjoint(others)
            first, second = (message[0]["content"] for message in line["negative_messages"])
            assert first.startswith("错")
            assert second not in right
    assert made.statistics.negatives_filled == len(lines)
    assert 0 < made.statistics.lines <= 200


def test_a_streamed_source_is_mixed_with_records(place: Workspace) -> None:
    """A document that is in both is in no batch twice."""
    _sources(place)
    write_table(place.data_root / "many.jsonl", [{"query": f"问{n}", "positive": f"段落{n % 30}"} for n in range(60)])
    sources = [
        {"path": "pairs.csv", "share": 0.5},
        {"path": "many.jsonl", "share": 0.5, "streamed": True, "role": "replay"},
    ]
    made = _made(place, _variant(sources, mixing={"batches": "mixed"}))
    for block in _blocks(made, 8):
        assert len({positive for _, _, positive, _ in block}) == 8
        assert sorted(source for source, *_ in block) == ["0"] * 4 + ["1"] * 4


def test_leaks_are_looked_for_row_by_row(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the rows are looked at in parts; the row is left out by its number."""
    from tcmbench.tuning import leaks

    monkeypatch.setattr(leaks, "_ROWS_AT_ONCE", 7)
    sentence = json.loads((place.data_root / "general-synth/sts.jsonl").read_text(encoding="utf-8").splitlines()[0])
    text = next(value for value in sentence.values() if isinstance(value, str))
    write_table(place.data_root / "many.jsonl", [*_rows(20), {"query": text, "positive": "答", "negative": "错"}])
    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    variant = _variant([{"path": "many.jsonl", "streamed": True}], drop_leaks=True)
    recipe = recipe_of(place, variant, planned)
    assert recipe.first.drop == {"20"}
    assert "1 of 21 training rows leak into TinySTS; 1 dropped" in str(recipe.leaks)
    assert text not in tune.training_set(place, recipe, seed=0).train.read_text(encoding="utf-8")


def test_pairs_have_the_scores_of_their_file(place: Workspace) -> None:
    """Without a miner, a loss over scored pairs reads rel and weight, or a table's column."""
    rows: list[dict[str, object]] = [
        {"query": f"问{n}", "doc": f"答{n}", "rel": (n % 5) / 4, "weight": 1 + n % 2} for n in range(16)
    ]
    path = write_table(place.data_root / "weighted.jsonl", rows)
    tables = write_table(place.data_root / "scored.csv", [{**row, "rel": row["rel"]} for row in rows])
    for name in (path.name, tables.name):
        made = _made(
            place,
            _variant([{"path": name}], trainer="swift", training={"loss": "cosine_similarity"}),
        )
        found = {
            line["messages"][0]["content"]: (line["label"], line.get("weight", 1.0))
            for line in map(json.loads, made.train.read_text(encoding="utf-8").splitlines())
        }
        assert found == {str(row["query"]): (row["rel"], row["weight"]) for row in rows}


def test_generated_data_is_named(place: Workspace) -> None:
    """Its generator is said beside the leaks, and which task has queries of the same one."""
    _sources(place)
    rows: list[dict[str, object]] = [
        {"query": f"生成的问题{n}", "positive": f"段落{n}", "synthetic": True, "generator": "scripted"}
        for n in range(40)
    ]
    write_table(place.data_root / "generated.jsonl", rows)
    write_table(place.data_root / "task.jsonl", [{**row, "query": f"另一{n}"} for n, row in enumerate(rows)])
    (place.root / "tasks/Generated.toml").write_text(
        'type = "pairs_retrieval"\npath = "task.jsonl"\n', encoding="utf-8"
    )
    (place.root / "tasks/suites/tiny.toml").write_text(
        '[[tasks]]\ntask = "Tiny"\nrole = "in_domain"\n[[tasks]]\ntask = "Generated"\nrole = "general"\n',
        encoding="utf-8",
    )
    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    leaks = str(recipe_of(place, _variant([{"path": "generated.jsonl"}, {"path": "pairs.csv"}]), planned).leaks)
    assert "generated.jsonl was generated by scripted; Generated has queries of the same generator, scripted" in leaks
    assert leaks.count("generated by") == 1


def test_leaks_are_looked_for_in_scored_pairs(place: Workspace) -> None:
    """Their scores may be fractions here too, and a pair that leaks is left out with its score."""
    sentence = json.loads((place.data_root / "general-synth/sts.jsonl").read_text(encoding="utf-8").splitlines()[0])
    text = next(value for value in sentence.values() if isinstance(value, str))
    rows: list[dict[str, object]] = [{"query": f"问{n}", "document": f"答{n}", "score": n / 16} for n in range(16)]
    write_table(place.data_root / "scored.csv", [*rows, {"query": text, "document": "答", "score": 0.25}])
    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    variant = _variant([{"path": "scored.csv"}], trainer="swift", training={"loss": "cosent"}, drop_leaks=True)
    recipe = recipe_of(place, variant, planned)
    assert recipe.first.drop == {"16"}
    lines = tune.training_set(place, recipe, seed=0).train.read_text(encoding="utf-8").splitlines()
    assert sorted(json.loads(line)["label"] for line in lines) == [n / 16 for n in range(16)]


def test_a_loss_over_scores_needs_a_miner_where_the_data_has_none(place: Workspace) -> None:
    """The message is that of a folder of records, and names no field that wasn't set."""
    variant = _variant([{"path": "tcm-synth"}], trainer="swift", training={"loss": "cosine_similarity"})
    with pytest.raises(SpecError, match="loss cosine_similarity needs negatives, and the miner none gives none"):
        _made(place, variant)


def test_a_given_negative_that_another_row_judges_right_is_left_out(place: Workspace) -> None:
    """Of a query with two rows, neither's document is a negative of the other."""
    rows: list[dict[str, object]] = [{"query": f"问{n}", "pos_doc": f"答{n}", "neg_doc": f"错{n}"} for n in range(30)]
    write_table(place.data_root / "many.jsonl", [*rows, {"query": "问0", "pos_doc": "另", "neg_doc": "答0"}])
    negatives = {"miner": "given", "options": {"count": 1}}
    sources = [{"path": "many.jsonl", "streamed": True}]
    made = _made(place, _variant(sources, negatives=negatives, batch_rule="plain"))
    lines = [json.loads(line) for line in made.train.read_text(encoding="utf-8").splitlines()]
    of_zero = [line for line in lines if line["messages"][0]["content"] == "问0"]
    assert len(of_zero) == 2
    assert {"答0", "另"}.isdisjoint(line["negative_messages"][0][0]["content"] for line in of_zero)
    assert made.statistics.negatives_filled == 1


def test_options_that_need_all_documents_are_refused_row_by_row(place: Workspace) -> None:
    """Nothing that was asked for is ignored."""
    write_table(place.data_root / "many.jsonl", _rows(20))
    negatives = {"miner": "given", "options": {"count": 1, "top_up": "bm25"}}
    with pytest.raises(SpecError, match="option top_up of miner given needs all documents in memory"):
        _made(place, _variant([{"path": "many.jsonl", "streamed": True}], negatives=negatives))


def test_examples_in_no_batch_are_said(place: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    """A source half of whose documents are nearly always in the batch already ends the mixture early."""
    same: list[dict[str, object]] = [{"query": f"甲{n}", "positive": f"段落{n % 5}"} for n in range(60)]
    write_table(place.data_root / "one.csv", same)
    half: list[dict[str, object]] = [
        {"query": f"乙{n}", "positive": f"段落{n if n > 30 else n % 5}"} for n in range(60)
    ]
    write_table(place.data_root / "two.csv", half)
    sources = [{"path": "one.csv", "share": 0.5}, {"path": "two.csv", "share": 0.5}]
    made = _made(place, _variant(sources, mixing={"batches": "mixed"}))
    assert sum(made.statistics.dropped) > 0
    assert "examples of two.csv are in no batch" in caplog.text


def test_blank_rows_are_left_out_row_by_row(place: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    """Each is counted in the log; the other rows keep what they are, and their numbers in the search for leaks."""
    write_table(place.data_root / "many.jsonl", [{"query": " ", "positive": "空"}, *_rows(20)])
    made = _made(place, _variant([{"path": "many.jsonl", "streamed": True}], batch_rule="plain"))
    assert made.statistics.lines == 20
    assert "many.jsonl: 1 rows with a blank text are left out" in caplog.text


def test_a_batch_that_a_source_can_not_fill_names_the_source(place: Workspace) -> None:
    """With the number of its examples in a batch, and the way out of batches of one source."""
    few: list[dict[str, object]] = [{"query": f"甲{n}", "positive": f"段落{n % 5}"} for n in range(60)]
    write_table(place.data_root / "few.csv", few)
    complaint = r"source few\.csv, of which a batch has 8 examples: .*5 different labels.*batches = \"mixed\""
    with pytest.raises(SpecError, match=complaint):
        _made(place, _variant([{"path": "tcm-synth"}, {"path": "few.csv"}]))
