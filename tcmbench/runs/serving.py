"""What the models of a set cost to run, measured side by side in one run.

Each measurement has a process of its own, so that memory is that of one model. The models take turns, and this several
times: a slow phase of the machine hits all of them. The figures of a model are medians over its turns.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.context
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from statistics import median
from typing import TYPE_CHECKING

from tcmbench import models, tasks
from tcmbench.errors import EvaluationError, ModelAbsent, SpecError
from tcmbench.evaluation import hub_data, serving
from tcmbench.evaluation.serving import ServingFigures, ServingOrder
from tcmbench.records.entry import Serving
from tcmbench.records.provenance import hardware, package_versions
from tcmbench.runs import row_models, serving_figures
from tcmbench.store import Json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcmbench.records.model import Model
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.model_set import ModelSet
    from tcmbench.specs.suite import SuiteTask
    from tcmbench.workspace import Workspace

_LIBRARIES = ("torch", "mteb", "sentence_transformers", "faiss")


def measure(
    workspace: Workspace,
    model_set: ModelSet,
    planned: PlannedSuite,
    *,
    repeats: int,
    most: tuple[int, int],
    report: Callable[[str, ServingFigures], None],
) -> dict[str, Serving]:
    """Measure all models of a set that have vectors, store the figures, and return them by name.

    Args:
        workspace: Where specs, data and the store are.
        model_set: The set; of models with several seeds the first is measured.
        planned: Its suite; texts are those of its first task with documents.
        repeats: Turns of each model.
        most: Most queries and documents; the first of the task.
        report: Receives the figures of every turn.

    Raises:
        SpecError: No task with documents, no model with vectors, or one that isn't made yet.
        EvaluationError: A process died.
    """
    chosen = _models(workspace, model_set, planned)
    if not chosen:
        raise SpecError(f"set {model_set.name}: expected embedding models with weights in a folder, got none to time.")
    column = serving_figures.column_of(model_set, planned)
    queries, documents = (texts[:count] for texts, count in zip(_texts(column, planned), most, strict=True))
    turns: dict[str, list[ServingFigures]] = {name: [] for name in chosen}
    names = list(chosen)
    for turn in range(repeats):
        for name in (*names[turn % len(names) :], *names[: turn % len(names)]):
            figures = _apart(ServingOrder(chosen[name], tuple(queries), tuple(documents)))
            turns[name].append(figures)
            report(name, figures)
    found = {name: _median(each, column=column.column, documents=len(documents)) for name, each in turns.items()}
    rows: dict[str, Json] = {
        chosen[name].revision: {field: getattr(one, field) for field in Serving.__slots__}
        for name, one in found.items()
    }
    content: dict[str, Json] = {
        "set": model_set.name,
        "queries": len(queries),
        "packages": dict(package_versions()),
        "rows": rows,
    }
    with workspace.store.build(serving_figures.KIND, serving_figures.key_of(model_set, planned), replaces=True) as part:
        write_json(part / serving_figures.FILE, content)
    return found


def _texts(column: SuiteTask, planned: PlannedSuite) -> tuple[list[str], list[str]]:
    """Return the texts of the queries and documents of a column."""
    task = planned.tasks[column.task]
    instance = tasks.instantiate(task, column.split, subset=column.subset)
    hub_data.load_data(instance, task)
    split = instance.dataset[column.subset][column.split]
    corpus = split["corpus"]
    titles = corpus["title"][:] if "title" in corpus.column_names else [""] * len(corpus)
    documents = [f"{title} {text}".strip() for title, text in zip(titles, corpus["text"][:], strict=True)]
    return [str(text) for text in split["queries"]["text"][:]], documents


def _models(workspace: Workspace, model_set: ModelSet, planned: PlannedSuite) -> dict[str, Model]:
    """Return the models of a set that map texts to vectors, the first seed of each, by the name of their row.

    Raises:
        SpecError: One isn't in the store.
    """
    found: dict[str, Model | None] = {}
    for name in model_set.models:
        try:
            found[name] = models.base_model(workspace, name)
        except ModelAbsent:
            continue
    for row in row_models.rows(workspace, model_set).values():
        seed = row_models.seeds(workspace, model_set, planned, row)[0]
        made = row_models.usable(workspace, model_set, planned, row, seed=seed)
        found[row.name] = None if made is None else made.model
    missing = [name for name, model in found.items() if model is None]
    if missing:
        raise SpecError(
            f"set {model_set.name}: not made yet: {', '.join(missing)}. Run the set first: tcmbench run "
            f"{model_set.name}"
        )
    return {
        name: model
        for name, model in found.items()
        if model is not None and model.model_dir is not None and _has_vectors(model)
    }


def _has_vectors(model: Model) -> bool:
    is_embedding = model.base.kind == "embedding"
    return is_embedding and model.base.encoder != "fusion"


def _apart(order: ServingOrder) -> ServingFigures:
    """Return the figures of a model, measured in a new process.

    Raises:
        EvaluationError: The process died, such as for lack of memory.
    """
    try:
        with ProcessPoolExecutor(1, mp_context=_context()) as pool:
            return pool.submit(serving.measure, order).result()
    except BrokenProcessPool as error:
        raise EvaluationError(
            f"{order.model.name}: its process died while it was timed; the system may have run out of memory. Lower "
            "--documents."
        ) from error


def _context() -> multiprocessing.context.BaseContext:
    """Return how processes start: from one that has imported the libraries and loaded nothing, where the system can."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_LIBRARIES, serving.__name__])
    return context


def _median(turns: Sequence[ServingFigures], *, column: str, documents: int) -> Serving:
    """Return the medians over the turns; memory is the largest."""
    middle = {name: float(median(getattr(turn, name) for turn in turns)) for name in ServingFigures._fields}
    first = turns[0]
    speeds = [turn.query_ms for turn in turns]
    return Serving(
        tokens_per_second=middle["tokens_per_second"],
        query_ms=middle["query_ms"],
        query_ms_p95=middle["query_ms_p95"],
        query_ms_range=(min(speeds), max(speeds)),
        bytes_per_document=first.bytes_per_document,
        index_bytes=first.index_bytes,
        weights_bytes=first.weights_bytes,
        parameters=first.parameters,
        peak_memory_mib=max(turn.peak_memory_mib for turn in turns),
        documents=documents,
        column=column,
        repeats=len(turns),
        hardware=hardware(),
    )
