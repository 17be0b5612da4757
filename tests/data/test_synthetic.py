"""Promises of the synthetic TCM-SD folder."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tcmbench.data.synthetic import write_data_root, write_tcm_sd
from tcmbench.data.synthetic.content import read_toml
from tcmbench.data.synthetic.grammar import load_grammar

if TYPE_CHECKING:
    from pathlib import Path

SPLITS = ("train", "dev", "test", "test_unseen")
RECORDS = 1500

Line = dict[str, str]


def _lines(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _labels(lines: list[Line]) -> set[str]:
    return {label for line in lines for label in line["norm_syndrome"].split("|")}


def _files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder big enough for stable shares."""
    root = tmp_path_factory.mktemp("tcm-synth")
    write_tcm_sd(root, records=RECORDS, seed=7)
    return root


@pytest.fixture(scope="module")
def splits(folder: Path) -> dict[str, list[Line]]:
    """The records of the folder by split."""
    return {split: _lines(folder / f"{split}.jsonl") for split in SPLITS}


@pytest.fixture(scope="module")
def knowledge(folder: Path) -> list[Line]:
    """The knowledge base of the folder."""
    return _lines(folder / "syndrome_knowledge.jsonl")


def test_same_seed_gives_same_bytes(tmp_path: Path) -> None:
    """A data root is a function of its arguments."""
    write_data_root(tmp_path / "one", records=200, seed=3)
    write_data_root(tmp_path / "two", records=200, seed=3)
    assert _files(tmp_path / "one") == _files(tmp_path / "two")


def test_another_seed_gives_other_records_of_the_same_knowledge(tmp_path: Path) -> None:
    """The seed changes what is drawn, never what is authored."""
    write_data_root(tmp_path / "one", records=200, seed=3)
    write_data_root(tmp_path / "two", records=200, seed=4)
    one, two = _files(tmp_path / "one"), _files(tmp_path / "two")
    same = {name for name in one if one[name] == two[name]}
    assert same == {
        "tcm-synth/syndrome_knowledge.jsonl",
        "tcm-synth/syndrome_vocab.txt",
        "tcm-synth/label_map_gb18030.txt",
    }


@pytest.mark.parametrize("records", [1, 137, RECORDS])
def test_there_are_as_many_records_as_asked_for(tmp_path: Path, records: int) -> None:
    """All splits together hold exactly the records asked for."""
    write_tcm_sd(tmp_path, records=records, seed=1)
    assert sum(len(_lines(tmp_path / f"{split}.jsonl")) for split in SPLITS) == records


def test_splits_are_near_80_10_10_besides_the_unseen(splits: dict[str, list[Line]]) -> None:
    """Train, dev and test have the shares of the official data."""
    seen = sum(len(splits[split]) for split in ("train", "dev", "test"))
    shares = {split: len(splits[split]) / seen for split in ("train", "dev", "test")}
    assert shares == pytest.approx({"train": 0.8, "dev": 0.1, "test": 0.1}, abs=0.03)


def test_patients_never_straddle_splits(splits: dict[str, list[Line]]) -> None:
    """A patient's records are all in one split, though some patients have several."""
    homes: dict[str, set[str]] = {}
    for split, lines in splits.items():
        for line in lines:
            homes.setdefault(line["user_id"], set()).add(split)
    assert {len(home) for home in homes.values()} == {1}
    assert len(homes) < RECORDS * 0.9


def test_record_ids_are_unique(splits: dict[str, list[Line]]) -> None:
    """No two records share an example id."""
    ids = [line["example_id"] for lines in splits.values() for line in lines]
    assert len(set(ids)) == len(ids)


def test_unseen_syndromes_are_in_no_other_split(splits: dict[str, list[Line]]) -> None:
    """What test_unseen asks for was never trained on."""
    seen = _labels([*splits["train"], *splits["dev"], *splits["test"]])
    assert _labels(splits["test_unseen"]) & seen == set()


def test_every_label_is_in_vocabulary_and_knowledge_base(
    folder: Path, splits: dict[str, list[Line]], knowledge: list[Line]
) -> None:
    """A record can always be matched, and the knowledge base is wider than the labels."""
    labels = _labels([line for lines in splits.values() for line in lines])
    vocabulary = set((folder / "syndrome_vocab.txt").read_text(encoding="utf-8").split())
    names = {entry["Name"] for entry in knowledge}
    assert labels <= vocabulary
    assert vocabulary < names


def test_there_are_enough_distinct_syndromes(knowledge: list[Line]) -> None:
    """At least 120 entries, no name or text twice, no field empty."""
    assert len({entry["Name"] for entry in knowledge}) == len(knowledge) >= 120
    texts = {tuple(entry[key] for key in entry if key != "Name") for entry in knowledge}
    assert len(texts) == len(knowledge)
    assert all(value for entry in knowledge for value in entry.values())
    assert {tuple(entry) for entry in knowledge} == {("Name", "Definition", "Typical_performance", "Common_isease")}


