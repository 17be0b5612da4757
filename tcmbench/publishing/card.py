"""The folder of a tuned model, ready for a hub: its files and a card with scores, training, licences and limits.

The card has aggregates only, as a board for publication: no ids, labels or texts of the data. Its metadata is read
again by huggingface_hub's parser before anything is written, and its scores are those of mteb's own result files.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcmbench import tasks
from tcmbench.boards import publish
from tcmbench.boards.citation import to_bibtex
from tcmbench.boards.markdown import escape
from tcmbench.boards.public import public
from tcmbench.errors import EvaluationError, ScoreMissing, SpecError
from tcmbench.publishing import licences, usage
from tcmbench.publishing.model_index import eval_results
from tcmbench.publishing.tuned import find_set, tuned_model
from tcmbench.runs import gather
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.suite import ROLES
from tcmbench.store import differences, is_free, placed, write_text
from tcmbench.text.numbers import digits_of, signed
from tcmbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from huggingface_hub import EvalResult, ModelCardData

    from tcmbench.boards.cells import ShownEstimate
    from tcmbench.boards.table import BoardRow, Table
    from tcmbench.publishing.licences import Licence
    from tcmbench.publishing.tuned import TunedModel
    from tcmbench.records.entry import Entry
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace

FILE = "README.md"
_TEMPLATES = Path(__file__).parent
_LANGUAGE = "zh"
_LICENSE_NAME = "base-and-data-terms"
_MARK = "<!-- tcmbench card -->"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card states."""

    name: str
    tuned: TunedModel
    table: Table
    """Board with two rows, the reference and the model's."""

    row: BoardRow
    results: Sequence[EvalResult]
    bases: Sequence[Licence]
    data: Sequence[Licence]
    license: str
    """The hub's identifier; empty where the user named none."""

    hub_base: str
    """Name of the base on the hub; empty where it isn't from there."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card that was written."""

    folder: Path
    results: int
    """Metrics in its metadata."""


def write(
    workspace: Workspace,
    name: str,
    *,
    set_name: str = "",
    seed: int | None = None,
    license_id: str = "",
    target: Path | None = None,
) -> Card:
    """Write the folder of a tuned model with its card.

    Args:
        workspace: The workspace.
        name: Variant or cure.
        set_name: Its set, whose board has the scores; empty takes the only one.
        seed: Which of its models; None: the first, which is chosen without regard to scores.
        license_id: The hub's identifier of the model's licence, such as apache-2.0; empty: other, with the licences of
            base and data in the text.
        target: The folder; None: `reports/generated/NAME-card`.

    Raises:
        UnknownName: No such variant, cure, set or seed.
        ModelAbsent: The model isn't in the store.
        ScoreMissing: A score of it or of the reference is missing.
        SpecError: The set is a quick look, a task has too few items to be published, or the target is in use.
    """
    model_set = workspace.spec(ModelSet, set_name) if set_name else find_set(workspace, name)
    planned = tasks.plan_set(workspace, model_set)
    tuned = tuned_model(workspace, model_set, planned, name, seed=seed)
    facts = _facts(workspace, model_set, planned, tuned, license_id=license_id)
    text = render(facts)
    folder = target or workspace.reports / f"{name}-card"
    if not is_free(folder) and not _is_card(folder / FILE):
        raise SpecError(f"{folder}: expected an empty folder, or one of an earlier card. Choose another: --output")
    with placed(folder) as part:
        # without the modes of the files, which trainers write for their own user only
        shutil.copytree(tuned.folder, part, dirs_exist_ok=True, copy_function=shutil.copyfile)
        write_text(part / FILE, text)
    return Card(folder, len(facts.results))


def _is_card(path: Path) -> bool:
    """Return whether a file is a card of this program."""
    return path.is_file() and _MARK in path.read_text(encoding="utf-8", errors="replace")


def _facts(
    workspace: Workspace, model_set: ModelSet, planned: PlannedSuite, tuned: TunedModel, *, license_id: str
) -> Facts:
    entries = gather.entries(workspace, model_set, planned)
    own = next(entry for entry in entries if entry.name == tuned.name)
    _require_complete(model_set, [own, *(entry for entry in entries if entry.name == model_set.reference)])
    # refuses a quick look, whose scores are not those of the tasks
    options = publish.board_options(workspace, model_set, planned, public=True)
    table = publish.table(workspace, model_set, planned, entries)
    shown = tuple(table.row(name) for name in (model_set.reference, tuned.name))
    table = public(replace(table, rows=shown, command=options.command))
    scores = {column: each[tuned.place] for column, each in own.scores.items()}
    bases = licences.of_bases(workspace, tuned.trained_on)
    return Facts(
        name=tuned.name,
        tuned=tuned,
        table=table,
        row=table.row(tuned.name),
        results=eval_results(planned, scores),
        bases=bases,
        data=licences.of_data(workspace, tuned.trained_on),
        license=license_id,
        hub_base=next((base.source for base in bases if base.source), ""),
    )


