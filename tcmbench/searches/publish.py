"""Files of a search: the board of its trials, its data, and the recipe of the winner."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pydantic import TypeAdapter

from tcmbench.boards import publish
from tcmbench.errors import SpecError
from tcmbench.records.entry import CellState
from tcmbench.records.reason import Reason
from tcmbench.records.search import SearchOutcome
from tcmbench.searches.trials import name_of, set_of
from tcmbench.specs.toml_text import to_toml
from tcmbench.store import write_json, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.records.entry import Entry
    from tcmbench.searches.search import Searched
    from tcmbench.specs.space import Proposal
    from tcmbench.store import Json

FORMAT = "tcmbench-search/1"

_JSON, _RECIPE = "search.json", "recipe.toml"


class WrittenSearch(NamedTuple):
    """Written files of a search."""

    board: Path
    """The page."""

    recipe: Path | None
    """The winner's recipe; None without a winner."""


def write(found: Searched) -> WrittenSearch:
    """Write the board of all trials, `search.json` and the winner's recipe to `leaderboards/search-NAME/`."""
    bench, outcome = found.bench, found.outcome
    space = bench.space
    proposals = [found.recipe] if found.recipe is not None and outcome.retrained else []
    for trial in outcome.trials:
        try:
            proposals.append(space.proposal(dict(trial.parameters), name=name_of(space, trial.number)))
        except SpecError:
            continue  # a recipe that isn't valid has no row; search.json has its reason
    model_set = set_of(space, proposals)
    place = bench.place(model_set)
    stopped = {trial.name for trial in outcome.trials if trial.state == "stopped"}
    entries = [_stopped(entry) if entry.name in stopped else entry for entry in bench.entries(model_set)]
    target = place.leaderboards / model_set.name
    files = publish.write_board(place, model_set, bench.planned, entries, target=target, search=outcome).files
    write_json(target / _JSON, as_json(outcome))
    recipe = None
    if found.recipe is not None:
        recipe = target / _RECIPE
        write_text(recipe, recipe_text(outcome, found.recipe))
    return WrittenSearch(next(path for path in files if path.name == "index.html"), recipe)


def as_json(outcome: SearchOutcome) -> dict[str, Json]:
    """Return the content of `search.json`: the answer first, then all fields of the outcome."""
    fields: dict[str, Json] = TypeAdapter(SearchOutcome).dump_python(outcome, mode="json")
    answer: dict[str, Json] = {"format": FORMAT, "outcome": outcome.outcome, "selected_minus_confirmed": outcome.curse}
    return {**answer, **fields}


def write_variant(found: Searched) -> Path:
    """Write a confirmed recipe to `models/variants/` of the workspace, and return its path.

    Raises:
        SpecError: The recipe isn't confirmed, there is no workspace, or another recipe of its name.
    """
    place, outcome = found.bench.workspace, found.outcome
    if found.recipe is None or outcome.outcome != "confirmed":
        raise SpecError("--write is for a confirmed recipe, and none is. The board shows what was tried.")
    if not place.is_own:
        raise SpecError(
            f"{place.root}: expected a workspace, with tasks/ and models/. To create one: tcmbench init DIR"
        )
    path = place.root / "models" / "variants" / f"{outcome.space}-best.toml"
    text = recipe_text(outcome, found.recipe)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise SpecError(f"{path}: another recipe of this name exists. Rename it, and search again with --write.")
    write_text(path, text)
    return path


def recipe_text(outcome: SearchOutcome, recipe: Proposal) -> str:
    """Return the winner's recipe as a variant file, with what is known about it in comments."""
    fields = recipe.variant.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
    lines = [
        f"# Found by tcmbench search {outcome.space}: selected of {len(outcome.trials)} recipes, {outcome.outcome}."
    ]
    figures = outcome.confirmation
    if figures is not None and figures.gain is not None:
        gain = figures.gain
        lines.append(
            f"# Gain in domain on the confirmation half: {gain.value:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]."
        )
    return "\n".join([*lines, to_toml(fields)])


def _stopped(entry: Entry) -> Entry:
    # Not the state `not_measured`, which stands for absent data: a board with gaps of that kind replaces no other.
    state = CellState("pending", Reason.of("stopped"))
    return replace(
        entry, states={name: state if held.state == "pending" else held for name, held in entry.states.items()}
    )