def test_label_frequencies_have_a_long_tail(splits: dict[str, list[Line]]) -> None:
    """The ten commonest labels carry a third of train and more, most others are rare."""
    counts = Counter(label for line in splits["train"] for label in line["norm_syndrome"].split("|"))
    ranked = [count for _, count in counts.most_common()]
    assert sum(ranked[:10]) > sum(ranked) / 3
    assert len(ranked) > 80
    assert ranked[len(ranked) // 2] < ranked[0] / 8


def test_fields_are_missing_now_and_then(splits: dict[str, list[Line]]) -> None:
    """Readers meet absent keys and empty fields, but never a record without a history."""
    lines = [line for split in splits.values() for line in split]
    assert sum("detection" not in line for line in lines) / len(lines) == pytest.approx(0.08, abs=0.03)
    assert sum(not line["chief_complaint"] for line in lines) > 0
    assert sum(not line["lcd_name"] for line in lines) > 0
    assert all(line["description"] for line in lines)


def test_some_records_carry_two_labels(splits: dict[str, list[Line]]) -> None:
    """Two labels are joined by a bar, and differ."""
    pairs = [line["norm_syndrome"].split("|") for line in splits["train"] if "|" in line["norm_syndrome"]]
    assert 0.01 < len(pairs) / len(splits["train"]) < 0.1
    assert all(len(set(pair)) == 2 for pair in pairs)


def test_record_text_never_names_a_syndrome(splits: dict[str, list[Line]], knowledge: list[Line]) -> None:
    """The answer is not in the question, with or without the final 证."""
    names = [entry["Name"].removesuffix("证") for entry in knowledge]
    for line in (line for lines in splits.values() for line in lines):
        text = line["chief_complaint"] + line["description"] + line.get("detection", "")
        assert [name for name in names if name in text] == []


def test_records_do_not_contradict_themselves(splits: dict[str, list[Line]]) -> None:
    """A patient who vomits is not told not to, and nobody is man and woman."""
    contrary = [
        ("没有发烧", ("发烧", "身上滚烫", "壮热面赤")),
        ("不咳嗽", ("老是咳", "咳声频作", "干咳")),
        ("不吐", ("吃了东西就吐", "反胃想吐")),
        ("双下肢不肿", ("腿一按一个坑", "肢体浮肿")),
        ("勃起不好", ("例假", "月经", "白带")),
    ]
    for line in (line for lines in splits.values() for line in lines):
        text = line["chief_complaint"] + line["description"] + line.get("detection", "")
        for phrase, others in contrary:
            rest = text.replace(phrase, "")
            assert phrase not in text or [other for other in others if other in rest] == []


def test_every_sign_that_a_phrase_speaks_of_exists() -> None:
    """A misspelt sign in the authored phrases would silently allow a contradiction."""
    tables = read_toml("phrases.toml")
    known = set(load_grammar().signs)
    for name in ("group", "negative", "unremarkable", "sex", "never_noise"):
        table = tables[name]
        assert isinstance(table, dict)
        assert {sign for signs in table.values() for sign in str(signs).split()} - known == set()


def test_label_map_leads_every_raw_name_to_its_label(folder: Path, splits: dict[str, list[Line]]) -> None:
    """The map has the official form and explains each raw label in the records."""
    text = (folder / "label_map_gb18030.txt").read_bytes().decode("gb18030")
    rows = [row.split(",") for row in text.splitlines()]
    assert {len(row) for row in rows} == {4}
    assert {row[2] for row in rows} == {"KEEP", "MERGE", "DELETE"}
    normalised = {row[0]: row[1] for row in rows if row[2] != "DELETE"}
    for line in (line for lines in splits.values() for line in lines):
        assert "|".join(normalised[raw] for raw in line["syndrome"].split("|")) == line["norm_syndrome"]


def test_folder_says_that_it_is_synthetic(folder: Path) -> None:
    """Nobody can take it for patients."""
    assert "SYNTHETIC" in (folder / "README.md").read_text(encoding="utf-8")


def test_word_overlap_finds_a_part(splits: dict[str, list[Line]], knowledge: list[Line]) -> None:
    """BM25 over characters and bigrams finds the syndrome first for 10 to 30 % of the records; more can be learned."""
    import bm25s
    import numpy as np

    index = bm25s.BM25()
    documents = [
        f"名称：{entry['Name']}。\n定义：{entry['Definition']}\n典型表现：{entry['Typical_performance']}\n"
        f"常见疾病：{entry['Common_isease']}\n"
        for entry in knowledge
    ]
    index.index([_terms(document) for document in documents], show_progress=False)
    records = [*splits["dev"], *splits["test"], *splits["test_unseen"]]
    hits = 0
    for record in records:
        best = int(np.argmax(index.get_scores(_terms(_query(record)))))
        hits += knowledge[best]["Name"] in record["norm_syndrome"].split("|")
    assert 0.1 < hits / len(records) < 0.3


def _query(record: Line) -> str:
    fields = (("主诉", "chief_complaint"), ("现病史", "description"), ("体格检查", "detection"))
    return "".join(f"{name}：{record[key]}\n" for name, key in fields if record.get(key))


def _terms(text: str) -> list[str]:
    characters = text.replace("\n", "")
    return [*characters, *(characters[i : i + 2] for i in range(len(characters) - 1))]
