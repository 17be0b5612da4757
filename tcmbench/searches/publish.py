"""Files of a search: the board of its trials, its data, and the recipe of the winner."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pydantic import TypeAdapter

from tcmbench.boards import publish
from tcmbench.errors import SpecError
from tcmbench.records.entry import CellState
from tcmbench.records.reason import Reason
from tcmbench.records.search import SearchOutcome, TriedRecipe
from tcmbench.searches.trials import name_of, set_of
from tcmbench.specs.space import stage_names
from tcmbench.specs.toml_text import to_toml
from tcmbench.store import write_json, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.records.entry import Entry
    from tcmbench.searches.search import Searched
    from tcmbench.specs.space import Proposal
    from tcmbench.store import Json

FORMAT = "tcmbench-search/1"

_JSON = "search.json"
RECIPE = "recipe"
"""Name of the file of a tuned model's recipe."""

_INCOMPLETE = ("stopped", "failed")
"""States of trials without all scores."""


class WrittenSearch(NamedTuple):
    """Written files of a search."""

    board: Path
    """The page."""

    recipe: Path | None
    """The winner's recipe; None without a winner."""


def write(found: Searched, *, public: bool = False, target: Path | None = None) -> WrittenSearch:
    """Write the board of all trials, `search.json` and the winner's recipe.

    Args:
        found: The search.
        public: Whether they are for publication (`boards.public`): trials without all scores then have no row on the
            board, and failed ones no reason, which may quote the data; figure, table and `search.json` count them.
        target: Folder; None for `leaderboards/search-NAME`, that of a public board beside it.

    Raises:
        SpecError: For publication, a task has too few items for that.
    """
    bench, outcome = found.bench, found.outcome
    if public:
        outcome = replace(outcome, trials=tuple(_without_words(trial) for trial in outcome.trials))
    space = bench.space
    proposals = [found.recipe] if found.recipe is not None and outcome.retrained else []
    for trial in outcome.trials:
        if public and trial.state in _INCOMPLETE:
            continue
        try:
            proposals.append(space.proposal(dict(trial.parameters), name=name_of(space, trial.number)))
        except SpecError:
            continue  # a recipe that isn't valid has no row; search.json has its reason
    model_set = set_of(space, proposals)
    place = bench.place(model_set)
    stopped = {trial.name for trial in outcome.trials if trial.state == "stopped"}
    rows = {model_set.reference, *(proposal.row for proposal in proposals)}
    entries = [
        _stopped(entry) if entry.name in stopped else entry
        for entry in bench.entries(model_set)
        if entry.name in rows  # models that a cure is made of are not measured
    ]
    target = target or place.leaderboards / (f"{model_set.name}-public" if public else model_set.name)
    files = publish.write_board(
        place, model_set, bench.planned, entries, public=public, target=target, search=outcome
    ).files
    write_json(target / _JSON, as_json(outcome))
    recipe = None
    if found.recipe is not None:
        for name, text in recipe_files(outcome, found.recipe).items():
            write_text(target / f"{name}.toml", text)
        recipe = target / f"{RECIPE}.toml"
    return WrittenSearch(next(path for path in files if path.name == "index.html"), recipe)


def as_json(outcome: SearchOutcome) -> dict[str, Json]:
    """Return the content of `search.json`: the answer first, then all fields of the outcome."""
    fields: dict[str, Json] = TypeAdapter(SearchOutcome).dump_python(outcome, mode="json")
    answer: dict[str, Json] = {"format": FORMAT, "outcome": outcome.outcome, "selected_minus_confirmed": outcome.curse}
    return {**answer, **fields}


def write_recipe(found: Searched) -> tuple[Path, ...]:
    """Write a confirmed recipe to `models/` of the workspace: its variant, and its cure where it has one.

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
    folder = place.root / "models"
    names = stage_names(f"{outcome.space}-best", len(found.recipe.cures))
    kinds = ("variants", *("cures" for _ in found.recipe.cures))
    texts = recipe_files(outcome, found.recipe).values()
    paths = {folder / kind / f"{name}.toml": text for kind, name, text in zip(kinds, names, texts, strict=True)}
    for path, text in paths.items():
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise SpecError(f"{path}: another recipe of this name exists. Rename it, and search again with --write.")
    for path, text in paths.items():
        write_text(path, text)
    return tuple(paths)


def recipe_files(outcome: SearchOutcome, recipe: Proposal) -> dict[str, str]:
    """Return the winner's variant and each of its cures in turn as files; comments say what is known about it."""
    lines = [
        f"# Found by tcmbench search {outcome.space}: selected of {len(outcome.trials)} recipes, {outcome.outcome}."
    ]
    figures = outcome.confirmation
    if figures is not None and figures.gain is not None:
        value, low, high = figures.gain
        lines.append(f"# Gain in domain on the confirmation half: {value:+.2f} [{low:+.2f}, {high:+.2f}].")
    variant = recipe.variant.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
    files = {RECIPE: "\n".join([*lines, to_toml(variant)])}
    names = stage_names(f"{outcome.space}-best", len(recipe.cures))
    for count, (cure, treated) in enumerate(zip(recipe.cures, names, strict=False), start=1):
        fields = cure.model_dump(mode="json", exclude_defaults=True, exclude={"name"}) | {"of": [treated]}
        files["cure" if count == 1 else f"cure-{count}"] = "\n".join([*lines, to_toml(fields)])
    return files


def _without_words(trial: TriedRecipe) -> TriedRecipe:
    return replace(trial, reason="") if trial.state == "failed" else trial


def _stopped(entry: Entry) -> Entry:
    # Not the state `not_measured`, which stands for absent data: a board with gaps of that kind replaces no other.
    state = CellState("pending", Reason.of("stopped"))
    return replace(
        entry, states={name: state if held.state == "pending" else held for name, held in entry.states.items()}
    )
