"""The board's strings: everything that is not a user's own is in both languages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tcmbench.boards.texts import both, clip, gate_reason, load, metric_name, metric_title, named
from tcmbench.runs import entries
from tcmbench.stats.gate import SENTENCES, Violation
from tcmbench.workspace import bundled_content

CHINESE = re.compile("[\u4e00-\u9fff]")
FACTS = {
    "value": -1.234, "low": -2.0, "high": 0.5, "level": 95.0, "limit": 1.0, "base": 61.5, "tuned": 60.27,
    "fall": 1.234, "p": 0.0123,
}  # fmt: skip


def told_by(folder: str, field: str) -> dict[str, str]:
    """Return name → what the bundled files of a folder say."""
    files = sorted((bundled_content() / folder).glob("*.toml"))
    return {path.stem: tomllib.loads(path.read_text("utf-8")).get(field, "") for path in files}


def test_every_string_has_both_languages() -> None:
    """No string is empty, and both languages have the same placeholders."""
    for key, text in load().items():
        assert text.en, key
        assert text.zh, key
        assert sorted(part.split("}")[0] for part in text.en.split("{")[1:]) == sorted(
            part.split("}")[0] for part in text.zh.split("{")[1:]
        ), key


@pytest.mark.parametrize(
    ("folder", "field"),
    [
        ("tasks", "description"),
        ("models/bases", "description"),
        ("models/variants", "description"),
        ("models/sets", "description"),
        ("models/sets", "title"),
        ("models/spaces", "description"),
        ("models/spaces", "title"),
    ],
)
def test_what_is_bundled_says_it_in_both_languages(folder: str, field: str) -> None:
    """Every bundled file has its Chinese beside its English."""
    written = told_by(folder, f"{field}_zh")
    assert [name for name, told in told_by(folder, field).items() if told and not CHINESE.search(written[name])] == []


def test_what_has_no_chinese_stands_in_english() -> None:
    """A file of a user's need not be translated."""
    assert both("Only English.", "") == ("Only English.", "Only English.")


@pytest.mark.parametrize("said", SENTENCES)
def test_the_gate_says_the_same_in_both_languages(said: str) -> None:
    """Every sentence of the gate has a Chinese one with the same task and the same numbers."""
    sentence = gate_reason(Violation("gain", "MyTask/dev", True, said, FACTS))  # type: ignore[arg-type]
    number = re.compile(r"[+−]?\d+(?:\.\d+)?%?|MyTask/dev")
    assert sorted(number.findall(sentence.zh)) == sorted(number.findall(sentence.en))
    assert CHINESE.search(sentence.zh)
    assert not CHINESE.search(sentence.en)


def test_clip_and_metric_titles() -> None:
    """Long text is cut, control characters are replaced, and metrics read as people write them."""
    assert len(clip("x" * 1000, 20)) == 20
    assert clip("a\x00b") == "a\N{REPLACEMENT CHARACTER}b"
    assert metric_title("ndcg_at_10") == "nDCG@10"
    assert metric_title("something_new") == "something_new"
    assert metric_name("recall_at_10") == ("R@10", "召回率@10")


def test_every_column_of_the_bundled_suites_has_a_chinese_title() -> None:
    """Or a name that is the same in Chinese would be taken for an oversight."""
    suites = sorted((bundled_content() / "tasks/suites").glob("*.toml"))
    tasks = [task for path in suites for task in tomllib.loads(path.read_text("utf-8"))["tasks"]]
    assert [task["task"] for task in tasks if not CHINESE.search(task.get("title_zh", ""))] == []


def test_every_field_of_a_provenance_has_a_chinese_name() -> None:
    """Those that `runs/entries.py` writes."""
    source = Path(entries.__file__).read_text("utf-8")
    written = set(
        re.findall(r'"((?:training |trained |notes on |model )\w+|parity|leaks|commit|hardware|packages)"', source)
    )
    assert len(written) > 10
    assert [name for name in sorted(written) if not CHINESE.search(named("provenance", name).zh)] == []
