"""General-domain tasks on everyday subjects: what a tuned model must not forget.

Facts, sentences and headline patterns are authored; the seed only decides order, pairing and filling.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict

from tcmbench.data.synthetic.content import read_toml, write_jsonl
from tcmbench.store import write_text

if TYPE_CHECKING:
    from pathlib import Path

_FACT_FILES = ("facts_home.toml", "facts_world.toml", "facts_life.toml")
_UNRELATED_PAIRS = 60
"""Sentence pairs that score 0."""
_FILLS = 3
"""Headlines made of each pattern."""
_SHORTEST_STATEMENT = 16
"""Characters below which a sentence on its own no longer tells its field."""

_README = """# SYNTHETIC general-domain tasks

**SYNTHETIC.** Written for tcmbench and assembled by `tcmbench data synth` (seed {seed}). They measure what a model
that was tuned on clinical text still knows about everyday Chinese; they are no source of facts.

| path | task |
|---|---|
| `qa-retrieval/` | question → passage, BEIR layout |
| `sts.jsonl` | sentence pairs with a score from 0 to 5 |
| `headlines-classification/` | headlines in ten classes; train and test share neither patterns nor subjects |
| `clustering.jsonl` | statements from fifteen fields |
"""


class Fact(NamedTuple):
    """A question, the passage that answers it, and what both are about."""

    field: str
    subject: str
    question: str
    passage: str


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Subject(_Spec):
    field: str
    name: str
    facts: tuple[tuple[str, str], ...]


class _Facts(_Spec):
    subject: tuple[_Subject, ...]


class _Pairs(_Spec):
    scores: tuple[float, ...]
    groups: tuple[tuple[str, ...], ...]


class _Topic(_Spec):
    label: str
    a: str
    b: str
    train: tuple[str, ...]
    test: tuple[str, ...]


class _Headlines(_Spec):
    cities: str
    topic: tuple[_Topic, ...]


def write_general(root: Path, *, seed: int) -> None:
    """Write the general-domain tasks; the same seed gives the same bytes."""
    facts = read_facts()
    _write_retrieval(root / "qa-retrieval", facts, random.Random(f"qa/{seed}"))
    write_jsonl(root / "sts.jsonl", _sentence_pairs(random.Random(f"sts/{seed}")))
    for split in ("train", "test"):
        lines = _headlines(split, random.Random(f"headlines/{split}/{seed}"))
        write_jsonl(root / "headlines-classification" / f"{split}.jsonl", lines)
    write_jsonl(root / "clustering.jsonl", _statements(facts, random.Random(f"clustering/{seed}")))
    write_text(root / "README.md", _README.format(seed=seed))


def read_facts() -> list[Fact]:
    """Return the authored facts in the order of their files."""
    subjects = [subject for name in _FACT_FILES for subject in _Facts.model_validate(read_toml(name)).subject]
    return [Fact(subject.field, subject.name, *fact) for subject in subjects for fact in subject.facts]


def _write_retrieval(folder: Path, facts: list[Fact], rng: random.Random) -> None:
    passages = rng.sample(range(len(facts)), len(facts))
    questions = rng.sample(range(len(facts)), len(facts))
    document = {fact: f"d{place:04d}" for place, fact in enumerate(passages)}
    query = {fact: f"q{place:04d}" for place, fact in enumerate(questions)}
    write_jsonl(
        folder / "corpus.jsonl",
        [{"_id": document[fact], "title": facts[fact].subject, "text": facts[fact].passage} for fact in passages],
    )
    write_jsonl(folder / "queries.jsonl", [{"_id": query[fact], "text": facts[fact].question} for fact in questions])
    rows = [f"{query[fact]}\t{document[fact]}\t1\n" for fact in questions]
    write_text(folder / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore\n" + "".join(rows))


def _sentence_pairs(rng: random.Random) -> list[dict[str, str | float]]:
    content = _Pairs.model_validate(read_toml("sentence_pairs.toml"))
    pairs = [
        (group[0], other, score)
        for group in content.groups
        for other, score in zip(group[1:], content.scores, strict=True)
    ]
    for _ in range(_UNRELATED_PAIRS):
        one, other = rng.sample(content.groups, 2)
        pairs.append((rng.choice(one), rng.choice(other), 0.0))
    rng.shuffle(pairs)
    lines: list[dict[str, str | float]] = []
    for one_text, other_text, score in pairs:
        first, second = (one_text, other_text) if rng.random() < 0.5 else (other_text, one_text)
        lines.append({"sentence1": first, "sentence2": second, "score": score})
    return lines


def _headlines(split: str, rng: random.Random) -> list[dict[str, str]]:
    content = _Headlines.model_validate(read_toml("headlines.toml"))
    lines = []
    for topic in content.topic:
        slots = {"a": topic.a.split("/"), "b": topic.b.split("/"), "city": content.cities.split("/")}
        # Train takes the odd values and test the even ones: shared subjects would give the label away.
        own = {name: values[split == "test" :: 2] for name, values in slots.items()}
        texts: dict[str, None] = {}
        for pattern in topic.train if split == "train" else topic.test:
            drawn = {name: rng.sample(values, _FILLS) for name, values in own.items()}
            for turn in range(_FILLS):
                texts[pattern.format_map({name: values[turn] for name, values in drawn.items()})] = None
        lines += [{"text": text, "label": topic.label} for text in texts]
    rng.shuffle(lines)
    return lines


def _statements(facts: list[Fact], rng: random.Random) -> list[dict[str, str]]:
    lines = [
        {"text": f"{sentence}。", "label": fact.field}
        for fact in facts
        for sentence in fact.passage.rstrip("。").split("。")
        if len(sentence) >= _SHORTEST_STATEMENT
    ]
    rng.shuffle(lines)
    return lines
