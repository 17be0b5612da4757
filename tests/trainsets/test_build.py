"""Training sets as they stand on disk."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from tcmbench.errors import DataError, SpecError, StoreError, UnknownName
from tcmbench.specs.source import NegativesSpec
from tcmbench.specs.variant import AugmentationSpec
from tcmbench.trainsets.build import build, load
from tests.trainsets.recipes import HYBRID, PERMUTED, lines, recipe, suiting, texts

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.data.tcm_sd import Folder
    from tcmbench.specs.base import Base
    from tcmbench.trainsets import Context
    from tcmbench.trainsets.train_set import TrainSet


@pytest.fixture
def made(base: Base, folder: Folder, context: Context) -> TrainSet:
    """The usual set: hybrid negatives, label-unique."""
    return build(recipe(negatives=HYBRID), base, folder, seed=0, context=context)


def test_lines_are_what_swift_reads(made: TrainSet) -> None:
    """One user message, one positive, eight negatives, all of role user, prompts in front."""
    for line in lines(made.train):
        assert list(line) == ["messages", "positive_messages", "negative_messages"]
        assert [m["role"] for m in line["messages"]] == ["user"]
        assert line["messages"][0]["content"].startswith("问：主诉：")
        documents = line["positive_messages"] + line["negative_messages"]
        assert len(documents) == 9
        assert {(m["role"], m["content"][:5]) for (m,) in documents} == {("user", "文：名称：")}


def test_lines_equal_json_dumps(made: TrainSet) -> None:
    """Putting lines together from pieces gives the bytes that json.dumps gives."""
    expected = [json.dumps(line, ensure_ascii=False) for line in lines(made.train)]
    assert expected == made.train.read_text(encoding="utf-8").splitlines()


def test_rows_say_where_each_line_comes_from(made: TrainSet, folder: Folder) -> None:
    """Row i of the table belongs to line i of the file."""
    documents = {s.doc_id: "文：" + s.document() for s in folder.knowledge}
    records = {r.record_id: r for r in folder.splits["train"]}
    rows = pq.read_table(made.rows).to_pylist()
    for line, row in zip(lines(made.train), rows, strict=True):
        assert line["messages"][0]["content"] == "问：" + records[row["record_id"]].query()
        assert tuple(row["labels"]) == records[row["record_id"]].labels
        assert texts(line["positive_messages"]) == [documents[row["positive"]]]
        assert texts(line["negative_messages"]) == [documents[d] for d in row["negatives"]]
        assert row["view"] == -1


def test_no_text_in_a_batch_is_right_for_another_line(made: TrainSet, folder: Folder) -> None:
    """Neither another line's positive nor its negatives are right for a line, merged labels included."""
    assert folder.label_map is not None
    rows = pq.read_table(made.rows).to_pylist()
    for start in range(0, len(rows), 4):
        block = rows[start : start + 4]
        for row in block:
            right = {m for label in row["labels"] for m in folder.label_map.merged_with(label)}
            others = [other for other in block if other is not row]
            assert right.isdisjoint(other["positive"] for other in others)
            assert right.isdisjoint(d for other in block for d in other["negatives"])
    assert made.statistics.negatives_replaced > 0
    assert made.statistics.negatives_in_conflict == 0


def test_merged_labels_stay_negatives_where_asked(base: Base, folder: Folder, context: Context) -> None:
    """What the miner was allowed to take, the order of the batches doesn't take away again."""
    assert folder.label_map is not None
    first = folder.knowledge[0].doc_id
    (merged,) = folder.label_map.merged_with(first) - {first}
    for exclude in (True, False):
        options = {"count": 20, "exclude_merged_labels": exclude}
        variant = recipe(negatives=NegativesSpec(miner="random", options=options))
        rows = pq.read_table(build(variant, base, folder, seed=0, context=context).rows).to_pylist()
        found = [row["negatives"] for row in rows if row["labels"] == [first]]
        assert any(merged in negatives for negatives in found) is not exclude


