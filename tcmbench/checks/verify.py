"""Whether what is served is what was measured: the canaries, all texts, and the items of every task.

Everything is asked for anew, into a store that is removed: a cached vector would say nothing about the server.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from tcmbench import models, tasks
from tcmbench.checks import served_model, sides
from tcmbench.comparison import pairs
from tcmbench.comparison.measured import measured
from tcmbench.comparison.pairs import ComparedPair
from tcmbench.encoders.runtime import canaries, drift
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tcmbench.encoders.runtime.embedding_cache import Space
from tcmbench.errors import SpecError
from tcmbench.evaluation import run
from tcmbench.evaluation.given import Measurement, suite_for
from tcmbench.models import served
from tcmbench.ranking.unit_vectors import unit
from tcmbench.runs import entries, named
from tcmbench.specs.model_set import ModelSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.comparison.pairs import ComparedColumn, Comparison, Side
    from tcmbench.encoders.runtime.canaries import Values
    from tcmbench.encoders.runtime.drift import Drift
    from tcmbench.records.events import Emit
    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.workspace import Workspace

_MOVED = 1e-6
"""Points by which an item moves; k-means and regressions on equal vectors stay below."""

_SHARE = 0.01
"""Share of a task's items that ties may move between two implementations in float32."""

_POINTS = 0.05
"""The same for tasks whose items have no score: points of the whole score."""

_MOST_POINTS = 100.0
_BLOCK = 4096
"""Texts whose vectors are compared at once."""

