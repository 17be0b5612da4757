"""Training data of ms-swift 4.6 for embedding models: messages, positive messages, negative messages.

ms-swift silently drops data that it doesn't support, so such data is an error here: it ignores
a second positive (hence one line per positive) and drops the rows without negatives of a file that has any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tcmbench.data import values
from tcmbench.data.fields import FieldProblem
from tcmbench.data.formats import TrainingRow, _rows
from tcmbench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from tcmbench.data.formats import Holds, Part
    from tcmbench.store import Json

Role = Literal["user", "assistant"]

HOLDS: Holds = "rows"
KEEPS: frozenset[Part] = frozenset({"negatives", "score", "system"})


def read(path: Path) -> Iterator[TrainingRow]:
    """Yield the rows of a file, of this form or of the older query/response/rejected_response."""
    return _rows.training_rows(path, _parse)


def write(rows: Iterable[TrainingRow], path: Path) -> None:
    """Write one line per positive for embedding training.

    Raises:
        DataError: A row without positives, or rows with and without negatives in one file.
    """
    write_messages(rows, path, role="user")


def write_messages(rows: Iterable[TrainingRow], path: Path, *, role: Role) -> None:
    """Write one line per positive, its texts in messages of the given role.

    Raises:
        DataError: A row without positives, or rows with and without negatives in one file.
    """
    write_lines(rows, path, to_lines=lambda row: message_lines(row, role=role))


def write_lines(
    rows: Iterable[TrainingRow], path: Path, *, to_lines: Callable[[TrainingRow], Iterator[dict[str, Json]]]
) -> None:
    """Write the lines of each row.

    Raises:
        DataError: A row without positives, or rows with and without negatives in one file.
    """
    _rows.write_rows((line for row in _checked(rows, path) for line in to_lines(row)), path)


def message_lines(row: TrainingRow, *, role: Role) -> Iterator[dict[str, Json]]:
    """Yield the lines of one row, one per positive."""
    query: list[Json] = [{"role": "system", "content": row.system}] if row.system else []
    query.append({"role": "user", "content": row.query})
    for positive in row.positives:
        line: dict[str, Json] = {"messages": query, "positive_messages": _messages([positive], role)}
        if row.negatives:
            line["negative_messages"] = _messages(row.negatives, role)
        if row.score is not None:
            line["label"] = row.score
        yield line


def query_of(value: object) -> tuple[str, str]:
    """Return the system message ("" for none) and the user's message, which must be the only ones.

    Raises:
        FieldProblem: It is anything else.
    """
    turns = [_turn(item, "messages") for item in value] if isinstance(value, list) else []
    roles = [role for role, _ in turns]
    if roles == ["user"]:
        return "", turns[0][1]
    if roles == ["system", "user"]:
        return turns[0][1], turns[1][1]
    raise FieldProblem(f"messages: expected [system,] user; got {', '.join(roles) or 'nothing'}")


def _messages(texts: Iterable[str], role: Role) -> list[Json]:
    return [[{"role": role, "content": text}] for text in texts]


def _checked(rows: Iterable[TrainingRow], path: Path) -> Iterator[TrainingRow]:
    has_negatives: bool | None = None
    for number, row in enumerate(_rows.with_positives(rows, path), start=1):
        if has_negatives is None:
            has_negatives = bool(row.negatives)
        if has_negatives != bool(row.negatives):
            raise DataError(
                f"{row.place(path, number)} has {'negatives' if row.negatives else 'none'}, unlike the rows before: "
                "ms-swift drops the rows without. Give every row negatives, or none."
            )
        yield row


def _parse(row: Mapping[str, object]) -> TrainingRow:
    if "messages" not in row:
        return _parse_older(row)
    system, query = query_of(row["messages"])
    positives = _contents(row, "positive_messages")
    if not positives:
        raise FieldProblem("positive_messages: expected at least one")
    return TrainingRow(
        query=query,
        positives=positives,
        negatives=_contents(row, "negative_messages"),
        score=None if row.get("label") is None else values.number(row, "label"),
        system=system,
        unread=values.unread(row, "messages", "positive_messages", "negative_messages", "label"),
    )


def _parse_older(row: Mapping[str, object]) -> TrainingRow:
    positives = values.texts(row, "response")
    if not positives:
        raise FieldProblem("expected messages and positive_messages, or query and response")
    return TrainingRow(
        query=values.text(row, "query"),
        positives=positives,
        negatives=values.texts(row, "rejected_response"),
        score=None if row.get("label") is None else values.number(row, "label"),
        system=values.text(row, "system") if row.get("system") else "",
        unread=values.unread(row, "query", "response", "rejected_response", "label", "system"),
    )


def _contents(row: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = row.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, list) and len(item) == 1 for item in value):
        raise FieldProblem(f"{name}: expected a list of lists of one message")
    return tuple(_turn(item[0], name)[1] for item in value)


def _turn(item: object, name: str) -> tuple[str, str]:
    if not isinstance(item, dict) or not isinstance(item.get("role"), str):
        raise FieldProblem(f"{name}: expected messages with a role and a content")
    return item["role"], values.as_text(item.get("content"), f"{name} content")
