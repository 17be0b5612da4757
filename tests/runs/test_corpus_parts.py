"""Large corpora in parts: who encodes what, and that the scores are those of a run without parts."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tcmbench import models, tasks
from tcmbench.errors import EvaluationError
from tcmbench.evaluation import run as columns
from tcmbench.records.events import JobFailed, JobFinished, MeasuringStarted
from tcmbench.runs import corpus_parts
from tcmbench.runs.job import Job
from tcmbench.runs.jobs import plan
from tcmbench.runs.perform import note_failure, perform
from tcmbench.runs.queue import Queue
from tcmbench.specs.model_set import ModelSet
from tcmbench.task_types.scoring import dense_search

if TYPE_CHECKING:
    from tcmbench.records.events import Event
    from tcmbench.records.score import Score
    from tcmbench.workspace import Workspace

CHUNK = 80
SET = """
suite = "large"
reference = "mini-zh-static"
models = ["hashed-chars", "mini-zh-static"]
[[variant]]
name = "tuned"
base = "mini-zh-static"
data = "tcm-synth"
trainer = "sentence_transformers"
training = { batch_size = 16, max_length = 64 }
"""


@pytest.fixture
def large(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A set on a retrieval task whose corpus counts as large, and one of pairs."""
    for name, text in {
        "tasks/Large.toml": 'type = "retrieval"\npath = "general-synth/qa-retrieval"\n',
        "tasks/suites/large.toml": '[[tasks]]\ntask = "Large"\nrole = "in_domain"\n'
        '[[tasks]]\ntask = "TinySTS"\nrole = "general"\n',
        "models/sets/large.toml": SET,
    }.items():
        (place.root / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(corpus_parts, "CORPUS_CHUNK", CHUNK)
    monkeypatch.setattr(dense_search, "CORPUS_CHUNK", CHUNK)
    return place


def jobs_of(place: Workspace, *, in_parallel: bool) -> list[Job]:
    """Return the jobs of the set."""
    model_set = place.spec(ModelSet, "large")
    return list(plan(place, model_set, tasks.plan_set(place, model_set), in_parallel=in_parallel).jobs)


def score(place: Workspace, name: str) -> Score:
    """Return the score of a base on the large task."""
    model_set = place.spec(ModelSet, "large")
    planned = tasks.plan_set(place, model_set)
    return columns.read(place, models.base_model(place, name), planned).scores["Large"]


def test_models_with_weights_encode_a_large_corpus_in_parts(large: Workspace) -> None:
    """The parts cover the corpus, come after a training, and before the measuring; other models have none."""
    jobs = jobs_of(large, in_parallel=True)
    documents = len((large.data_root / "general-synth/qa-retrieval/corpus.jsonl").read_text("utf-8").splitlines())
    starts = range(0, documents, CHUNK)
    assert len(starts) > 1
    parts = [(start, min(start + CHUNK, documents)) for start in starts]
    of = {name: [job for job in jobs if job.name == name] for name in ("hashed-chars", "mini-zh-static", "tuned")}
    assert [job.part for job in of["hashed-chars"]] == [None]
    assert [job.part for job in of["mini-zh-static"]] == [*parts, None]
    training, *encodings, measuring = of["tuned"]
    assert training.is_building
    assert [job.part for job in encodings] == parts
    assert {job.after for job in encodings} == {(training.key,)}
    assert measuring.after == (training.key, *(job.key for job in encodings))
    assert {job.columns for job in encodings} == {("Large",)}
    assert not any(job.is_measuring or job.is_building for job in encodings)
    assert max(len(pickle.dumps(job)) for job in jobs) < 4_096
    assert len({job.key for job in jobs}) == len(jobs)


def test_one_job_at_a_time_has_no_parts(large: Workspace) -> None:
    """Each would load the model again."""
    assert all(job.part is None for job in jobs_of(large, in_parallel=False))


def test_a_small_corpus_is_not_read_for_its_size(large: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are smaller than those of two parts can be."""
    monkeypatch.setattr(corpus_parts, "CORPUS_CHUNK", 50_000)
    monkeypatch.setattr(tasks, "layout", lambda _: pytest.fail("read"))
    assert all(job.part is None for job in jobs_of(large, in_parallel=True))


def test_parts_give_the_score_of_the_whole(large: Workspace) -> None:
    """The measuring finds the documents in the cache: it encodes queries only, and items are the same to the byte."""
    whole = replace(large, cache=large.root / "whole")
    for job in jobs_of(whole, in_parallel=False):
        if job.name == "mini-zh-static":
            assert perform(job, emit=lambda _: None) is None
    events: list[Event] = []
    for job in jobs_of(large, in_parallel=True):
        if job.name == "mini-zh-static":
            assert perform(job, emit=events.append) is None
    alone, together = score(whole, "mini-zh-static"), score(large, "mini-zh-static")
    assert together.record.metrics == alone.record.metrics
    assert together.items() == alone.items()
    documents = len((large.data_root / "general-synth/qa-retrieval/corpus.jsonl").read_text("utf-8").splitlines())
    assert alone.record.provenance.encoded_texts - together.record.provenance.encoded_texts >= documents / 2
    assert [event.column for event in events if isinstance(event, MeasuringStarted)][:2] == ["Large", "Large"]
    measured = jobs_of(large, in_parallel=True)
    assert all(job.name != "mini-zh-static" for job in measured)


def test_a_part_that_fails_does_not_stop_the_measuring(large: Workspace) -> None:
    """The measuring encodes it, or fails with a reason of its own; nothing is noted for the part."""
    events: list[Event] = []
    jobs = [job for job in jobs_of(large, in_parallel=True) if job.name == "mini-zh-static"]
    queue = Queue(jobs, emit=events.append)
    *parts, measuring = jobs
    for part in parts:
        assert queue.take() == part
    note_failure(parts[0], EvaluationError("killed"))
    queue.settle(parts[0], "killed")
    for part in parts[1:]:
        queue.settle(part, None)
    assert queue.take() == measuring
    assert [type(event) for event in events] == [JobFailed, *[JobFinished] * (len(parts) - 1)]
    assert not list((large.cache / "failures").glob("*/*"))
