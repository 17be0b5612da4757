"""Checks of a training file: rows that ms-swift would silently drop or ignore, and files that teach nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tcmbench.complaints import in_one_line
from tcmbench.errors import BadLines, DataAbsent, TrainingError
from tcmbench.trainers import declared_loss

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcmbench.trainers import Loss, TrainingJob

_SHOWN = 5
_ADVICE = "Build the training set again: tcmbench data build VARIANT."


class Message(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


class TrainRow(BaseModel):
    """One line of a training file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    messages: tuple[Message, ...]
    """The query; a reranker's instruction comes first, as a system message."""

    positive_messages: tuple[tuple[Message, ...], ...] = ()
    negative_messages: tuple[tuple[Message, ...], ...] = ()

    label: float | None = None
    """Score of the pair, for losses over scored pairs."""

    weight: float = Field(default=1.0, ge=0)
    """Weight of the pair, for losses with weights."""

    teacher: tuple[float, ...] | None = None
    """A teacher's scores of the positive and of each negative, for losses that distil them."""

    @property
    def query(self) -> str:
        """Text of the query, its prompt included."""
        return self.messages[-1].content

    @property
    def positive(self) -> str:
        """Text of the positive."""
        return self.positive_messages[0][0].content

    @property
    def negatives(self) -> tuple[str, ...]:
        """Texts of the negatives."""
        return tuple(messages[0].content for messages in self.negative_messages)


def read_rows(path: Path) -> Iterator[TrainRow]:
    """Yield the rows one by one: all passes of a large set don't fit into memory.

    Raises:
        BadLines: A line that is not a row in ms-swift's format.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield TrainRow.model_validate_json(line)
            except ValidationError as error:
                raise BadLines([f"{path}:{number}: {in_one_line(error, whole='row')}"], advice=_ADVICE) from error


def check(job: TrainingJob) -> int:
    """Return the number of negatives of each row.

    Raises:
        DataAbsent: There is no training file.
        BadLines: Rows that the trainer would drop, cut or ignore.
        TrainingError: Rows that are valid, but teach nothing together.
    """
    if not job.train_file.is_file():
        raise DataAbsent(
            job.train_file,
            what=f"The training set of variant {job.variant.name}",
            how=f"Run: tcmbench data build {job.variant.name}",
        )
    loss = declared_loss(job.variant)
    count, negatives = 0, 0
    problems: list[str] = []
    contrasts = _Contrasts(job)
    for count, row in enumerate(read_rows(job.train_file), start=1):
        if count == 1:
            negatives = len(row.negative_messages)
        complaints = _complaints(row, job=job, loss=loss, negatives=negatives)
        if not complaints:
            contrasts.add(row)
        problems += [f"{job.train_file}:{count}: {complaint}" for complaint in complaints]
        if len(problems) >= _SHOWN:
            break
    if problems:
        raise BadLines(problems[:_SHOWN], advice=_ADVICE)
    if count != job.rows:
        raise TrainingError(f"{job.train_file}: expected {job.rows} rows, found {count}. {_ADVICE}")
    _refuse_nothing_to_learn(job, negatives=negatives)
    contrasts.refuse_none()
    _refuse_repeated_labels(job)
    _refuse_dev_targets(job, loss)
    return negatives


def _complaints(row: TrainRow, *, job: TrainingJob, loss: Loss, negatives: int) -> list[str]:
    """Return what is wrong with a row."""
    found = []
    if len(row.positive_messages) != 1 or any(len(m) != 1 for m in row.positive_messages):
        found.append(
            f"expected one positive, found {len(row.positive_messages)}: ms-swift ignores a second, and without one "
            "a reranker's row teaches nothing"
        )
    if len(row.negative_messages) != negatives:
        found.append(
            f"expected {negatives} negatives as in the first row, found {len(row.negative_messages)}: "
            "ms-swift drops rows without any and InfoNCE would weigh rows unequally"
        )
    if loss.most_negatives is not None and len(row.negative_messages) > loss.most_negatives:
        found.append(
            f"loss {loss.name} reads at most {loss.most_negatives} negative, found {len(row.negative_messages)}: set "
            "count = 1 under [negatives], or split_negatives = true"
        )
    texts = [row.messages, *row.positive_messages, *row.negative_messages]
    if any(not message.content.strip() for messages in texts for message in messages):
        found.append("an empty text")
    if not loss.scored and row.positive_messages and row.positive in row.negatives:
        found.append(
            "the positive is among the negatives too: documents that differ only beyond training.document_max_length, "
            "or max_length, are cut to the same text. Raise it, or leave one of them out"
        )
    found += _target_complaints(row, loss=loss, trainer=job.variant.trainer)
    if job.variant.task == "reranker":
        return found + _reranker_complaints(row, job=job)
    roles = [message.role for message in row.messages]
    if roles != ["user"]:
        found.append(f"expected one user message, found {roles}: a system message changes the text that is encoded")
    elif not row.query.startswith(prompts := _query_prompts(job)):
        expected = " or ".join(map(repr, prompts))
        found.append(f"the query doesn't start with the prompt that evaluation, or its source, puts there: {expected}")
    documents = [m.content for messages in (*row.positive_messages, *row.negative_messages) for m in messages]
    if not all(text.startswith(job.base.document_prompt) for text in documents):
        found.append(
            f"a document doesn't start with the prompt that evaluation puts there: {job.base.document_prompt!r}"
        )
    return found


def _query_prompts(job: TrainingJob) -> tuple[str, ...]:
    """Return what queries begin with: the prompt of evaluation, unless their source has another."""
    of_base = job.base.query_prompt
    return tuple({of_base if source.prompt is None else source.prompt: None for source in job.variant.sources})


def _target_complaints(row: TrainRow, *, loss: Loss, trainer: str) -> list[str]:
    """Return what the loss can't read of the row's score, weight or teacher, or would ignore."""
    found = []
    if loss.scored and row.label is None:
        found.append(f"loss {loss.name} needs a label (the score of the pair)")
    if loss.scored and loss.score_range is not None and row.label is not None:
        low, high = loss.score_range
        if not low <= row.label <= high:
            found.append(
                f"the score {row.label:g} is outside {low:g} to {high:g}, which a cosine similarity can't reach under "
                f"loss {loss.name}: scale the scores, or choose a loss of their order such as cosent"
            )
    if row.weight != 1 and not loss.weighted:
        found.append(
            f"the weight {row.weight:g}, which loss {loss.name} of the {trainer} trainer ignores: remove the weights, "
            'or set loss = "weighted_mse" and trainer = "sentence_transformers"'
        )
    if not loss.taught:
        return found
    count = 1 + len(row.negative_messages)
    if row.teacher is None:
        found.append(f"loss {loss.name} needs teacher (scores by a teacher of the positive and of each negative)")
    elif len(row.teacher) != count:
        found.append(f"expected {count} scores in teacher (positive and negatives), found {len(row.teacher)}")
    elif count < 2:
        found.append(f"loss {loss.name} compares documents of a row, so it needs a negative: choose a miner")
    return found


def _refuse_dev_targets(job: TrainingJob, loss: Loss) -> None:
    """Refuse dev examples whose loss can't be computed."""
    if job.dev_file is None:
        return
    problems = [
        f"{job.dev_file}:{number}: {complaint}"
        for number, row in enumerate(read_rows(job.dev_file), start=1)
        for complaint in _target_complaints(row, loss=loss, trainer=job.variant.trainer)
    ]
    if problems:
        raise BadLines(problems[:_SHOWN], advice=f"{_ADVICE} Or set training.dev_evaluations = 0.")


