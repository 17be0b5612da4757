"""What ms-swift would drop, ignore or learn nothing from is refused before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcmbench.errors import BadLines, DataAbsent, TcmbenchError, TrainingError
from tcmbench.specs.base import Base
from tcmbench.trainers._runtime import train_file
from tests.trainers.tiny import embedding_rows, make_job, reranker_rows, write_rows


def test_counts_the_negatives_of_a_sound_file(tmp_path: Path, embedding_base: Base) -> None:
    """A file that follows the format passes and tells its negatives a row."""
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(16, negatives=3))
    expected = 3
    actual = train_file.check(make_job(tmp_path, base=embedding_base, train_file=file, rows=16))
    assert expected == actual


def test_refuses_no_negatives_at_all(tmp_path: Path, embedding_base: Base) -> None:
    """Without mined and without in-batch negatives the loss is exactly 0: refused, with what to do."""
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(16, negatives=0))
    job = make_job(tmp_path, base=embedding_base, train_file=file, rows=16, training={"in_batch": False})
    with pytest.raises(TrainingError, match=r"exactly 0.*in_batch = true"):
        train_file.check(job)


def test_a_batch_of_one_is_no_valid_recipe(tmp_path: Path, embedding_base: Base) -> None:
    """ms-swift's default batch size of 1 teaches InfoNCE nothing; the schema refuses it."""
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(16))
    with pytest.raises(ValueError, match="greater than or equal to 2"):
        make_job(tmp_path, base=embedding_base, train_file=file, rows=16, training={"batch_size": 1})


def test_refuses_rows_without_negatives_among_rows_with(tmp_path: Path, embedding_base: Base) -> None:
    """ms-swift drops them in silence; the message names file and line."""
    rows = embedding_rows(16, negatives=2)
    rows[4] = embedding_rows(16, negatives=0)[4]
    file = write_rows(tmp_path / "train.jsonl", rows)
    with pytest.raises(BadLines, match=r"train\.jsonl:5: expected 2 negatives.*found 0"):
        train_file.check(make_job(tmp_path, base=embedding_base, train_file=file, rows=16))


def test_refuses_a_positive_among_the_negatives(tmp_path: Path, embedding_base: Base) -> None:
    """Two documents that were cut to the same text would be drawn together and pushed apart."""
    rows = embedding_rows(16, negatives=2)
    rows[2]["negative_messages"][1] = rows[2]["positive_messages"][0]  # type: ignore[index]
    file = write_rows(tmp_path / "train.jsonl", rows)
    with pytest.raises(BadLines, match=r"train\.jsonl:3: the positive is among the negatives.*document_max_length"):
        train_file.check(make_job(tmp_path, base=embedding_base, train_file=file, rows=16))


def test_refuses_a_second_positive(tmp_path: Path, embedding_base: Base) -> None:
    """ms-swift takes the first and ignores the second."""
    rows = embedding_rows(16)
    rows[2]["positive_messages"] = [[{"role": "user", "content": text}] for text in ("甲", "乙")]
    file = write_rows(tmp_path / "train.jsonl", rows)
    with pytest.raises(BadLines, match=r":3: expected one positive, found 2"):
        train_file.check(make_job(tmp_path, base=embedding_base, train_file=file, rows=16))


@pytest.mark.parametrize("gone", ["positive_messages", "negative_messages"])
def test_refuses_reranker_rows_that_teach_nothing(tmp_path: Path, reranker_base: Base, gone: str) -> None:
    """A pair without a positive counts as an example and has no gradient; one without negatives learns yes."""
    rows = reranker_rows(8)
    for row in rows:
        row[gone] = []
    file = write_rows(tmp_path / "train.jsonl", rows)
    with pytest.raises(BadLines, match=r"teaches nothing|learns to say yes"):
        train_file.check(make_job(tmp_path, base=reranker_base, train_file=file, rows=8))


def test_refuses_another_prompt_than_evaluation(tmp_path: Path, embedding_base: Base) -> None:
    """A query without the base's prompt would train another task than the one that is measured."""
    rows = embedding_rows(8)
    rows[0]["messages"] = [{"role": "user", "content": "没有提示"}]
    file = write_rows(tmp_path / "train.jsonl", rows)
    with pytest.raises(BadLines, match=r":1: the query doesn't start with the prompt"):
        train_file.check(make_job(tmp_path, base=embedding_base, train_file=file, rows=8))


@pytest.mark.parametrize("wrong", ["positive_messages", "negative_messages"])
def test_refuses_documents_without_their_prompt(tmp_path: Path, embedding_base: Base, wrong: str) -> None:
    """Documents have a prompt too, in bases that say so, and scored pairs are no exception."""
    base = embedding_base.model_copy(update={"document_prompt": "文档："})
    rows = embedding_rows(8)
    for row in rows:
        for name in {"positive_messages", "negative_messages"} - {wrong}:
            row[name] = [[{"role": "user", "content": "文档：气虚"}]]
    file = write_rows(tmp_path / "train.jsonl", [{**row, "label": 1.0} for row in rows])
    for loss in ("infonce", "cosine_similarity"):
        job = make_job(tmp_path, base=base, train_file=file, rows=8, training={"loss": loss})
        with pytest.raises(BadLines, match=r":1: a document doesn't start with the prompt .*'文档：'"):
            train_file.check(job)