def test_statistics_are_true(made: TrainSet, folder: Folder) -> None:
    """Counts, lengths and collisions agree with the file."""
    stats, written = made.statistics, lines(made.train)
    pairs = [(r.record_id, label) for r in folder.splits["train"] for label in r.labels]
    assert (stats.records, stats.pairs, stats.examples, stats.lines) == (120, len(pairs), len(pairs), len(written))
    assert stats.passes == (len(written),)
    assert stats.dropped == (len(pairs) - len(written),)
    assert stats.negatives_per_example == 8
    assert stats.label_counts == dict(Counter(label for _, label in pairs).most_common())
    assert stats.same_label_share == stats.collisions_per_batch == 0.0
    assert stats.same_label_share_plain > 0.3
    assert stats.query is not None
    lengths = [len("问：" + r.query()) for r in folder.splits["train"] for _ in r.labels]
    assert stats.query.quantiles[3] == np.quantile(lengths, 0.5, method="inverted_cdf")
    assert stats.query.quantiles[-1] == max(lengths)
    assert stats.dev_lines == len(lines(made.folder / "dev.jsonl"))


def test_same_recipe_is_built_once_and_the_same_everywhere(
    made: TrainSet, base: Base, folder: Folder, context: Context, tmp_path: Path
) -> None:
    """The second call reads what the first made; another store gets the same bytes."""
    stamp = made.train.stat().st_mtime_ns
    again = build(recipe(negatives=HYBRID), base, folder, seed=0, context=context)
    assert (again, again.train.stat().st_mtime_ns) == (made, stamp)
    assert load(made.folder) == made
    elsewhere = replace(context, store=type(context.store)(tmp_path / "other"))
    other = build(recipe(negatives=HYBRID), base, folder, seed=0, context=elsewhere)
    assert (other.key, other.sha256) == (made.key, made.sha256)


@pytest.mark.parametrize(
    "change",
    [
        {"negatives": NegativesSpec(miner="bm25")},
        {"negatives": NegativesSpec(miner="hybrid", options={"skip_top": 1})},
        {"augmentation": PERMUTED},
        {"batch_rule": "plain"},
        {"max_samples": 40},
        {"training": {"batch_size": 5}},
        {"training": {"batch_size": 4, "epochs": 2}},
        {"training": {"batch_size": 4, "max_length": 32}},
        {"training": {"batch_size": 4, "query_max_length": 32}},
    ],
)
def test_every_part_of_the_recipe_is_in_the_key(
    change: dict[str, Any], made: TrainSet, base: Base, folder: Folder, context: Context
) -> None:
    """Whatever changes the file changes the key, and the file indeed changes."""
    other = build(recipe(**{"negatives": HYBRID, **change}), base, folder, seed=0, context=context)
    assert other.key != made.key
    assert other.sha256 != made.sha256


def test_what_only_concerns_the_trainer_is_not_in_the_key(
    made: TrainSet, base: Base, folder: Folder, context: Context
) -> None:
    """Another learning rate or tuner trains on the same file."""
    other = recipe(negatives=HYBRID, tuner="lora", training={"batch_size": 4, "learning_rate": 1e-3})
    assert build(other, base, folder, seed=0, context=context) == made


def test_epochs_are_written_as_passes(base: Base, folder: Folder, context: Context) -> None:
    """2.5 epochs are two passes and half of a third, each in another order."""
    made = build(recipe(training={"batch_size": 4, "epochs": 2.5}), base, folder, seed=0, context=context)
    first, second, third = made.statistics.passes
    assert first == second
    assert third == pytest.approx(first / 2, abs=4)
    ids = pq.read_table(made.rows)["record_id"].to_pylist()
    assert len(ids) == first + second + third
    assert ids[:first] != ids[first : 2 * first]


def test_plain_rule_keeps_every_example(base: Base, folder: Folder, context: Context) -> None:
    """Plainly shuffled, nothing is dropped and batches do repeat labels."""
    made = build(recipe(batch_rule="plain"), base, folder, seed=0, context=context)
    assert made.statistics.dropped == (0,)
    assert made.statistics.lines == made.statistics.pairs
    assert made.statistics.same_label_share > 0
    assert made.statistics.batch_rule == "plain"