def _reranker_complaints(row: TrainRow, *, job: TrainingJob) -> list[str]:
    found = []
    roles = [message.role for message in row.messages]
    expected = ["system", "user"] if job.base.instruction else ["user"]
    if roles != expected:
        found.append(f"expected messages of {' and '.join(expected)} (system holds the instruction), found {roles}")
    elif job.base.instruction and row.messages[0].content != job.base.instruction:
        found.append(f"the instruction is {row.messages[0].content!r}, but evaluation uses {job.base.instruction!r}")
    if not row.negative_messages:
        found.append("a reranker needs at least one negative per row: with positives only it learns to say yes")
    return found


class _Contrasts:
    """Whether any batch has a contrast: a negative, or two different scores."""

    def __init__(self, job: TrainingJob) -> None:
        self._job = job
        self._size = job.variant.training.batch_size * job.requirements.devices
        self._rows = 0
        self._first: str | float | None = None
        self._is_there = False

    def add(self, row: TrainRow) -> None:
        """Add the next row of the file."""
        is_scored = self._job.requirements.scored
        contrast: str | float | None = row.label if is_scored else row.positive
        # The sampler of no_duplicates mixes the rows of the whole file.
        if self._rows == 0 or (self._rows % self._size == 0 and self._job.variant.batch_rule != "no_duplicates"):
            self._first = contrast
        self._is_there |= contrast != self._first or (bool(row.negatives) and not is_scored)
        self._rows += 1

    def refuse_none(self) -> None:
        """Refuse a file without any such batch.

        Raises:
            TrainingError: No batch can teach anything.
        """
        if self._is_there:
            return
        if self._job.requirements.scored:
            raise TrainingError(
                f"{self._job.train_file}: all pairs of each batch have the same score, so there is nothing to learn "
                "from their order. Choose a miner under [negatives] that gives wrong documents too."
            )
        raise TrainingError(
            f"{self._job.train_file}: all examples of each batch have the same positive and no negatives, so there is "
            "nothing to separate it from. Train on records of several syndromes, choose a miner under [negatives], "
            'or set batch_rule = "label_unique".'
        )


def _refuse_nothing_to_learn(job: TrainingJob, *, negatives: int) -> None:
    name, loss = job.variant.name, job.requirements
    if job.rows < 2:
        raise TrainingError(f"variant {name}: the training set has {job.rows} rows; at least two are needed.")
    if job.variant.task == "embedding" and negatives == 0 and not (loss.scored or loss.in_batch):
        raise TrainingError(
            f"variant {name}: no negatives at all, so the loss would be exactly 0. "
            "Choose a miner under [negatives], or set training.in_batch = true."
        )


def _refuse_repeated_labels(job: TrainingJob) -> None:
    # Without in-batch negatives labels may repeat, and the file is in plain order.
    if job.labels is None or job.variant.batch_rule != "label_unique" or not job.requirements.in_batch:
        return
    if len(job.labels) != job.rows:
        raise TrainingError(f"variant {job.variant.name}: {len(job.labels)} label rows for {job.rows} examples.")
    size = job.variant.training.batch_size * job.requirements.devices
    for start in range(0, job.rows, size):
        block = [label for labels in job.labels[start : start + size] for label in set(labels)]
        twice = sorted({label for label in block if block.count(label) > 1})
        if twice:
            raise TrainingError(
                f"{job.train_file}: batch rule label_unique, but rows {start + 1} to {start + size} repeat "
                f"{', '.join(twice[:3])}. The set was built for another batch size: build it again."
            )
