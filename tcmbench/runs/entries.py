"""Entries of a board from stored scores and trainings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench import redaction
from tcmbench.encoders._exported_options import ExportedOptions
from tcmbench.models.revisions import dense_base, encoder_of
from tcmbench.records.entry import CellState, Cost, Entry, TrainingPoint
from tcmbench.records.reason import Reason, Reasons
from tcmbench.specs.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from tcmbench.records.cells import Cells
    from tcmbench.records.entry import Kind, State
    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.records.trajectory import Trajectory
    from tcmbench.specs.base import Base
    from tcmbench.store import Json
    from tcmbench.tuning.tune import Tuned


@dataclass(frozen=True, slots=True)
class Trained:
    """The trained models of a variant."""

    tuned: Sequence[Tuned]
    """Its models, one per seed."""

    leaks: Reasons
    """Overlap of the training records with the tasks of the board's suite, in one line. It is not stored with the
    models, since the same model may be on boards of several suites."""


def base_entry(model: Model, cells: Cells, *, settings: Mapping[str, Json]) -> Entry:
    """Return the entry of a base, or of a model that was tuned elsewhere.

    Args:
        model: The base with its weights.
        cells: Its cells.
        settings: How it was trained, as far as its folder says; empty for one that wasn't tuned.
    """
    base = model.base
    return Entry(
        name=base.name,
        title=base.name,
        kind=kind_of(base),
        base=base.tuned_from,
        description=base.description,
        description_zh=base.description_zh,
        recipe={**recipe(base), **settings},
        scores={column: (score,) for column, score in cells.scores.items()},
        states=cells.states,
        cost=Cost(encode_tokens_per_second=speed([cells])),
        precision=precision(model),
        provenance={**provenance([cells]), **({"weights": model.weights_from} if model.weights_from else {})},
    )


def variant_entry(
    variant: Variant,
    planned: PlannedSuite,
    *,
    trained: Trained,
    cells: Sequence[Cells],
    states: Mapping[str, CellState],
    failure: str | None,
    trajectory: Trajectory | None = None,
) -> Entry:
    """Return the entry of a variant: one score per seed on every column that all its seeds have.

    Args:
        variant: The variant.
        planned: The suite.
        trained: Its models.
        cells: Their cells, in the same order.
        states: Column → why there is no score, for columns that some seed lacks.
        failure: Why it could not be trained; None if it was.
        trajectory: Scores of its checkpoints.
    """
    columns = [column.column for column in planned.suite.tasks]
    complete = [c for c in columns if cells and c not in states and all(c in one.scores for one in cells)]
    return Entry(
        name=variant.name,
        title=variant.name,
        kind="variant",
        base=variant.base,
        description=variant.description,
        description_zh=variant.description_zh,
        recipe={**recipe(variant), **_loss(trained.tuned)},
        scores={column: tuple(one.scores[column] for one in cells) for column in complete},
        states=states,
        cost=_training_cost(trained.tuned, cells),
        training={one.model.seed: _curve(one) for one in trained.tuned},
        precision=precision(trained.tuned[0].model) if trained.tuned else "",
        failure=failure,
        provenance={**provenance(cells), **_training_provenance(trained)},
        trajectory=trajectory,
        leaks=trained.leaks if trained.tuned else Reasons(),
    )


def precision(model: Model) -> str:
    """Return the precision of a model's evaluation; a table of token vectors is always read in float32."""
    if model.model_dir is None:
        return ""
    options = encoder_of(dense_base(model.base)).options
    if isinstance(options, ExportedOptions):
        return options.dtype
    return "float32" if model.base.architecture == "static" else model.base.dtype


def _loss(tuned: Sequence[Tuned]) -> dict[str, Json]:
    """Return the loss of the training, which a recipe may leave to its trainer's default."""
    return {"training.loss": tuned[0].outcome["loss"]} if tuned else {}


def _training_cost(tuned: Sequence[Tuned], cells: Sequence[Cells]) -> Cost:
    def mean(name: str) -> float | None:
        values = [one.outcome.get(name) for one in tuned]
        numbers = [float(value) for value in values if isinstance(value, int | float)]
        return sum(numbers) / len(numbers) if numbers else None

    trained, tokens = mean("trained_parameters"), mean("tokens")
    return Cost(
        train_seconds=mean("seconds"),
        trained_parameters=None if trained is None else round(trained),
        train_tokens=None if tokens is None else round(tokens),
        peak_memory_mib=mean("peak_gpu_memory_mib") or mean("peak_memory_mib"),
        encode_tokens_per_second=speed(cells),
    )


def _curve(tuned: Tuned) -> tuple[TrainingPoint, ...]:
    curves = tuned.outcome.get("curves")
    points = [point for point in curves if isinstance(point, dict)] if isinstance(curves, list) else []

    def number(point: Mapping[str, Json], name: str) -> float | None:
        value = point.get(name)
        return float(value) if isinstance(value, int | float) else None

    return tuple(
        TrainingPoint(
            step=int(number(point, "step") or 0),
            loss=number(point, "loss"),
            margin=number(point, "margin"),
            learning_rate=number(point, "learning_rate"),
        )
        for point in points
    )