def test_augmented_positive_and_negatives_stand_in_the_same_view(base: Base, folder: Folder, context: Context) -> None:
    """24 examples a pair, and all documents of a line have their fields in the same order."""
    made = build(recipe(negatives=HYBRID, augmentation=PERMUTED), base, folder, seed=0, context=context)
    assert made.statistics.examples == 24 * made.statistics.pairs
    orders = set()
    for line in lines(made.train)[:200]:
        documents = texts(line["positive_messages"] + line["negative_messages"])
        order = {tuple(part[:2] for part in text.removeprefix("文：").split("\n")) for text in documents}
        assert len(order) == 1
        orders |= order
    assert len(orders) == 24
    assert made.dev is not None
    assert len(lines(made.dev)) == made.statistics.dev_lines < 50


def test_a_sample_is_watched_by_an_eighth_of_it(base: Base, folder: Folder, context: Context) -> None:
    """The dev file is bounded by the sample and a part of the whole one, in its order."""
    whole = build(recipe(), base, folder, seed=0, context=context)
    some = build(recipe(max_samples=24), base, folder, seed=0, context=context)
    assert whole.dev is not None
    assert some.dev is not None
    every = whole.dev.read_text(encoding="utf-8").splitlines()
    kept = some.dev.read_text(encoding="utf-8").splitlines()
    assert len(kept) == some.statistics.dev_lines == 3 < len(every)
    assert [line for line in every if line in kept] == kept


def test_no_label_stands_twice_among_the_dev_examples(base: Base, folder: Folder, context: Context) -> None:
    """Whatever the batch rule: a second example of a label would count against a model that is right."""
    for rule in ("label_unique", "plain"):
        made = build(recipe(batch_rule=rule, negatives=HYBRID), base, folder, seed=0, context=context)
        assert made.dev is not None
        rows = lines(made.dev)
        positives = [texts(row["positive_messages"])[0] for row in rows]
        assert len(set(positives)) == len(positives) > 2
        assert len(rows) % 4 != 1


@pytest.mark.parametrize(("max_samples", "expected"), [(8, 2), (12, 2), (15, 2)])
def test_a_small_sample_is_watched_by_two(
    base: Base, folder: Folder, context: Context, max_samples: int, expected: int
) -> None:
    """One dev example alone has no wrong document, so no margin."""
    made = build(recipe(max_samples=max_samples), base, folder, seed=0, context=context)
    assert expected == made.statistics.dev_lines


def test_a_recipe_can_sample_the_dev_split(base: Base, folder: Folder, context: Context) -> None:
    """A maximum, whatever the sample of the training examples; they are some of those of the whole file."""
    whole = build(recipe(), base, folder, seed=0, context=context)
    some = build(
        recipe(max_samples=8, training={"batch_size": 4, "dev_samples": 4}), base, folder, seed=0, context=context
    )
    assert whole.dev is not None
    assert some.dev is not None
    every, kept = (made.dev.read_text(encoding="utf-8").splitlines() for made in (whole, some))
    assert len(kept) == some.statistics.dev_lines == 4 < len(every)
    assert set(kept) < set(every)


def test_a_dev_split_of_one_label_is_not_watched(base: Base, folder: Folder, context: Context) -> None:
    """There is no dev file then: nothing is right or wrong on it."""
    dev = tuple(record for record in folder.splits["train"] if len(record.labels) == 1)[:1]
    lonely = dataclasses.replace(folder, splits={"train": folder.splits["train"], "dev": dev}, sha256="e" * 64)
    made = build(recipe(), base, lonely, seed=0, context=context)
    assert made.dev is None
    assert made.statistics.dev_lines == 0


def test_split_negatives_make_one_line_each(base: Base, folder: Folder, context: Context) -> None:
    """Eight negatives become eight lines with one."""
    made = build(recipe(negatives=HYBRID, split_negatives=True), base, folder, seed=0, context=context)
    assert made.statistics.examples == 8 * made.statistics.pairs
    assert {len(line["negative_messages"]) for line in lines(made.train)} == {1}
    assert made.statistics.negatives_per_example == 1


