"""The answer of the first screen: what ships or leads, what is tied, what is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tcmbench.boards.answer import as_text
from tcmbench.boards.html import to_html
from tcmbench.records.entry import CellState
from tcmbench.records.reason import Reason

from .three_tasks import entry, scored, table

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.table import Table


def answer(built: Table) -> str:
    """Return the answer as a terminal prints it."""
    return as_text(built).en


def test_two_variants_that_can_t_be_told_apart_are_both_named(tmp_path: Path) -> None:
    """The headline doesn't choose between them; the first has the larger gain."""
    built = table(tmp_path, entry(tmp_path, "one", in_domain=0.15), entry(tmp_path, "other", in_domain=0.15))
    first, second = built.recommendation.row, *built.recommendation.ties
    assert {first, second} == {"one", "other"}
    assert (
        answer(built)
        == f"Ship one of these: {first}, {second}. Their gains can’t be told apart; the first has the largest. "
        "The largest gain, adjusted for having been chosen from 2 variants: +19.3 [+17.4, +21.2]."
    )
    assert as_text(built).zh.startswith(f"建议发布其中之一：{first}、{second}。")


def test_one_variant_ships_alone(tmp_path: Path) -> None:
    """Nothing else is said."""
    assert answer(table(tmp_path, entry(tmp_path, "good", in_domain=0.15))) == "Ship good."


def test_a_quick_look_ships_nothing(tmp_path: Path) -> None:
    """The gate refuses a sample's scores, so the headline names the variant and decides nothing."""
    look = replace(table(tmp_path, entry(tmp_path, "good", in_domain=0.15)), limit=5)
    assert answer(look) == "Not decided. On this sample, the largest gain that passes: good."
    page = to_html(look)
    assert "Not decided. On this sample" in page
    assert "Run it again without a limit" in page
    assert "--update-baseline" not in page


def test_models_without_training_that_do_as_well_are_named(tmp_path: Path) -> None:
    """Significantly better or not to be told apart, by the paired difference of gains; worse ones are not."""
    built = table(
        tmp_path,
        entry(tmp_path, "tuned", in_domain=0.1),
        scored(tmp_path, "tfidf", "baseline", in_domain=0.25),
        scored(tmp_path, "equal", "baseline", in_domain=0.1),
        scored(tmp_path, "random", "baseline", in_domain=-0.1),
    )
    assert (built.recommendation.better_untrained, built.recommendation.equal_untrained) == (("tfidf",), ("equal",))
    assert answer(built) == (
        "Ship tuned. An untuned model does significantly better: tfidf. "
        "An untuned model can’t be told apart from it in gain: equal."
    )


def test_variants_without_a_score_are_left_out_by_name(tmp_path: Path) -> None:
    """The others are compared without them."""
    lost = replace(entry(tmp_path, "lost", in_domain=0.3), scores={})
    built = table(tmp_path, entry(tmp_path, "good", in_domain=0.15), lost)
    assert answer(built) == "Ship good. Not considered, as they have no score on some task: lost."


def test_losses_are_not_called_gains(tmp_path: Path) -> None:
    """Variants that are all significantly worse are called that; one that isn't significant is called that."""
    built = table(tmp_path, entry(tmp_path, "bad", in_domain=-0.2), entry(tmp_path, "less bad", in_domain=-0.1))
    assert answer(built).startswith("Every variant is significantly worse than the reference. Smallest loss: less bad.")
    one = table(tmp_path, replace(entry(tmp_path, "base", kind="base"), name="same", title="same", kind="variant"))
    assert answer(one).startswith("No variant has a significant gain. Largest gain, but it is not significant: same.")


def test_a_model_leads_only_if_it_is_significantly_better_than_all(tmp_path: Path) -> None:
    """Without variants; a tie is a tie, and a model that misses a task can't lead."""
    best = dict.fromkeys(("in_domain", "held_out", "general"), 0.2)
    lead = table(tmp_path, scored(tmp_path, "best", "base", **best))
    assert answer(lead).startswith("Leads: best. Its mean over all tasks is significantly higher")
    equal = replace(entry(tmp_path, "base", kind="base"), name="same", title="same")
    assert answer(table(tmp_path, equal)).startswith("Can’t be told apart: base, same.")
    alone = table(tmp_path)
    assert answer(alone).startswith("Nothing to compare: base. It is the only model with a score on every task.")
    whole = scored(tmp_path, "best", "base", **best)
    gap = CellState("not_applicable", Reason.of("reranker"))
    part = replace(whole, scores={n: s for n, s in whole.scores.items() if n != "General2"}, states={"General2": gap})
    missing = table(tmp_path, part)
    assert answer(missing).startswith("Nothing to compare: base.")
    assert answer(missing).endswith("Not considered, as they have no score on some task: best.")
