"""Spaces: what they choose from, and which files are refused."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tcmbench.errors import SpecError
from tcmbench.specs import toml
from tcmbench.specs.space import Range, SearchSpace
from tcmbench.specs.toml_text import to_toml
from tcmbench.specs.variant import Variant
from tcmbench.workspace import bundled_content

FIXED = {"base": "b", "data": "d", "training": {"batch_size": 16}}
RATE = {"low": 1e-4, "high": 1e-1, "log": True}


def space(parameters: dict[str, Any], **fields: Any) -> SearchSpace:
    """Return a space with these parameters."""
    given = {"name": "s", "suite": "x", "reference": "b", "variant": FIXED, "parameters": parameters, **fields}
    return toml.parse(SearchSpace, given, where="s.toml")


def test_a_value_replaces_one_field_of_the_fixed_part() -> None:
    """Other fields of its table stay."""
    variant = space({"training.learning_rate": RATE}).proposal({"training.learning_rate": 0.5}, name="t").variant
    assert (variant.training.learning_rate, variant.training.batch_size) == (0.5, 16)


def test_a_choice_may_be_a_table_or_a_plain_value() -> None:
    """Plain values are their own labels."""
    made = space(
        {
            "negatives": {"choices": {"none": {}, "hard": {"miner": "bm25", "options": {"count": 4}}}},
            "drop_leaks": {"choices": [True, False]},
            "training.batch_size": {"choices": [16, 64]},
        }
    )
    variant = made.proposal({"negatives": "hard", "drop_leaks": "true", "training.batch_size": "64"}, name="t").variant
    assert (variant.negatives.miner, variant.negatives.options) == ("bm25", {"count": 4})
    assert (variant.drop_leaks, variant.training.batch_size) == (True, 64)


def test_a_cure_is_made_of_the_tuned_model_and_takes_its_name() -> None:
    """Its fields are parameters like the variant's; without fields there is none."""
    alpha = {"cure.options.alpha": {"low": 0.0, "high": 1.0}}
    proposal = space(alpha, cure={"cure": "merge"}).proposal({"cure.options.alpha": 0.25}, name="t")
    (cure,) = proposal.cures
    assert (proposal.row, proposal.variant.name, cure.of) == ("t", "t-tuned", ("t-tuned",))
    assert (cure.cure, cure.options) == ("merge", {"alpha": 0.25})
    made = space({"cure": {"choices": {"none": {}, "half": {"cure": "merge", "options": {"alpha": 0.5}}}}})
    assert made.proposal({"cure": "none"}, name="t").cures == ()
    assert made.proposal({"cure": "half"}, name="t").row == "t"


def test_a_cure_of_the_cure_is_measured_in_its_place() -> None:
    """Each is made of the one before, and every stage has a name of its own."""
    chain = {"cure": "merge", "then": {"cure": "fusion", "options": {"with": "bm25"}}}
    made = space({"cure.options.alpha": {"low": 0.0, "high": 1.0}}, cure=chain)
    proposal = made.proposal({"cure.options.alpha": 0.25}, name="t")
    assert [(cure.name, cure.of, cure.cure) for cure in proposal.cures] == [
        ("t-cured", ("t-tuned",), "merge"),
        ("t", ("t-cured",), "fusion"),
    ]
    assert proposal.row == "t"
    longer = space({"training.learning_rate": RATE}, cure={**chain, "then": {**chain["then"], "then": chain}})
    names = [cure.name for cure in longer.proposal({"training.learning_rate": 0.1}, name="t").cures]
    assert names == ["t-cured", "t-cured-2", "t-cured-3", "t"]


def test_a_soup_is_confirmed_with_as_many_trainings() -> None:
    """Of another number it would be another recipe."""
    soup = {"cure": "merge", "seeds": "together"}
    several = {**FIXED, "seeds": [0, 1]}
    assert space({"training.learning_rate": RATE}, cure=soup, variant=several, seeds=2).seeds == 2
    with pytest.raises(SpecError, match="set seeds = 2, or 0"):
        space({"training.learning_rate": RATE}, cure=soup, variant=several, seeds=3)


def test_a_range_of_whole_numbers_has_whole_values() -> None:
    """Both ends decide."""
    assert Range(low=1, high=4).is_whole
    assert not Range(low=1.0, high=4).is_whole


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"training.learning_rat": RATE}, "learning_rat"),
        ({"training": {"learning_rate": RATE}}, "needs quotes"),
        ({"training.learning_rate": {"low": 2, "high": 1}}, "expected low < high"),
        ({"training.learning_rate": {"low": 0, "high": 1, "log": True}}, "log = true needs low > 0"),
        ({"training.epochs": {"low": 1, "high": 4, "step": 0.5}}, "expected a whole step"),
        ({"task": {"choices": ["embedding"]}}, "expected two choices"),
        ({"training.batch_size": {"choices": [16, 16]}}, "differ from one another"),
        ({"training.batch_size": {"choices": [1, 16]}}, "training.batch_size"),
        ({"training.learning_rate": {**RATE, "when": {"negatives": ["none"]}}}, "no earlier parameter"),
        ({"name": {"choices": ["a", "b"]}}, "no field of a space"),
        ({"cure.of": {"choices": ["a", "b"]}}, "no field of a space"),
        ({"cure.then.of": {"choices": ["a", "b"]}}, "no field of a space"),
        ({"cure.then.cure": {"choices": ["fusion", "merge"]}}, "expected a cure before it"),
        (
            {"cure": {"choices": {"half": {"cure": "merge", "then": "fusion"}, "none": {}}}},
            "expected a table of fields",
        ),
        ({"cure.options.alpha": RATE, "cure": {"choices": {"none": {}, "half": {"cure": "merge"}}}}, "Move it after"),
        ({}, "at least 1"),
    ],
)
def test_a_space_that_can_not_be_searched_is_refused(parameters: dict[str, Any], message: str) -> None:
    """The message names the parameter, before anything is trained."""
    with pytest.raises(SpecError, match=message):
        space(parameters)