def test_max_samples_is_a_seeded_sample(base: Base, folder: Folder, context: Context) -> None:
    """At most so many examples, the same for the same seed."""
    variant = recipe(max_samples=50, batch_rule="plain")
    first, other = (build(variant, base, folder, seed=seed, context=context) for seed in (0, 1))
    assert first.statistics.examples == other.statistics.examples == 50
    assert first.sha256 != other.sha256


def test_texts_are_cut_with_their_prompt(base: Base, folder: Folder, context: Context) -> None:
    """No text has more tokens than the trainer's limit leaves beside its template."""
    made = build(
        recipe(negatives=HYBRID, training={"batch_size": 4, "max_length": 32}),
        base, folder, seed=0, context=context,
    )  # fmt: skip
    for line in lines(made.train):
        assert len(line["messages"][0]["content"]) <= 30
        assert {len(t) for t in texts(line["positive_messages"] + line["negative_messages"])} <= set(range(31))
    assert made.statistics.query is not None
    too_long = [len("问：" + r.query()) > 30 for r in folder.splits["train"] for _ in r.labels]
    assert made.statistics.query.share_truncated == pytest.approx(np.mean(too_long))


def test_reranker_lines(base: Base, folder: Folder, context: Context) -> None:
    """Documents have the role assistant, the instruction comes first, and each pair fits the length."""
    variant = recipe(task="reranker", negatives=HYBRID, training={"batch_size": 4, "max_length": 64})
    made = build(variant, base, folder, seed=0, context=suiting(context, variant))
    for line in lines(made.train):
        assert [(m["role"], m["content"][:2]) for m in line["messages"]] == [("system", "判断"), ("user", "问：")]
        documents = line["positive_messages"] + line["negative_messages"]
        assert {message["role"] for (message,) in documents} == {"assistant"}
        query = len(line["messages"][1]["content"])
        assert all(query + len(text) <= 64 - 2 - 2 for text in texts(documents))
    # Rerankers have no in-batch negatives, so nothing is dropped for unique labels.
    assert made.statistics.lines == made.statistics.pairs


@pytest.mark.parametrize(("query", "document"), [(24, None), (None, 24), (24, 40), (64, 24)])
def test_queries_and_documents_have_lengths_of_their_own(
    base: Base, folder: Folder, context: Context, query: int | None, document: int | None
) -> None:
    """Each text is its beginning, and the statistics count what was cut; what isn't bounded keeps to max_length."""
    training = {"batch_size": 4, "max_length": 48, "query_max_length": query, "document_max_length": document}
    made = build(recipe(negatives=HYBRID, training=training), base, folder, seed=0, context=context)
    limits = (query or 48) - 2, (document or 48) - 2
    asked = {("问：" + r.query())[: limits[0]] for r in folder.splits["train"]}
    answers = {("文：" + s.document())[: limits[1]] for s in folder.knowledge}
    for line in lines(made.train):
        assert line["messages"][0]["content"] in asked
        assert set(texts(line["positive_messages"] + line["negative_messages"])) <= answers
    assert made.statistics.query is not None
    assert made.statistics.positive is not None
    labels = [label for r in folder.splits["train"] for label in r.labels]
    too_long = [len("问：" + r.query()) > limits[0] for r in folder.splits["train"] for _ in r.labels]
    documents = {s.doc_id: "文：" + s.document() for s in folder.knowledge}
    cut = [len(documents[label]) > limits[1] for label in labels]
    assert made.statistics.query.share_truncated == pytest.approx(np.mean(too_long))
    assert made.statistics.positive.share_truncated == pytest.approx(np.mean(cut))
    assert any(too_long) or any(cut)


def test_lengths_of_a_rerankers_parts_stay_within_the_pair(base: Base, folder: Folder, context: Context) -> None:
    """A shorter document leaves more to the query, up to its own maximum."""
    training = {"batch_size": 4, "max_length": 64, "query_max_length": 40, "document_max_length": 20}
    variant = recipe(task="reranker", negatives=HYBRID, training=training)
    made = build(variant, base, folder, seed=0, context=suiting(context, variant))
    queries = [line["messages"][1]["content"] for line in lines(made.train)]
    documents = [t for line in lines(made.train) for t in texts(line["positive_messages"] + line["negative_messages"])]
    assert max(map(len, queries)) == 40
    assert max(map(len, documents)) == 20
    with pytest.raises(ValidationError, match=r"bound the parts of a pair.*at most max_length = 64 tokens; got 65"):
        recipe(task="reranker", training={"max_length": 64, "query_max_length": 65})


