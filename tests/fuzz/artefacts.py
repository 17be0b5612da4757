"""Every kind of artefact, small, in a store of its own: what it is used for, and how it is rebuilt."""

from __future__ import annotations

import math
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from tcmbench import models, tasks
from tcmbench.boards import publish
from tcmbench.checksums import file_sha256
from tcmbench.comparison import baseline
from tcmbench.data import synthetic, tcm_sd
from tcmbench.encoders.runtime.embedding_cache import Space, digest
from tcmbench.errors import StoreError
from tcmbench.evaluation import evaluate, run
from tcmbench.records import failures
from tcmbench.records.events import JobStarted
from tcmbench.runs import gather, status
from tcmbench.specs.model_set import ModelSet
from tcmbench.specs.variant import Variant
from tcmbench.store import read_json
from tcmbench.task_types.scoring.candidates import candidate_pools
from tcmbench.trainers import Outcome, Point, TrainedRows, sentence_transformers
from tcmbench.trainers._runtime import checkpoints, costs
from tcmbench.trainers._runtime.process import Finished
from tcmbench.tuning import leaks, tune
from tcmbench.tuning.recipe import parts_of, resolve
from tcmbench.workspace import Workspace, find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tcmbench.trainers import TrainingJob

_VARIANT = Variant.model_validate(
    {
        "name": "tuned",
        "base": "mini-zh-static",
        "data": "tcm-synth",
        "trainer": "sentence_transformers",
        "training": {"batch_size": 16, "learning_rate": 2e-2, "max_length": 64},
    }
)
_FILES = {
    "tasks/Tiny.toml": 'type = "syndrome_retrieval"\npath = "tcm-synth"\n',
    "tasks/TinySTS.toml": 'type = "sts"\npath = "general-synth/sts.jsonl"\n',
    "tasks/suites/tiny.toml": '[[tasks]]\ntask = "Tiny"\nrole = "in_domain"\n'
    '[[tasks]]\ntask = "TinySTS"\nrole = "general"\n',
    "models/sets/tiny.toml": 'suite = "tiny"\nreference = "random"\nmodels = ["random", "hashed-chars"]\n',
}
_TEXTS = [f"头痛{n}天" for n in range(40)]


@dataclass(frozen=True, slots=True)
class Artefact:
    """One artefact, and what it is used for."""

    path: Path
    """Its folder or file: what bits are flipped in."""

    use: Callable[[], object]
    """Uses it as a command does, and returns what it took from it; rebuilt where possible."""

    fallbacks: tuple[object, ...] = ()
    """What may be returned instead, where that is said: nothing, or the checkpoint before."""