@pytest.mark.parametrize(
    ("parameters", "fields", "message"),
    [
        ({"training.learning_rate": RATE}, {"policy": "../policy.toml"}, "leads out of the workspace"),
        ({"training.learning_rate": RATE}, {"policy": {"margn": 1}}, "margn"),
        ({"training.learning_rate": RATE}, {"trials": 1_000_000}, "trials"),
        ({".".join("a" * 5_000): RATE}, {}, "at most 200"),
        ({"training.batch_size": {"choices": list(range(2, 1_500))}}, {}, "at most 1000"),
    ],
)
def test_what_is_too_large_or_leads_elsewhere_is_refused(
    parameters: dict[str, Any], fields: dict[str, Any], message: str
) -> None:
    """As in every spec."""
    with pytest.raises(SpecError, match=message):
        space(parameters, **fields)


def test_every_choice_is_checked_when_the_space_is_read() -> None:
    """One that makes no valid recipe is no surprise in the middle of a search."""
    with pytest.raises(SpecError, match="miner_name"):
        space({"negatives": {"choices": {"none": {}, "wrong": {"miner_name": "bm25"}}}})


@pytest.mark.parametrize(
    "parameter", [{"low": 1, "high": 10**9}, {"choices": [16, 1]}], ids=["end of a range", "choice"]
)
def test_parameters_with_a_condition_are_checked_too(parameter: dict[str, Any]) -> None:
    """Under the labels that they need, which need not be the first ones."""
    rates = {"choices": [1e-3, 1e-2]}
    losses = {"choices": ["infonce", "mnrl"], "when": {"training.learning_rate": ["0.01"]}}
    needing = {**parameter, "when": {"training.loss": ["mnrl"]}}
    field = "training.batch_size" if "choices" in parameter else "training.epochs"
    with pytest.raises(SpecError, match=field.rpartition(".")[2]):
        space({"training.learning_rate": rates, "training.loss": losses, field: needing})


@pytest.mark.parametrize("is_chosen", [False, True])
def test_a_checkpoint_may_not_be_chosen_on_the_items_that_confirm(is_chosen: bool) -> None:
    """`select = "gate"` chooses on a sample of all items, in whichever part of the space it stands."""
    fixed = {**FIXED, "evaluate_checkpoints": True, **({} if is_chosen else {"select": "gate"})}
    select = {"select": {"choices": ["last", "gate"]}} if is_chosen else {}
    with pytest.raises(SpecError, match=r"items of both halves.*search training\.epochs"):
        space({"training.learning_rate": RATE, **select}, variant=fixed)


def test_a_recipe_of_a_space_has_no_untreated_variant() -> None:
    """Nothing beside it in the set of a trial could be that variant."""
    with pytest.raises(SpecError, match=r"'plain' names a variant of a set"):
        space({"training.learning_rate": RATE}, variant={**FIXED, "untreated": "plain"})


@pytest.mark.parametrize("name", sorted(path.stem for path in (bundled_content() / "models/spaces").glob("*.toml")))
def test_bundled_spaces_are_valid(name: str) -> None:
    """Each has a Chinese title and description beside the English."""
    made = toml.read(SearchSpace, bundled_content() / f"models/spaces/{name}.toml")
    assert all([made.title, made.title_zh, made.description, made.description_zh])


def test_the_space_of_the_documentation_is_valid() -> None:
    """docs/search.md shows every field that decides on the search."""
    text = (Path(__file__).parents[2] / "docs/search.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    made = toml.parse(SearchSpace, {"name": "docs", **tomllib.loads(block)}, where="docs/search.md")
    labels = {"title", "title_zh", "description", "description_zh"}
    assert made.model_fields_set == SearchSpace.model_fields.keys() - labels


def test_a_recipe_is_written_as_the_file_that_is_read(tmp_path: Path) -> None:
    """Nested tables, lists, quotes and Chinese survive."""
    fields = {
        "base": "b",
        "data": "folder/data",
        "seeds": [1, 2],
        "drop_leaks": True,
        "description": 'a "quoted" 描述 \\ line\nbreak',
        "columns": {"query": "a b.c"},
        "negatives": {"miner": "bm25", "options": {"count": 4, "margins": [0.5, 1e-05]}},
        "training": {"learning_rate": 2e-05, "options": {}},
    }
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(fields), encoding="utf-8")
    assert toml.read(Variant, path) == Variant.model_validate({"name": "recipe", **fields})