def _require_complete(model_set: ModelSet, entries: Sequence[Entry]) -> None:
    missing = gather.missing(entries)
    if missing:
        raise ScoreMissing(
            f"set {model_set.name}: a card has all scores of the model and of the reference, {len(missing)} are "
            f"missing, such as {str(missing[0]).rstrip('.')}. Mend that, then: tcmbench run {model_set.name}"
        )


def render(facts: Facts) -> str:
    """Return the text of the card, whose metadata was read again.

    Raises:
        EvaluationError: The hub's parser reads other scores than were written.
    """
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - Markdown, whose own characters are escaped by `escape`
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(md=escape, change=_change)
    table, row, base = facts.table, facts.row, facts.tuned.model.base
    body = environment.get_template("card.md.j2").render(
        facts=facts,
        table=table,
        row=row,
        base=base,
        reference=table.row(table.reference),
        roles=[(role, change) for role in ROLES if (change := row.aggregates.of(role)) is not None],
        use=usage.of(base, name=f"./{facts.name}"),
        fell=_columns(table, row, "regressed"),
        recipe=_recipe(facts),
        absent=[column for column in table.columns if row.cells[column.name].score is None],
        several=len(facts.tuned.seeds) > 1,
        commit=str(facts.tuned.provenance.get("commit", "")),
        unknown=[each.of for each in (*facts.bases, *facts.data) if each.terms == licences.UNKNOWN],
        bibtex=to_bibtex(table),
        version=__version__,
    )
    text = f"---\n{metadata(facts).to_yaml()}\n---\n{_MARK}\n{body}"
    _verify(text, facts.results)
    return text


def metadata(facts: Facts) -> ModelCardData:
    """Return the card's metadata."""
    from huggingface_hub import ModelCardData

    is_reranker = facts.tuned.model.base.kind == "reranker"
    kinds = ["cross-encoder", "reranker"] if is_reranker else ["feature-extraction", "sentence-similarity"]
    own: dict[str, Any] = {"license": facts.license} if facts.license else {
        "license": "other", "license_name": _LICENSE_NAME,
    }  # fmt: skip
    return ModelCardData(
        language=[_LANGUAGE],
        library_name="sentence-transformers",
        pipeline_tag="text-ranking" if is_reranker else "sentence-similarity",
        tags=["mteb", "sentence-transformers", *kinds, "traditional-chinese-medicine"],
        base_model=facts.hub_base or None,
        model_name=facts.name,
        eval_results=[*facts.results] or None,
        **own,
    )


def _verify(text: str, results: Sequence[EvalResult]) -> None:
    """Check that the hub's parser reads from a card what was written.

    Raises:
        EvaluationError: It reads something else, or nothing.
    """
    from huggingface_hub import ModelCard

    try:
        data: Any = ModelCard(text, ignore_metadata_errors=False).data
        read = data.eval_results or []
    except (ValueError, TypeError, KeyError) as error:
        raise EvaluationError(f"the metadata of the card can't be read by huggingface_hub: {error}") from error
    if [*map(_identity, read)] != [*map(_identity, results)]:
        raise EvaluationError(
            f"the card has {len(results)} metrics, of which huggingface_hub reads {len(read)}, or others. Report this."
        )


def _identity(result: EvalResult) -> tuple[object, ...]:
    return (
        result.task_type, result.dataset_type, result.dataset_name, result.dataset_split, result.dataset_revision,
        result.metric_type, result.metric_value,
    )  # fmt: skip


def _recipe(facts: Facts) -> Mapping[str, object]:
    """Return the fields of the recipe that differ from their defaults, and the loss; of a cure all its fields."""
    if [variant.name for variant in facts.tuned.trained_on] != [facts.name]:
        return facts.row.recipe
    own = {field for variant in facts.tuned.trained_on for field in _fields(differences(variant))}
    return {field: value for field, value in facts.row.recipe.items() if field in own or field == "training.loss"}


def _fields(value: Json, prefix: str = "") -> Iterator[str]:
    if not isinstance(value, dict):
        yield prefix
        return
    for name, inner in value.items():
        yield from _fields(inner, f"{prefix}.{name}" if prefix else name)


def _columns(table: Table, row: BoardRow, verdict: str) -> list[str]:
    cells = ((column, row.cells[column.name].delta) for column in table.columns)
    return [column.title for column, delta in cells if delta is not None and delta.verdict == verdict]


def _change(estimate: ShownEstimate | None, *, sign: bool = True) -> str:
    """Return a figure with its interval, or a dash where there is none."""
    if estimate is None:
        return "–"
    digits = digits_of(estimate.value, estimate.low, estimate.high, least=2)

    def shown(value: float) -> str:
        return signed(value, digits) if sign else f"{value:.{digits}f}"

    if estimate.low is None or estimate.high is None:
        return shown(estimate.value)
    return f"{shown(estimate.value)} [{shown(estimate.low)}, {shown(estimate.high)}]"