Outcome = Literal["same", "within", "different", "unjudged"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is verified."""

    served: str
    """URL of the server, or a base behind one."""

    model: str
    """What it should serve: a base, `variant/seed0`, a folder or a model of the hub."""

    suite: str = ""
    """Suite of the items; empty: that of the workspace."""

    tasks: tuple[str, ...] = ()
    """Tasks instead of a suite, as users name them."""

    limit: int | None = None
    """Most items per task, a fixed sample; None: all."""

    within: float | None = None
    """Points that every task may differ by, with its whole interval; None: nothing may differ."""

    api_key_env: str = ""
    """Environment variable with the key of the server at a URL."""


@dataclass(frozen=True, slots=True)
class TextDifferences:
    """The vectors of all texts of the tasks."""

    count: int
    """Texts whose vectors both sides have."""

    differing: int
    """Those that differ by more than `drift.EQUAL`."""

    largest: float
    """Largest difference between two numbers of unit vectors."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The comparison of what is served with what was measured."""

    address: str
    """Address of the server, without secrets."""

    served_name: str
    """The server's name of its model."""

    model: str
    """What it should be."""

    canaries: Drift | None
    """Difference of the canaries; None where those of the model aren't known."""

    texts: TextDifferences | None
    """None for rerankers, and where the store has no vectors of the model by the installed packages."""

    pair: ComparedPair
    """Both sides: measured, served."""

    comparison: Comparison
    """Differences of the items."""

    within: float | None
    """Points that every task may differ by; None: nothing may differ."""

    is_reranker: bool = False
    """Whether it scores pairs: there are no vectors of texts to compare."""

    @property
    def differing(self) -> tuple[str, ...]:
        """Columns that differ by more than may be."""
        return tuple(name for name, column in self.comparison.columns.items() if self._differs(column))

    @property
    def unmeasured(self) -> Mapping[str, str]:
        """Column → why it could not be compared, of those that such a model can be measured on here."""
        pair = self.pair
        absent = {column.column for column in pair.columns if column.task in pair.planned.absent}
        missing = pair.before.missing | pair.after.missing
        too_few = pair.before.items.keys() & pair.after.items.keys()
        skipped = self.comparison.skipped.items()
        return {name: reason for name, reason in skipped if name not in absent and name in missing | too_few}

    @property
    def outcome(self) -> Outcome:
        """same: nothing differs; within: no more than may; different; unjudged: not all could be compared."""
        strict = self.within is None
        texts_differ = self.texts is not None and self.texts.differing > 0
        canaries_differ = self.canaries is not None and self.canaries.is_drift
        if self.differing or (strict and (canaries_differ or texts_differ)):
            return "different"
        if self.unmeasured or not self.comparison.columns:
            return "unjudged"
        return "within" if canaries_differ or texts_differ or self._any_moved() else "same"

    @property
    def exit_code(self) -> int:
        """0 for the same or within, 1 for different, 2 where it could not be judged."""
        return {"same": 0, "within": 0, "different": 1, "unjudged": 2}[self.outcome]

    def moved(self, column: ComparedColumn) -> int:
        """Return the number of items of a column whose score differs."""
        return sum(abs(item.delta) > _MOVED for item in column.moved)

    def _differs(self, column: ComparedColumn) -> bool:
        verdict = column.verdict
        if self.within is not None:
            return not verdict.delta.interval.within(self.within)
        if not column.has_items:
            return abs(verdict.delta.value) > _POINTS
        is_sure = verdict.p_holm < self.pair.policy.alpha and self.moved(column) > 0
        return is_sure or self.moved(column) > max(1.0, _SHARE * verdict.n)

    def _any_moved(self) -> bool:
        return any(self.moved(column) > 0 for column in self.comparison.columns.values())


@dataclass(frozen=True, slots=True)
class Prepared:
    """Both sides before anything is measured."""

    question: Question

    place: served_model.ServerPlace
    """The server."""

    before: Measurement
    """The model, with the columns that it has no score of."""

    planned: PlannedSuite

    @property
    def total(self) -> int:
        """Number of scores to measure: what is missing of the model, and all of the server."""
        return len(self.before.missing) + len(run.measurable(self.before.model.base, self.planned))

    def verify(self, *, emit: Emit) -> Verification:
        """Return the comparison.

        Args:
            emit: Receives the progress.

        Raises:
            ModelAbsent: The server can't be reached any more.
            EvaluationError: It answers with something else than vectors or scores.
        """
        workspace, model = self.before.workspace, self.before.model
        with tempfile.TemporaryDirectory(prefix="tcmbench-verify-") as folder:
            other = replace(workspace, cache=Path(folder))
            its = served_model.opened(self.place, model, cache=other.cache)
            expected = _expected(workspace, model)
            # The server first: what it lacks shows before anything long is measured here.
            columns = run.measurable(its.model.base, self.planned)
            run.measure(other, its.model, columns, self.planned, emit=emit, loaded=its.loaded)
            self.before.measure(emit=emit)
            pair = _pair(workspace, other, model, its.model, self.planned)
            return Verification(
                address=self.place.shown,
                served_name=str(self.place.options["model"]),
                model=model.name,
                canaries=_drift(model, expected, its.canaries),
                texts=_texts(workspace, model, its.loaded),
                pair=pair,
                comparison=pairs.compare(pair),
                within=self.question.within,
                is_reranker=model.base.kind == "reranker",
            )


def prepare(workspace: Workspace, question: Question) -> Prepared:
    """Return both sides, of which nothing was measured yet; the server is asked for the name of its model.

    Args:
        workspace: Where models, tasks and scores are.
        question: What is verified.

    Raises:
        ModelAbsent: The server can't be reached, or the model isn't here.
        TcmbenchError: Model or tasks can't be resolved.
    """
    if question.within is not None and not 0 < question.within <= _MOST_POINTS:
        raise SpecError(f"--within: expected points above 0 and up to {_MOST_POINTS}, got {question.within:g}.")
    workspace, suite = suite_for(workspace, suite=question.suite, names=question.tasks, limit=question.limit)
    found = named.find(workspace, question.model)
    place = served_model.where(found.workspace, question.served, api_key_env=question.api_key_env)
    planned = tasks.plan_suite(found.workspace, suite)
    missing = run.missing(found.workspace, found.model, planned)
    return Prepared(question, place, Measurement(found.workspace, found.model, planned, missing), planned)


def _pair(workspace: Workspace, other: Workspace, model: Model, its: Model, planned: PlannedSuite) -> ComparedPair:
    name = model.base.name
    model_set = ModelSet(name="verify", suite=planned.suite.name, reference=name, models=(name,))
    return ComparedPair(
        _side(workspace, model, planned, label="measured"),
        _side(other, its, planned, label="served"),
        model_set,
        planned,
        workspace.policies(model_set).reference,
    )


def _side(workspace: Workspace, model: Model, planned: PlannedSuite, *, label: str) -> Side:
    cells = run.read(workspace, model, planned)
    return sides.of_measured(measured(entries.base_entry(model, cells, settings={})), label=label)


def _expected(workspace: Workspace, model: Model) -> Values | None:
    """Return the canaries of a model; None for one behind a server that was never asked for them."""
    if model.base.weights == "server":
        return canaries.stored(workspace.store, model.revision)
    return served.of_local(model, cache=workspace.cache, load=models.load)


def _drift(model: Model, expected: Values | None, actual: Values) -> Drift | None:
    if expected is None:
        return None
    compare = drift.of_scores if model.base.kind == "reranker" else drift.of_vectors
    return compare(expected, actual, tolerance=drift.EQUAL)


def _texts(workspace: Workspace, model: Model, loaded: object) -> TextDifferences | None:
    """Return how the vectors differ of all texts that the server was sent and that the store has of the model."""
    if not isinstance(loaded, CachedEncoder):
        return None
    base = model.base
    local = Space(
        workspace.cache / "embeddings",
        model=model.name,
        revision=model.revision,
        max_length=base.max_length,
        dtype=entries.precision(model),
        packages={} if base.weights == "server" else None,
    )
    loaded.space.refresh()
    largest: list[float] = []
    digests = loaded.space.digests()
    for start in range(0, len(digests), _BLOCK):
        names = digests[start : start + _BLOCK]
        present, before = local.get(names)
        its, now = loaded.space.get([name for name, is_there in zip(names, present, strict=True) if is_there])
        if not its.all() or (now.size and now.shape[1] != before.shape[1]):
            return None
        if now.size:
            largest += np.abs(unit(before) - unit(now)).max(axis=1).tolist()
    if not largest:
        return None
    return TextDifferences(len(largest), sum(number > drift.EQUAL for number in largest), max(largest))
