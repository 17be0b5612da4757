"""Cures of a set from end to end: planned with the trainings that they need, made, measured, gathered, made again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tcmbench import cli, tasks
from tcmbench.errors import SpecError, TrainingError, UnknownName
from tcmbench.records.reason import Reason, Reasons
from tcmbench.runs.jobs import plan
from tcmbench.runs.part import Part
from tcmbench.specs.model_set import ModelSet
from tcmbench.trainers import Outcome, TrainedRows, sentence_transformers
from tcmbench.treatment import treat
from tcmbench.treatment.treatment import Treatment, resolve
from tests.running import run, stored

if TYPE_CHECKING:
    from tcmbench.records.entry import Entry
    from tcmbench.trainers import TrainingJob
    from tcmbench.workspace import Workspace

SET = """
suite = "sts"
reference = "mini-zh-static"
models = ["mini-zh-static"]
[[variant]]
name = "tuned"
base = "mini-zh-static"
data = "tcm-synth"
trainer = "sentence_transformers"
seeds = [0, 1]
training = { batch_size = 16, max_length = 64 }
"""
LIMITS = """
[[cure]]
name = "merged-{alpha}"
of = "tuned"
cure = "merge"
each = { alpha = [0.0, 1.0] }
"""
CURES = """
[[cure]]
name = "merged-{alpha}"
of = "tuned"
cure = "merge"
each = { alpha = [0.5] }
[[cure]]
name = "soup"
of = ["tuned", "merged-0.5"]
cure = "merge"
options = { alpha = 1.0 }
seeds = "together"
"""


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A training that adds noise by its seed and takes no time; the seeds that were trained."""
    seeds: list[int] = []

    def train(job: TrainingJob, **_: object) -> Outcome:
        seeds.append(job.seed)
        made = shutil.copytree(job.base_dir, job.work_dir / "model")
        content = load_file(made / "model.safetensors")
        noise = torch.rand(content["weights"].shape, generator=torch.Generator().manual_seed(job.seed))
        save_file({**content, "weights": content["weights"] * noise}, made / "model.safetensors")
        return Outcome(made, (), 10.0, TrainedRows(1), 7, 1.0, 0.0, 1, {}, ("train",), {})

    monkeypatch.setattr(sentence_transformers, "train", train)
    return seeds


def write(place: Workspace, text: str) -> ModelSet:
    """Write the set, with a suite of one quick task, and return it."""
    task = '[[tasks]]\ntask = "TinySTS"\nrole = "in_domain"\n'
    (place.root / "tasks/suites/sts.toml").write_text(task, encoding="utf-8")
    (place.root / "models/sets/tiny.toml").write_text(text, encoding="utf-8")
    return place.spec(ModelSet, "tiny")


def values(entry: Entry) -> list[float]:
    """Return an entry's scores, one per seed."""
    return [score.record.value for score in entry.scores["TinySTS"]]


def test_cures_are_rows_made_from_the_tuned_models(place: Workspace, trained: list[int]) -> None:
    """Each seed is trained once; alpha 1 has the tuned model's scores, alpha 0 the base's, and a soup has one model."""
    model_set = write(place, SET + LIMITS + CURES)
    rows = {entry.name: entry for entry in run(place, "tiny").entries}
    assert trained == [0, 1]
    assert [*rows] == ["mini-zh-static", "tuned", "merged-0.0", "merged-1.0", "merged-0.5", "soup"]
    assert values(rows["merged-1.0"]) == values(rows["tuned"])
    assert values(rows["merged-0.0"]) == values(rows["mini-zh-static"]) * 2
    assert len(values(rows["soup"])) == 1
    assert values(rows["tuned"]) != values(rows["merged-0.5"])
    half = rows["merged-0.5"]
    assert (half.kind, half.base, half.of) == ("variant", "mini-zh-static", ("tuned",))
    assert half.provenance["made from"] == "tuned/seed0, tuned/seed1"
    assert half.recipe["options.alpha"] == 0.5
    assert half.precision == rows["tuned"].precision
    assert half.cost is not None
    assert half.cost.make_seconds is not None
    assert half.cost.train_seconds == pytest.approx(10.0 + half.cost.make_seconds)
    soup = rows["soup"].cost
    assert soup is not None
    assert (soup.train_tokens, soup.trained_parameters) == (14, 1)
    assert rows["soup"].provenance["made from"] == "tuned/seed0, tuned/seed1, merged-0.5/seed0, merged-0.5/seed1"
    assert plan(place, model_set, tasks.plan_set(place, model_set)).jobs == ()