def test_refuses_another_instruction_than_evaluation(tmp_path: Path, reranker_base: Base) -> None:
    """A reranker's instruction is the base's."""
    file = write_rows(tmp_path / "train.jsonl", reranker_rows(8, instruction="别的指令"))
    with pytest.raises(BadLines, match="the instruction is '别的指令', but evaluation uses '判断证型'"):
        train_file.check(make_job(tmp_path, base=reranker_base, train_file=file, rows=8))


def test_refuses_a_block_that_repeats_a_label(tmp_path: Path, embedding_base: Base) -> None:
    """A file ordered for another batch size breaks the batch rule; the block is named."""
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(16))
    labels = [(str(i % 8),) for i in range(16)]
    sound = make_job(tmp_path, base=embedding_base, train_file=file, rows=16, labels=labels)
    expected = 1
    assert expected == train_file.check(sound)
    broken = make_job(
        tmp_path, base=embedding_base, train_file=file, rows=16, labels=labels, training={"batch_size": 16}
    )
    with pytest.raises(TrainingError, match="rows 1 to 16 repeat 0, 1, 2"):
        train_file.check(broken)


def test_labels_may_repeat_where_documents_are_no_negatives_of_others(
    tmp_path: Path, embedding_base: Base, reranker_base: Base
) -> None:
    """Rerankers and losses that see each example on its own take any order of the file."""
    labels = [("one",)] * 8
    reranking = write_rows(tmp_path / "reranking.jsonl", reranker_rows(8))
    train_file.check(make_job(tmp_path, base=reranker_base, train_file=reranking, rows=8, labels=labels))
    alone = make_job(
        tmp_path, base=embedding_base, train_file=write_rows(tmp_path / "train.jsonl", embedding_rows(8)), rows=8,
        labels=labels, training={"in_batch": False},
    )  # fmt: skip
    train_file.check(alone)


@pytest.mark.parametrize(
    ("write", "error"),
    [
        (lambda _: None, DataAbsent),
        (lambda path: path.write_text("{not json}\n", encoding="utf-8"), BadLines),
        (lambda path: path.write_text('{"query": "q", "response": "p"}\n', encoding="utf-8"), BadLines),
        (lambda path: write_rows(path, embedding_rows(7)), TrainingError),
    ],
)
def test_refuses_a_file_that_is_absent_foreign_or_short(
    tmp_path: Path, embedding_base: Base, write: object, error: type[TcmbenchError]
) -> None:
    """Absent, not JSON, another format, or fewer rows than promised: each has its error."""
    file = tmp_path / "train.jsonl"
    write(file)  # type: ignore[operator]
    with pytest.raises(error):
        train_file.check(make_job(tmp_path, base=embedding_base, train_file=file, rows=8))


def test_scored_losses_need_labels(tmp_path: Path, embedding_base: Base) -> None:
    """A loss over scored pairs refuses rows without a score."""
    file = write_rows(tmp_path / "train.jsonl", embedding_rows(8, negatives=0))
    job = make_job(tmp_path, base=embedding_base, train_file=file, rows=8, training={"loss": "cosine_similarity"})
    with pytest.raises(BadLines, match="needs a label"):
        train_file.check(job)


def test_refuses_batches_of_one_label(tmp_path: Path, embedding_base: Base) -> None:
    """With one positive per batch and no negatives the loss is log(batch size) whatever the model says."""
    rows = sorted(embedding_rows(16, negatives=0), key=lambda row: str(row["positive_messages"]))
    changes = {"training": {"batch_size": 2}, "batch_rule": "plain"}
    file = write_rows(tmp_path / "train.jsonl", rows)
    job = make_job(tmp_path, base=embedding_base, train_file=file, rows=16, **changes)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="all examples of each batch have the same positive"):
        train_file.check(job)
    # one batch that tells something apart is enough, and so are negatives, or a sampler that mixes the rows
    write_rows(file, [rows[0], rows[2], rows[1], *rows[3:]])
    train_file.check(job)
    write_rows(file, rows)
    mixed = {**changes, "batch_rule": "no_duplicates", "trainer": "sentence_transformers"}
    train_file.check(make_job(tmp_path, base=embedding_base, train_file=file, rows=16, **mixed))  # type: ignore[arg-type]


def test_refuses_pairs_of_one_score(tmp_path: Path, embedding_base: Base) -> None:
    """A scored loss orders pairs, and there is nothing to order."""
    for scores, is_refused in (((1.0, 1.0), True), ((1.0, 0.0), False)):
        rows = [{**row, "label": scores[i % 2]} for i, row in enumerate(embedding_rows(8, negatives=0))]
        file = write_rows(tmp_path / "train.jsonl", rows)
        training = {"loss": "cosine_similarity"}
        job = make_job(tmp_path, base=embedding_base, train_file=file, rows=8, training=training)
        if is_refused:
            with pytest.raises(TrainingError, match="all pairs of each batch have the same score"):
                train_file.check(job)
        else:
            train_file.check(job)
