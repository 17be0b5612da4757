"""The board's strings: everything that is not a user's own stands in both languages."""

from __future__ import annotations

import re
import tomllib

import pytest

from tcmbench.boards.build import default_reason
from tcmbench.boards.texts import Text, bundled, clip, gate_reason, load, metric_title, reason
from tcmbench.records.entry import CellState
from tcmbench.stats.gate import SENTENCES, Violation
from tcmbench.workspace import bundled_content

CHINESE = re.compile("[\u4e00-\u9fff]")
FACTS = {
    "value": -1.234, "low": -2.0, "high": 0.5, "level": 0.95, "limit": 1.0, "base": 61.5, "tuned": 60.27,
    "fall": 1.234, "p": 0.0123,
}  # fmt: skip


def told_by(folder: str, field: str) -> dict[str, str]:
    """Return name → what the bundled files of a folder say."""
    files = sorted((bundled_content() / folder).glob("*.toml"))
    return {path.stem: tomllib.loads(path.read_text("utf-8")).get(field, "") for path in files}


def known_of(section: str) -> dict[str, Text]:
    """Return name → what the board knows of it in both languages."""
    return {key.removeprefix(f"{section}."): both for key, both in load().items() if key.startswith(f"{section}.")}


def test_every_string_has_both_languages() -> None:
    """No string is empty, and both languages have the same placeholders."""
    for key, both in load().items():
        assert both.en, key
        assert both.zh, key
        assert sorted(part.split("}")[0] for part in both.en.split("{")[1:]) == sorted(
            part.split("}")[0] for part in both.zh.split("{")[1:]
        ), key


def test_what_is_bundled_is_described_in_both_languages() -> None:
    """Every bundled task, base and variant has its Chinese, and the English is that of its file."""
    folders = ("tasks", "models/bases", "models/variants")
    known = known_of("described")
    assert {name: both.en for name, both in known.items()} == {
        name: told for folder in folders for name, told in told_by(folder, "description").items()
    }
    assert [name for name, both in known.items() if not CHINESE.search(both.zh)] == []


@pytest.mark.parametrize(("section", "field"), [("titled", "title"), ("sets", "description")])
def test_bundled_sets_have_chinese_headlines(section: str, field: str) -> None:
    """Every bundled set is told in both languages, and the English is that of its file."""
    known = known_of(section)
    assert {name: both.en for name, both in known.items()} == told_by("models/sets", field)
    assert [name for name, both in known.items() if not CHINESE.search(both.zh)] == []


def test_a_changed_description_is_told_as_it_is() -> None:
    """Chinese stands beside the sentence that it was written for, and beside no other."""
    told = told_by("models/variants", "description")["demo-full-safe"]
    assert CHINESE.search(bundled("described", "demo-full-safe", told).zh)
    assert bundled("described", "demo-full-safe", "Something else.") == ("Something else.", "Something else.")
    assert bundled("described", "mine", told) == (told, told)


@pytest.mark.parametrize("said", SENTENCES)
def test_the_gate_says_the_same_in_both_languages(said: str) -> None:
    """Every sentence of the gate has a Chinese one with the same task and the same numbers."""
    both = gate_reason(Violation("gain", "MyTask/dev", True, said, FACTS))  # type: ignore[arg-type]
    number = re.compile(r"[+-]?\d+(?:\.\d+)?%?|MyTask/dev")
    assert sorted(number.findall(both.zh)) == sorted(number.findall(both.en))
    assert CHINESE.search(both.zh)
    assert not CHINESE.search(both.en)


@pytest.mark.parametrize(
    ("told", "zh"),
    [
        ("seed 3 is not trained yet", "种子 3 尚未训练"),
        ("seed1, training, step 20 of 300", "种子 1，正在训练，第 20 步，共 300 步"),
        ("CUDA out of memory", None),
    ],
)
def test_reasons_of_cells_are_translated_where_they_are_ours(told: str, zh: str | None) -> None:
    """Sentences of the run have a Chinese one with their numbers; an error's own message stays as it is."""
    assert reason(told) == (told, zh or told)


@pytest.mark.parametrize("state", ["pending", "running", "failed", "not_measured", "not_applicable"])
def test_every_state_has_a_reason_in_both_languages(state: str) -> None:
    """A cell that nobody accounts for says why in the reader's language."""
    told = default_reason(CellState(state))  # type: ignore[arg-type]
    assert CHINESE.search(reason(told).zh)


def test_clip_and_metric_titles() -> None:
    """Long text is cut, control characters are replaced, and metrics read as people write them."""
    assert len(clip("x" * 1000, 20)) == 20
    assert clip("a\x00b") == "a\N{REPLACEMENT CHARACTER}b"
    assert metric_title("ndcg_at_10") == "nDCG@10"
    assert metric_title("something_new") == "something_new"
