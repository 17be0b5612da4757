"""General texts of `[training.keep]`: a sample of their file, without those that leak into the suite, and vectors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcmbench import strict_json
from tcmbench.data import general_texts as sampling
from tcmbench.data import location, reading
from tcmbench.data.leakage import find_leaks
from tcmbench.errors import DataAbsent, StoreError
from tcmbench.models.revisions import weights_hash
from tcmbench.records.reason import Reason, Reasons
from tcmbench.specs.base import LABELS
from tcmbench.store import differences, key, read_json, write_json, write_text
from tcmbench.tuning import leaks

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.data.general_texts import GeneralRow
    from tcmbench.records.planned_suite import PlannedSuite
    from tcmbench.specs.base import Base
    from tcmbench.specs.variant import Training, Variant
    from tcmbench.store import Json, Store
    from tcmbench.workspace import Workspace

KIND, VECTORS = "general_texts", "general_vectors"
_STAGE, _VECTORS_STAGE = "general texts 1", "general vectors 1"
_FILE, _VECTORS_FILE = "texts.jsonl", "vectors.safetensors"


@dataclass(frozen=True, slots=True)
class GeneralTexts:
    """The general texts of a variant."""

    path: Path
    """JSON lines {query, positive} without prompts."""

    key: str
    """Hash of everything that they depend on."""

    leaks: Reasons
    """Their overlap with the tasks of the suite, in one line; empty without a suite."""


def find(workspace: Workspace, variant: Variant, planned: PlannedSuite | None) -> GeneralTexts | None:
    """Return the general texts of a variant; None where its training reads none.

    With a suite, texts that occur in its tasks are looked for as in training records. They are left out under
    `drop_leaks`: a model would be held at the base on the very texts that forgetting is measured on.

    Raises:
        DataAbsent: There is no such file.
        DataError: It can't be used.
    """
    keep = variant.training.keep
    if not keep.reads_texts:
        return None
    path = location.locate(workspace, keep.texts)
    if not reading.exists(path):
        raise DataAbsent(
            path,
            what=f"General texts of variant {variant.name} (training.keep.texts)",
            how=f"{location.looked_in(workspace)} Name its folder with --data.",
        )
    inputs: dict[str, Json] = {
        "file": reading.hashed([path])[path],
        "columns": dict(keep.columns),
        "rows": keep.max_rows,
    }
    name, store = key(_STAGE, inputs), workspace.store
    with store.lock(KIND, name):
        if not store.has(KIND, name):
            _write(store, name, sampling.sample(path, count=keep.max_rows, columns=keep.columns))
    found = GeneralTexts(store.path(KIND, name) / _FILE, name, Reasons())
    return found if planned is None else _without_leaks(store, found, planned, drops=variant.drop_leaks)


def vectors(workspace: Workspace, of: GeneralTexts, base: Base, base_dir: Path, *, training: Training) -> Path:
    """Return the file of a base's vectors of general texts; computed once for all seeds and recipes.

    Args:
        workspace: Where the store is.
        of: The texts.
        base: The base.
        base_dir: Folder of its weights.
        training: The training that reads them.

    Raises:
        TrainingError: The texts don't suit the training, or a vector has no direction.
    """
    from tcmbench.trainers._runtime import general

    store = workspace.store
    # A static base has no longest text.
    longest = None if base.architecture == "static" else training.longest_text
    name = key(_VECTORS_STAGE, {
        "texts": of.key,
        "weights": weights_hash(base_dir),
        "base": differences(base, exclude=LABELS),
        "max_length": longest,
    })  # fmt: skip
    texts = general.read(of.path, base, training.keep).texts
    with store.lock(VECTORS, name):
        if not store.has(VECTORS, name):
            computed = general.base_vectors(base_dir, base, texts, max_length=training.longest_text)
            with store.build(VECTORS, name) as part:
                general.write_vectors(part / _VECTORS_FILE, computed)
    return store.path(VECTORS, name) / _VECTORS_FILE


def _without_leaks(store: Store, found: GeneralTexts, planned: PlannedSuite, *, drops: bool) -> GeneralTexts:
    """Return the texts with their leaks, which are left out with `drops`."""
    name = key(_STAGE, {"texts": found.key, **leaks.inputs_of(planned)})
    report = store.path(leaks.KIND, name) / "report.json"
    with store.lock(leaks.KIND, name):
        if not store.has(leaks.KIND, name):
            with store.build(leaks.KIND, name) as part:
                write_json(part / "report.json", _report(_read(found.path), planned))
    kept = read_json(report)
    leaking = kept.get("leaking_rows") if isinstance(kept, dict) else None
    if not isinstance(kept, dict) or not isinstance(leaking, list):
        raise StoreError(f"{report}: expected a leakage report. Delete it and run again.")
    summary = Reasons.from_json(kept["findings"])
    if not drops or not leaking:
        return GeneralTexts(found.path, found.key, summary)
    dropped = {int(str(number)) for number in leaking}
    rest = key(_STAGE, {"texts": found.key, "without": [*sorted(dropped)]})
    with store.lock(KIND, rest):
        if not store.has(KIND, rest):
            rows = [row for number, row in enumerate(_read(found.path)) if number not in dropped]
            _write(store, rest, tuple(rows))
    said = Reasons([*summary, Reason.of("leaks_dropped", count=len(dropped))])
    return GeneralTexts(store.path(KIND, rest) / _FILE, rest, said)


def _report(rows: tuple[GeneralRow, ...], planned: PlannedSuite) -> dict[str, Json]:
    from tcmbench.data.formats import TrainingRow

    as_rows = [TrainingRow(row.query or row.positive, (row.positive,) if row.query else ()) for row in rows]
    report = find_leaks(as_rows, leaks.evaluation_texts(planned))
    tasks = sorted({leak.task for leak in report.leaks if leak.is_counted and leak.exact + leak.near})
    count, total = len(report.leaking_rows), f"{len(rows):,}"
    summary = (
        Reason.of("general_leaks", leaking=f"{count:,}", rows=total, tasks=", ".join(tasks))
        if count
        else Reason.of("general_leaks_none", rows=total)
    )
    return {"findings": Reasons([summary]).to_json(), **report.to_json()}


def _read(path: Path) -> tuple[GeneralRow, ...]:
    # A text may contain U+2028 or U+0085, which `splitlines` takes for ends of lines.
    lines = path.read_text(encoding="utf-8").split("\n")
    return tuple(sampling.GeneralRow(**strict_json.loads(line)) for line in lines if line)


def _write(store: Store, name: str, rows: tuple[GeneralRow, ...]) -> None:
    with store.build(KIND, name) as part:
        write_text(part / _FILE, "".join(json.dumps(row._asdict(), ensure_ascii=False) + "\n" for row in rows))
