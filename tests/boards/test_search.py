"""The board of a search: the confirmed figures lead, and what selection claims stands beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tcmbench.boards import document, figures
from tcmbench.boards.build import build
from tcmbench.boards.html import to_html
from tcmbench.boards.options import Options
from tcmbench.boards.texts import text
from tcmbench.records.search import Change, HalfFigures, SearchOutcome, TriedRecipe

from .fake import POLICIES, Shape, make

if TYPE_CHECKING:
    from .fake import Fake


def half(gain: float, *, passed: bool = True) -> HalfFigures:
    """Return figures of a half."""
    return HalfFigures(
        gain=Change(gain, gain - 2, gain + 2),
        held_out=None,
        general=Change(-0.1, -0.6, 0.4),
        outcome="pass" if passed else "inconclusive",
        passed=passed,
        misses={"kept": -0.4},
    )


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """Return a reference and three trials."""
    return make(tmp_path_factory.mktemp("scores"), Shape(variants=4, columns=4, items=30, broken=False))


@pytest.fixture
def search(fake: Fake) -> SearchOutcome:
    """A search whose second trial was selected and confirmed."""
    names = [entry.name for entry in fake.entries if entry.kind == "variant"]
    trials = (
        TriedRecipe(0, names[0], "refused", {"training.learning_rate": 0.1}, half(9.0, passed=False)),
        TriedRecipe(1, names[1], "passed", {"training.learning_rate": 0.01}, half(7.25)),
        TriedRecipe(2, names[2], "failed", {"training.learning_rate": 1.0}, reason="not finite"),
    )
    return SearchOutcome(
        space="fake", key="0" * 32, trials=trials, planned=3, level=0.95, margin=1.0, required_gain=0.0, winner=1,
        row=names[1], seeds=(0,), confirmation=half(4.5), looks=1,
    )  # fmt: skip


def page(fake: Fake, search: SearchOutcome) -> str:
    """Return the page of a search."""
    return to_html(build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES, search=search)))


def test_a_confirmed_recipe_is_the_answer_with_both_halves(fake: Fake, search: SearchOutcome) -> None:
    """Not the row with the largest gain on all items."""
    table = build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES, search=search))
    assert (table.recommendation.outcome, table.recommendation.row) == ("ship", search.row)
    shown = page(fake, search)
    assert "+7.2 [+5.2, +9.2]" in shown
    assert "+4.5 [+2.5, +6.5]" in shown
    assert text("search.curse", points="+2.8").zh in shown
    assert "--update-baseline" not in shown


@pytest.mark.parametrize("outcome", ["unconfirmed", "none_passed"])
def test_what_is_not_confirmed_is_not_recommended(fake: Fake, search: SearchOutcome, outcome: str) -> None:
    """Each outcome has its words and its advice."""
    changes = {
        "unconfirmed": {"confirmation": half(0.5, passed=False)},
        "none_passed": {"winner": None, "nearest": 0, "confirmation": None, "row": ""},
    }
    changed = replace(search, **changes[outcome])  # type: ignore[arg-type]
    assert (changed.outcome, changed.exit_code) == (outcome, 1)
    shown = page(fake, changed)
    assert text(f"answer.{outcome}").en in shown
    assert text(f"answer.{outcome}_note").zh in shown
    assert text(f"search.next_{outcome}", space="fake").en in shown
    assert text("answer.ship").en + "</span> <a" not in shown


def test_a_second_look_at_the_confirmation_half_is_told(fake: Fake, search: SearchOutcome) -> None:
    """Its interval holds for the first."""
    told = text("search.looks", looks="2").en
    assert told not in page(fake, search)
    assert told in page(fake, replace(search, looks=2))


def test_both_pictures_are_drawn_for_a_search_alone(fake: Fake, search: SearchOutcome) -> None:
    """Other boards have neither the pictures nor the section, and the data file no search."""
    plain = build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES))
    searched = build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES, search=search))
    names = {picture.name for picture in figures.pictures(searched)} - {p.name for p in figures.pictures(plain)}
    assert names == {"search", "search_history"}
    assert text("search.heading").en not in to_html(plain)
    assert '"search"' not in document.to_json(searched)