def test_a_cure_alone_trains_what_it_needs(place: Workspace) -> None:
    """A part of the set without the variant has its trainings, but doesn't measure it."""
    model_set = write(place, SET + CURES)
    jobs = plan(place, model_set, tasks.plan_set(place, model_set), part=Part(frozenset({"soup"}))).jobs
    assert [(job.model, job.is_measuring, job.is_treated) for job in jobs] == [
        ("tuned/seed0", False, False),
        ("tuned/seed1", False, False),
        ("merged-0.5/seed0", False, True),
        ("merged-0.5/seed1", False, True),
        ("soup/seed0", False, True),
        ("soup/seed0", True, True),
    ]
    keys = {job.model: job.key for job in jobs if not job.is_measuring}
    assert jobs[2].after == (keys["tuned/seed0"],)
    assert set(jobs[4].after) == {key for model, key in keys.items() if model != "soup/seed0"}
    assert jobs[5].after == (keys["soup/seed0"],)
    assert jobs[4].needs.gpus == 0


@pytest.mark.slow
def test_a_failed_training_is_the_reason_of_its_cures(
    place: Workspace, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their cells name the model and its failure, and no score stands for them; the next run makes them."""
    write(place, SET + CURES)

    def fail(*_: object, **__: object) -> Outcome:
        raise TrainingError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(sentence_transformers, "train", fail)
        rows = {entry.name: entry for entry in run(place, "tiny").entries}
    for name in ("merged-0.5", "soup"):
        assert rows[name].scores == {}
        states = {str(state.reason) for state in rows[name].states.values()}
        assert states == {"tuned/seed0, which it is made from, failed: out of memory"}
        assert {state.state for state in rows[name].states.values()} == {"failed"}
    assert [entry.failure for entry in run(place, "tiny").entries] == [None] * 4


@pytest.mark.slow
def test_a_model_is_made_again_when_its_inputs_are_others(place: Workspace, trained: list[int]) -> None:
    """A training that was repeated may differ; the cure of the first isn't shown beside the second."""
    model_set = write(place, SET + CURES)
    run(place, "tiny")
    planned = tasks.plan_set(place, model_set)
    treatment = resolve(place, place.cures(model_set)[0], model_set, planned)
    before = treat.stored(place, treatment, seed=0)
    assert before is not None
    tuned = treat.usable_input(place, treatment.inputs(0)[0])
    assert tuned is not None
    assert tuned.model_dir is not None
    folder = tuned.model_dir
    save_file({**load_file(folder / "model.safetensors"), "weights": torch.ones(16_000)}, folder / "model.safetensors")
    (folder.parent / "manifest.json").unlink()
    place.store.adopt("models", folder.parent.name)
    assert treat.stored(place, treatment, seed=0) is None
    assert {entry.name: [*entry.scores] for entry in stored(place, "tiny")}["merged-0.5"] == []
    run(place, "tiny")
    after = treat.stored(place, treatment, seed=0)
    assert after is not None
    assert after.model.revision != before.model.revision


@pytest.mark.slow
def test_one_run_trains_again_and_makes_what_follows(
    place: Workspace, trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cures of a model that the run trains, and cures of those, are made after it and have scores in the same run."""
    twice = CURES.replace('["tuned", "merged-0.5"]', '"merged-0.5"')
    model_set = write(place, SET + twice)
    before = {entry.name: values(entry) for entry in run(place, "tiny").entries}
    shutil.rmtree(place.store.root / "models")
    train = sentence_transformers.train
    monkeypatch.setattr(
        sentence_transformers, "train", lambda job, **more: train(replace(job, seed=job.seed + 7), **more)
    )
    after = {entry.name: values(entry) for entry in run(place, "tiny").entries}
    assert trained == [0, 1, 7, 8]
    assert all(after[name] != before[name] for name in ("tuned", "merged-0.5", "soup"))
    assert plan(place, model_set, tasks.plan_set(place, model_set)).jobs == ()


@pytest.mark.slow
def test_a_cure_of_a_stale_cure_is_stale(place: Workspace, trained: list[int]) -> None:
    """It is planned with it, not one run later."""
    twice = CURES.replace('["tuned", "merged-0.5"]', '"merged-0.5"')
    model_set = write(place, SET + twice)
    run(place, "tiny")
    planned = tasks.plan_set(place, model_set)
    treatment = resolve(place, place.cures(model_set)[1], model_set, planned)
    assert treat.stored(place, treatment, seed=0) is not None
    outcome = next(place.store.root.glob("models/*/*/model/model.safetensors"))
    save_file({**load_file(outcome), "weights": torch.ones(16_000)}, outcome)
    (outcome.parents[1] / "manifest.json").unlink()
    place.store.adopt("models", outcome.parents[1].name)
    assert treat.stored(place, treatment, seed=0) is None


@pytest.mark.slow
def test_a_damaged_model_is_made_again(place: Workspace, trained: list[int]) -> None:
    """What was flipped on the disk is neither loaded nor trained again: it is made from the inputs."""
    model_set = write(place, SET + CURES)
    run(place, "tiny")
    treatment = resolve(place, place.cures(model_set)[0], model_set, tasks.plan_set(place, model_set))
    made = treat.stored(place, treatment, seed=0)
    assert made is not None
    path = made.folder / "model/model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert treat.usable(place, treatment, seed=0) is None
    again = treat.make(place, treatment, seed=0)
    assert again.model.revision == made.model.revision
    assert trained == [0, 1]


KILLED = """
import os, signal, sys
from pathlib import Path
from tcmbench.cures.weights import combine
from tcmbench.workspace import find
from tests.running import run

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

combine._combined = killed
root = Path(sys.argv[1])
run(find(root, data=root / "data", cache=root / "store"), "tiny")
"""


def test_a_run_that_is_killed_while_it_makes_a_model_goes_on(place: Workspace, trained: list[int]) -> None:
    """A half-written model is none; the next run makes it, and doesn't train again."""
    write(place, SET)
    run(place, "tiny")
    model_set = write(place, SET + CURES)
    program = [sys.executable, "-c", KILLED, str(place.root)]
    done = subprocess.run(program, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL
    treatment = resolve(place, place.cures(model_set)[0], model_set, tasks.plan_set(place, model_set))
    assert treat.stored(place, treatment, seed=0) is None
    parts = list(place.store.path(treat.KIND, "x").parent.parent.glob("*/.*.part/model/model.safetensors"))
    assert len(parts) == 1
    rows = run(place, "tiny").entries
    assert [entry.failure for entry in rows] == [None] * 4
    assert all(entry.scores.keys() == {"TinySTS"} for entry in rows)
    assert trained == [0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[cure]]\nname = "x"\nof = "tunde"\ncure = "merge"\n', r"no variant or earlier cure named 'tunde'.*'tuned'"),
        ('[[cure]]\nname = "tuned"\nof = "tuned"\ncure = "merge"\n', "'tuned' is used twice"),
        ('[[cure]]\nname = "x"\nof = "y"\ncure = "merge"\n[[cure]]\nname = "y"\nof = "tuned"\ncure = "merge"\n', "'y'"),
    ],
)
def test_a_cure_is_of_what_the_set_has_before_it(place: Workspace, text: str, message: str) -> None:
    """A misspelt name, a name that is taken and a circle are refused when the set is read."""
    with pytest.raises(UnknownName, match=message):
        place.cures(write(place, SET + text))


def test_a_template_has_the_names_of_each(place: Workspace) -> None:
    """A placeholder that stands for nothing, and a misspelt field, are refused."""
    table = '[[cure]]\nname = "x-{scale}"\nof = "tuned"\ncure = "merge"\neach = { alpha = [0.5] }\n'
    with pytest.raises(SpecError, match=r"name 'x-\{scale\}' has \{scale\}: expected \{name\} of alpha, as in"):
        place.cures(write(place, SET + table))
    with pytest.raises(SpecError, match="colour"):
        place.cures(write(place, SET + '[[cure]]\nname = "x"\nof = "tuned"\ncure = "merge"\ncolour = {}\n'))


def test_a_cure_may_be_a_file(place: Workspace) -> None:
    """Sets name it; one that no set has is an unknown name."""
    (place.root / "models/cures").mkdir()
    (place.root / "models/cures/half.toml").write_text('of = "tuned"\ncure = "merge"\n', encoding="utf-8")
    header, variant = SET.split("[[variant]]")
    text = f'{header}cures = ["half"]\n[[variant]]{variant}'
    assert [(cure.name, cure.of) for cure in place.cures(write(place, text))] == [("half", ("tuned",))]
    with pytest.raises(UnknownName, match="no cure named 'third'"):
        place.cures(write(place, text.replace("half", "third")))


def test_train_makes_a_cure_and_says_what_it_is_made_from(
    place: Workspace, trained: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run trains nothing; the command trains what is missing, once."""
    write(place, SET + CURES)
    monkeypatch.chdir(place.root)
    monkeypatch.setenv("TCMBENCH_CACHE", str(place.cache))
    for more, seeds in ((["--dry-run"], []), ([], [0, 1]), ([], [0, 1])):
        with pytest.raises(SystemExit) as ended:
            cli.main(["train", "soup", "--set", "tiny", *more])
        assert not ended.value.code
        assert trained == seeds
        printed = capsys.readouterr().out
        assert ("merge of tuned/seed0, tuned/seed1, merged-0.5/seed0, merged-0.5/seed1" in printed) is bool(more)
        assert "/cured/" in printed


def test_the_leaks_are_those_of_all_inputs() -> None:
    """A model made from several has seen the training records of each; what several say is said once."""
    first, second = Reason.message("12 leak"), Reason.message("3 leak")
    sources: Any = tuple(SimpleNamespace(leaks=Reasons(of)) for of in ([first], [second, first]))
    unused: Any = None
    assert Treatment(unused, unused, unused, unused, sources, (0,)).leaks == (first, second)


def test_seeds_of_several_models_agree(place: Workspace) -> None:
    """A model per seed needs all of its inputs for it."""
    other = SET[SET.index("[[variant]]") :].replace('"tuned"', '"other"').replace("[0, 1]", "[0]")
    text = SET + other + '[[cure]]\nname = "x"\nof = ["tuned", "other"]\ncure = "merge"\n'
    model_set = write(place, text)
    refused = plan(place, model_set, tasks.plan_set(place, model_set)).refused
    assert refused["x"].startswith("cure x: expected models with the same seeds, but tuned has [0, 1], other has [0].")