@pytest.mark.parametrize("field", ["query_max_length", "document_max_length"])
def test_a_length_that_a_prompt_uses_up_is_named(base: Base, folder: Folder, context: Context, field: str) -> None:
    """With the field to raise."""
    wordy = base.model_copy(update={field.replace("max_length", "prompt"): "问" * 12})
    with pytest.raises(SpecError, match=rf"training\.{field} 16 leaves 14 tokens.*Raise {field}"):
        build(recipe(training={"batch_size": 4, field: 16}), wordy, folder, seed=0, context=context)


def test_scored_losses_get_scored_pairs(base: Base, folder: Folder, context: Context) -> None:
    """One line with score 1 for the positive, one with score 0 for each negative."""
    variant = recipe(negatives=NegativesSpec(miner="bm25", options={"count": 2}), training={"loss": "contrastive"})
    made = build(variant, base, folder, seed=0, context=suiting(context, variant))
    scores = Counter(line["label"] for line in lines(made.train))
    assert scores == {1.0: made.statistics.pairs, 0.0: 2 * made.statistics.pairs}
    assert not any("negative_messages" in line for line in lines(made.train))


def test_dropped_records_are_gone(base: Base, folder: Folder, context: Context, made: TrainSet) -> None:
    """Leaks that are named stand in no line, and the set is another one."""
    drop = frozenset({"r0", "r1", "r2"})
    clean = build(recipe(negatives=HYBRID), base, folder, seed=0, context=context, drop=drop)
    assert drop.isdisjoint(pq.read_table(clean.rows)["record_id"].to_pylist())
    assert clean.statistics.records == 117
    assert clean.key != made.key


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"negatives": NegativesSpec(miner="bm52")}, UnknownName, "Did you mean 'bm25'"),
        ({"negatives": NegativesSpec(miner="hybrid", options={"count": 0})}, SpecError, 'miner = "none"'),
        ({"negatives": NegativesSpec(miner="bm25", options={"cuont": 1})}, SpecError, "Known options: count"),
        ({"negatives": NegativesSpec(miner="random", options={"count": 99})}, DataError, "Lower the miner's count"),
        ({"augmentation": AugmentationSpec(name="zone")}, UnknownName, "zone_permutations"),
        ({"split_negatives": True}, SpecError, "split_negatives needs negatives"),
        ({"task": "reranker"}, SpecError, "task reranker, loss pointwise_reranker needs negatives"),
        ({"training": {"batch_size": 64}}, SpecError, "Lower training.batch_size"),
        ({"training": {"batch_size": 4, "options": {"devices": 8}}}, SpecError, "a batch of 32"),
    ],
)
def test_recipes_that_cannot_be_followed_say_what_to_do(
    fields: dict[str, Any],
    error: type[Exception],
    message: str,
    base: Base,
    folder: Folder,
    context: Context,
) -> None:
    """Each ends with a message, and leaves nothing in the store."""
    with pytest.raises(error, match=message):
        build(recipe(**fields), base, folder, seed=0, context=suiting(context, recipe(**fields)))
    assert not list(context.store.root.rglob("train.jsonl"))


def test_prompt_that_leaves_no_room_is_refused(base: Base, folder: Folder, context: Context) -> None:
    """A prompt as long as the limit would leave empty queries."""
    wordy = base.model_copy(update={"query_prompt": "问" * 40})
    with pytest.raises(SpecError, match="Raise max_length"):
        build(recipe(training={"batch_size": 4, "max_length": 40}), wordy, folder, seed=0, context=context)


def test_damaged_set_is_not_used(made: TrainSet) -> None:
    """Statistics that are none say to delete them."""
    for damaged in ("[]", "{}", '{"sha256": "x", "lines": "many"}', "{"):
        (made.folder / "stats.json").write_text(damaged, encoding="utf-8")
        with pytest.raises(StoreError, match=r"(?s)stats\.json: .*Delete it and run again"):
            load(made.folder)