class Artefacts(ExitStack):
    """All artefacts of a workspace, made by the code that makes them elsewhere; trainings copy the base."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._place = _workspace(root)
        self._store = self._place.store
        self.enter_context(mock.patch.object(sentence_transformers, "train", _copy_base))
        self.enter_context(mock.patch.object(synthetic, "DEMO_RECORDS", 60))
        self._planned = tasks.plan_set(self._place, self._place.spec(ModelSet, "tiny"))
        for name in ("random", "hashed-chars"):
            model = models.base_model(self._place, name)
            run.measure(self._place, model, self._planned.suite.tasks, self._planned, emit=lambda _: None)

    def all(self) -> dict[str, Artefact]:
        """Return every kind of artefact."""
        return {
            "baseline": self._baseline(),
            "board": self._board(),
            "candidates": self._candidates(),
            "checkpoint": self._checkpoint(),
            "contents": Artefact(self._only("contents"), lambda: parts_of(self._place, _VARIANT)[0].data),
            "costs": self._costs(),
            "embeddings": self._embeddings(),
            "failure": self._failure(),
            "generated data": self._generated(),
            "leaks": Artefact(self._only("leaks"), self._leaks),
            "score": Artefact(self._score_folder(0), lambda: self._score(0)),
            "score of a mean": Artefact(self._score_folder(1), lambda: self._score(1)),
            "status": self._status(),
            "training set": Artefact(tune.training_set(self._place, self._recipe, seed=0).folder, self._training_set),
            "tuned model": Artefact(self._tuned().folder, self._model),
        }

    @property
    def _recipe(self) -> tune.Recipe:
        return resolve(self._place, _VARIANT)

    def _only(self, kind: str) -> Path:
        """Return the folder of the one artefact of a kind, made where it isn't there."""
        if kind == "contents":
            parts_of(self._place, _VARIANT)
        else:
            self._leaks()
        (path,) = (self._store.root / kind).glob("*/*/manifest.json")
        return path.parent

    def _score_folder(self, column: int) -> Path:
        model = models.base_model(self._place, "random")
        return self._store.path(evaluate.KIND, run.key_of(model, self._planned.suite.tasks[column], self._planned))

    def _score(self, column: int) -> object:
        """Read a score as a board does, and measure it as the next run does where it isn't shown."""
        model, chosen = models.base_model(self._place, "random"), self._planned.suite.tasks[column]
        cells = run.read(self._place, model, self._planned)
        if chosen.column not in cells.scores:
            assert cells.states[chosen.column].state in {"failed", "pending"}
            left = run.missing(self._place, model, self._planned)
            run.measure(self._place, model, left, self._planned, emit=lambda _: None)
            cells = run.read(self._place, model, self._planned)
        score = cells.scores[chosen.column]
        return score.record.model_dump(exclude={"provenance"}), score.items().to_pylist()

    def _training_set(self) -> object:
        made = tune.training_set(self._place, self._recipe, seed=0)
        return made.statistics, {path.name: file_sha256(path) for path in made.folder.iterdir()}

    def _tuned(self) -> tune.Tuned:
        return tune.tune(self._place, self._recipe, seed=0, progress=lambda _: None)

    def _model(self) -> object:
        tuned = self._tuned()
        weights = {p.name: file_sha256(p) for p in sorted((tuned.folder / "model").rglob("*")) if p.is_file()}
        return tuned.model.revision, weights, {**tuned.outcome, "provenance": None}

    def _leaks(self) -> object:
        found = leaks.find(self._place, parts_of(self._place, _VARIANT)[0].data, self._planned)
        return found.summary, found.records, read_json(found.path)

    def _candidates(self) -> Artefact:
        folder = tcm_sd.read_folder(self._place.data_root / "tcm-synth", splits=["test"])

        def use() -> object:
            return candidate_pools(folder, "test", confusable=3, bm25=3, revision="r", cache=self._store.root)

        use()
        (path,) = (self._store.root / "candidates").glob("*/*/manifest.json")
        return Artefact(path.parent, use)

    def _generated(self) -> Artefact:
        def use() -> object:
            root = synthetic.demo_root(self._store)
            return {path.name: file_sha256(path) for path in sorted(root.rglob("*.*")) if path.is_file()}

        use()
        return Artefact(synthetic.demo_root(self._store), use)

    def _board(self) -> Artefact:
        model_set = self._place.spec(ModelSet, "tiny")

        def folder() -> Path:
            entries = gather.entries(self._place, model_set, self._planned)
            return publish.stored_board(self._place, model_set, self._planned, entries)

        def use() -> object:
            return {path.name: path.read_bytes() for path in folder().iterdir()}

        return Artefact(folder(), use)

    def _baseline(self) -> Artefact:
        path = baseline.path_of(self._place, "tiny")
        items = np.linspace(0, 100, 50)[None, :]
        made = baseline.Baseline(
            set="tiny", suite="tiny", reference="random", packages={"mteb": "2.26.24"},
            tasks={"Tiny": baseline.BaselineTask(
                task="Tiny", split="test", subset="default", metric="ndcg_at_10", statistic="mean", items=50,
                ids=baseline.ids_hash(["1"]), revision="r",
            )},
            models={"random": baseline.BaselineModel(kind="base", seeds=1, revisions=("a",), scores={"Tiny": 50.0})},
            values={"random": {"Tiny": baseline.encode(items, "mean", where="here")}},
        )  # fmt: skip
        baseline.write(path, made)

        def use() -> object:
            found = baseline.read(path)
            return found, found.row("random", "Tiny", where=str(path)).tolist()

        return Artefact(path, use)

    def _checkpoint(self) -> Artefact:
        run_dir = self._store.path("work", "ff1") / "run"
        for step in (1, 2):
            folder = run_dir / f"checkpoint-{step}"
            folder.mkdir(parents=True)
            (folder / "trainer_state.json").write_text(f'{{"log_history": [{{"step": {step}}}]}}', encoding="utf-8")
            (folder / "model.safetensors").write_bytes(np.arange(500, dtype=np.float32).tobytes())
            checkpoints.record(folder)

        def state(folder: Path | None) -> object:
            files = sorted(folder.iterdir()) if folder is not None else []
            return {path.name: path.read_bytes() for path in files if path.name != "manifest.json"}

        before = state(run_dir / "checkpoint-1")
        return Artefact(run_dir / "checkpoint-2", lambda: state(checkpoints.newest(run_dir)), (before,))

    def _costs(self) -> Artefact:
        folder = self._store.path("work", "ff2")
        nothing = costs.so_far(folder)
        costs.keep(folder, before=nothing, part=Finished(seconds=12.5, peak_memory_mib=800.0))
        return Artefact(folder / costs.NAME, lambda: costs.so_far(folder), (nothing,))

    def _embeddings(self) -> Artefact:
        root = self._store.root / "embeddings" / "of-one-model"
        names = [digest(text) for text in _TEXTS]
        vectors = np.array([[len(text), n, n + 0.5, -n] for n, text in enumerate(_TEXTS)], dtype=np.float32)

        def use() -> object:
            space = Space(root, model="m", revision="r", max_length=8, dtype="float32")
            present, _ = space.get(names)
            space.add([n for n, p in zip(names, present, strict=True) if not p], vectors[~present])
            present, found = space.get(names)
            return present.tolist(), found.tolist()

        use()
        (card,) = root.glob("*/space.json")
        return Artefact(card.parent, use)

    def _failure(self) -> Artefact:
        failures.note(self._store, "dd1", StoreError("the disk is full"))
        path = self._store.path("failures", "dd1").with_suffix(".json")
        return Artefact(path, lambda: failures.last(self._store, "dd1"), (None,))

    def _status(self) -> Artefact:
        its = self.enter_context(status.reporting(self._store))
        its.show(JobStarted("a", "tuned/seed0", ()))
        (path,) = (self._store.root / "running").glob("*.json")
        return Artefact(path, lambda: status.running(self._store), ([],))


def _workspace(root: Path) -> Workspace:
    for name, text in _FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    synthetic.write_data_root(root / "data", records=150, seed=1)
    train = root / "data/tcm-synth/train.jsonl"
    train.write_text("".join(train.read_text(encoding="utf-8").splitlines(keepends=True)[:60]), encoding="utf-8")
    return find(root, data=root / "data", cache=root / "store")


def _copy_base(job: TrainingJob, **_: object) -> Outcome:
    shutil.rmtree(job.work_dir / "model", ignore_errors=True)
    return Outcome(
        model_dir=shutil.copytree(job.base_dir, job.work_dir / "model"),
        curves=(Point(1, loss=1.0, gradient_norm=math.inf),),
        seconds=1.0,
        rows=TrainedRows(60, repeated=0, left_out=0),
        tokens=1,
        peak_memory_mib=1.0,
        peak_gpu_memory_mib=0.0,
        trained_parameters=1,
        parity={},
        command=("train",),
        environment={},
    )