def _training_provenance(trained: Trained) -> dict[str, str]:
    """Return the provenance of the trainings: seeds, data, command, settings, versions, parity."""
    tuned = trained.tuned
    if not tuned:
        return {}
    outcome = tuned[0].outcome
    facts: dict[str, str] = {
        "trained seeds": ", ".join(str(one.model.seed) for one in tuned),
        "training set": ", ".join(dict.fromkeys(str(one.outcome.get("trainset", "")) for one in tuned)),
    }
    command, parity, environment = outcome.get("command"), outcome.get("parity"), outcome.get("environment")
    if isinstance(command, list):
        facts["training command"] = " ".join(str(word).rpartition("/")[2] for word in command)
    if isinstance(environment, dict):
        # Variables that ms-swift reads in addition to its arguments, without paths of this machine.
        settings = [f"{name}={value}" for name, value in environment.items() if "/" not in str(value) and value != ""]
        facts["training environment"] = " ".join(settings)
    if isinstance(parity, dict):
        facts["parity"] = ", ".join(f"{name} {value:.1e}" for name, value in parity.items() if isinstance(value, float))
    statistics, origin = outcome.get("statistics"), outcome.get("provenance")
    if isinstance(statistics, dict):
        facts["training data"] = ", ".join(
            f"{statistics[n]} {n}" for n in ("records", "pairs", "lines", "repeated") if n in statistics
        )
        facts |= _sources(statistics.get("sources"))
    if isinstance(origin, dict):
        facts |= {f"training {name}": str(origin[name]) for name in ("commit", "hardware") if origin.get(name)}
        packages = origin.get("packages")
        if isinstance(packages, dict):
            facts["training packages"] = ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))
    return facts


def _sources(statistics: Json) -> dict[str, str]:
    """Return the sources of a mixture: examples, and share of the lines that were trained on."""
    shown = [
        f"{one['path']}{' (replay)' if one['role'] == 'replay' else ''}: {one['examples']} examples, "
        f"{100 * float(str(one['share'])):.1f}% of lines"
        for one in (statistics if isinstance(statistics, list) else [])
        if isinstance(one, dict)
    ]
    return {"sources of training data": "; ".join(shown)} if shown else {}


def failed_base_entry(base: Base, planned: PlannedSuite, reason: str, *, state: State) -> Entry:
    """Return the entry of a base that could not be loaded: without a score on all columns, with the reason."""
    return Entry(
        name=base.name,
        title=base.name,
        kind=kind_of(base),
        base=base.tuned_from,
        description=base.description,
        description_zh=base.description_zh,
        recipe=recipe(base),
        states={column.column: CellState(state, Reason.message(reason)) for column in planned.suite.tasks},
        failure=reason,
    )


def kind_of(base: Base) -> Kind:
    """Return the kind of a base's row."""
    if base.tuned_from is not None:
        return "variant"
    return "baseline" if base.kind == "baseline" else "base"


def recipe(spec: BaseModel) -> dict[str, Json]:
    """Return a spec's fields without secrets, with tables flattened by dots, without fields that are None or empty.

    The sources of training data are numbered, each with the fields that its table has: `data.1.path`. Sources of
    weights are left out: the one that was used is in the provenance.
    """
    flat: dict[str, Json] = {}

    def walk(prefix: str, value: Json) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{prefix}.{name}" if prefix else name, inner)
        elif value not in (None, "", []):
            flat[prefix] = value

    shown = spec.model_dump(mode="json", exclude={"description", "description_zh", "sources"})
    if isinstance(spec, Variant):
        shown |= _data(spec)
    walk("", redaction.record(shown))
    return flat


def _data(variant: Variant) -> dict[str, Json]:
    """Return the fields about the data of a variant, as they are shown: of one source, no mixing."""
    if isinstance(variant.data, str):
        return {"mixing": None}
    given = [source.model_dump(mode="json", exclude_defaults=True) for source in variant.data]
    mixing: Json = variant.mixing.model_dump(mode="json") if variant.is_mixture else None
    return {"data": {str(number): source for number, source in enumerate(given, start=1)}, "mixing": mixing}


def speed(seeds: Sequence[Cells]) -> float | None:
    """Return tokens encoded per second over all scores that encoded any; None if all vectors were cached."""
    origins = [score.record.provenance for cells in seeds for score in cells.scores.values()]
    tokens = sum(origin.encoded_tokens for origin in origins)
    seconds = sum(origin.seconds for origin in origins if origin.encoded_tokens)
    return tokens / seconds if tokens and seconds else None


def provenance(seeds: Sequence[Cells]) -> dict[str, str]:
    """Return the provenance of a model's scores, one line per kind, with all values."""
    records = [score.record for cells in seeds for score in cells.scores.values()]
    if not records:
        return {}

    def joined(values: set[str]) -> str:
        return ", ".join(sorted(value for value in values if value))

    notes = joined({f"{record.task}: {note}" for record in records for note in record.notes})
    packages = {f"{name} {version}" for record in records for name, version in record.provenance.packages.items()}
    return {
        "model revision": joined({record.model_revision for record in records}),
        "commit": joined({record.provenance.commit for record in records}),
        "hardware": joined({record.provenance.hardware for record in records}),
        "command": joined({record.provenance.command for record in records}),
        "packages": joined(packages),
        **({"notes on data": notes} if notes else {}),
    }
