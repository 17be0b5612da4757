"""A reason is a code with facts; its sentences say the same in both languages."""

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path
from typing import get_args

import pytest

import tcmbench
from tcmbench.records.entry import State
from tcmbench.records.reason import Reason

SENTENCES = tomllib.loads((Path(tcmbench.__file__).parent / "records/reasons.toml").read_text(encoding="utf-8"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_both_languages_hold_the_same_facts(code: str) -> None:
    """No fact is dropped by a translation, and no language falls back to the other."""
    both = SENTENCES[code]
    assert _placeholders(both["en"]) == _placeholders(both["zh"])
    assert CHINESE.search(both["zh"])
    assert not CHINESE.search(both["en"])


@pytest.mark.parametrize("state", get_args(State))
def test_every_state_has_a_reason_of_its_own(state: str) -> None:
    """A cell that nothing more is known of says why in the reader's language."""
    assert CHINESE.search(Reason.of(state).sentence("zh"))


def test_facts_fill_the_sentences() -> None:
    """The same numbers stand in both."""
    reason = Reason.of("training_seed", seed=1, step=20, total=300)
    assert str(reason) == "seed 1, training, step 20 of 300"
    assert reason.sentence("zh") == "种子 1，正在训练，第 20 步，共 300 步"


def test_an_errors_own_words_stay_as_they_are() -> None:
    """Braces in them are no placeholders."""
    reason = Reason.message("CUDA out of {memory}")
    assert {reason.sentence("en"), reason.sentence("zh")} == {"CUDA out of {memory}"}


def test_unknown_codes_and_facts_are_refused_where_they_are_made() -> None:
    """Not where a board is drawn hours later."""
    with pytest.raises(KeyError):
        Reason.of("no_such_code")
    with pytest.raises(KeyError):
        Reason.of("untrained")


@pytest.mark.parametrize("reason", [Reason.of("untrained", seed=3), Reason.message("why")])
def test_json_holds_all_of_it(reason: Reason) -> None:
    """What the store has of a failure reads back as it was."""
    assert Reason.from_json(reason.to_json()) == reason
