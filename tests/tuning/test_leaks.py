"""Training records that stand in a task of the suite are found once, by id, and left out where a variant says so."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tcmbench import tasks
from tcmbench.data import location, tcm_sd
from tcmbench.errors import SpecError
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.records.reason import Reason
from tcmbench.records.task import Task
from tcmbench.runs import gather
from tcmbench.specs.suite import Suite, SuiteTask
from tcmbench.trainers import Outcome, TrainedRows, sentence_transformers
from tcmbench.tuning import leaks, tune
from tcmbench.tuning.learned_data import learned_data
from tcmbench.tuning.recipe import parts_of, recipe_of

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.specs.variant import Variant
    from tcmbench.trainers import TrainingJob
    from tcmbench.workspace import Workspace


def _plant(place: Workspace, *, split: str = "train") -> str:
    """Copy a test record into another split and return its id."""
    folder = location.locate(place, "tcm-synth")
    line = (folder / "test.jsonl").read_text(encoding="utf-8").splitlines()[0]
    with (folder / f"{split}.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    (record,) = tcm_sd.read_folder(folder, splits=["test"]).splits["test"][:1]
    return record.record_id


def test_a_planted_copy_is_found_and_dropped(place: Workspace, variant: Variant) -> None:
    """The copy is named by its id; drop_leaks leaves it out of the recipe and says how many were dropped."""
    planted = _plant(place)
    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    found = leaks.find(place, parts_of(place, variant)[0].data, planned)
    assert found.records == {planted}
    assert "leak into Tiny" in str(found.summary)
    kept = recipe_of(place, variant, planned)
    assert kept.first.drop == frozenset()
    dropped = recipe_of(place, variant.model_copy(update={"drop_leaks": True}), planned)
    assert dropped.first.drop == found.records
    assert str(dropped.leaks) == f"{found.summary}; {len(found.records)} dropped"


def test_a_copy_in_the_dev_split_is_not_chosen_by(place: Workspace, variant: Variant) -> None:
    """Cures choose their settings on dev: a query of a task there would favour what suits the task."""
    planted = _plant(place, split="dev")
    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    found = leaks.find(place, parts_of(place, variant)[0].data, planned)
    assert (found.records, found.dev) == (frozenset(), {planted})
    kept = recipe_of(place, variant, planned)
    assert "1 dev queries, by which cures of the variant choose their settings, leak" in str(kept.leaks)
    dropped = recipe_of(place, variant.model_copy(update={"drop_leaks": True}), planned)
    assert "1 dev queries leak into the suite; cures of the variant leave them out" in str(dropped.leaks)
    both = [learned_data(recipe, seed=0) for recipe in (kept, dropped)]
    ids = [{record.record_id for record in learned.read().splits["dev"]} for learned in both]
    assert ids[0] - ids[1] == {planted}
    assert both[0].identity() != both[1].identity()


def test_leaks_are_looked_for_once(place: Workspace, variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look takes the report from the store."""
    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    data = parts_of(place, variant)[0].data
    first = leaks.find(place, data, planned)
    monkeypatch.delattr(leaks, "report")
    assert leaks.find(place, data, planned) == first


def test_other_tasks_are_looked_into_anew(place: Workspace, variant: Variant) -> None:
    """A changed test split gives another answer, not the stored one."""
    data = parts_of(place, variant)[0].data
    before = leaks.find(place, data, tasks.plan_suite(place, place.spec(Suite, "tiny")))
    folder = location.locate(place, "tcm-synth")
    train = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    with (folder / "test.jsonl").open("a", encoding="utf-8") as file:
        file.write(train[0])
    data = parts_of(place, variant)[0].data
    after = leaks.find(place, data, tasks.plan_suite(place, place.spec(Suite, "tiny")))
    assert len(after.records) > len(before.records)


def test_patients_of_another_folder_of_the_same_name_are_others(
    place: Workspace, variant: Variant, tmp_path: Path
) -> None:
    """Equal patient ids count within the folder of the training data, also if a copy was looked into before."""
    folder = location.locate(place, "tcm-synth")
    records = [json.loads(line) for line in (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    tests = [json.loads(line) for line in (folder / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    records[0]["user_id"] = tests[0]["user_id"]
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    (folder / "train.jsonl").write_text("".join(lines), encoding="utf-8")
    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    copy = shutil.copytree(folder, tmp_path / "elsewhere" / folder.name)
    elsewhere = variant.model_copy(update={"data": str(copy), "outside_data_root": True})
    assert leaks.find(place, parts_of(place, elsewhere)[0].data, planned).records == frozenset()
    assert len(leaks.find(place, parts_of(place, variant)[0].data, planned).records) == 1


def test_what_was_not_looked_into_is_named(place: Workspace, variant: Variant) -> None:
    """Tasks of mteb's and tasks whose data is absent stand in the summary, and other ones give another report."""
    data = parts_of(place, variant)[0].data
    tiny = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    foreign = Task("Foreign", "1", "ndcg_at_10", "mean", "documents", None)
    wider = _with(
        tiny, "Gone", "Foreign", tasks={"Foreign": foreign}, absent={"Gone": Reason.message("ask the author")}
    )
    summary = "none of 60 training rows is in an evaluation text"
    assert leaks.find(place, data, tiny).summary == (Reason.of("leaks_none", rows=60),)
    assert str(leaks.find(place, data, wider).summary) == f"{summary}; not looked into: Foreign, Gone"
    absent = _with(tiny, "Lost", tasks={}, absent={"Lost": Reason.message("ask the author")})
    assert str(leaks.find(place, data, absent).summary) == f"{summary}; not looked into: Lost"


def _with(planned: PlannedSuite, *names: str, tasks: dict[str, Task], absent: dict[str, Reason]) -> PlannedSuite:
    columns = tuple(SuiteTask(task=name, role="general") for name in names)
    suite = planned.suite.model_copy(update={"tasks": (*planned.suite.tasks, *columns)})
    return PlannedSuite(suite, {**planned.tasks, **tasks}, absent)


def test_positives_are_compared_and_the_knowledge_base_may_be_learnt(place: Workspace, variant: Variant) -> None:
    """A record whose document is searched elsewhere leaks; one whose document is searched in its own task doesn't."""
    folder = parts_of(place, variant)[0].data.read()
    label = folder.splits["train"][0].labels[0]
    (document,) = (entry.document() for entry in folder.knowledge if entry.doc_id == label)
    theirs = {record.record_id for record in folder.splits["train"] if label in record.labels}
    before = leaks.report(folder, tasks.plan_suite(place, place.spec(Suite, "tiny")))
    learnt = {leak.exact: leak.is_counted for leak in before.leaks if leak.task == "Tiny" and leak.side == "positive"}
    assert learnt == {0: True, 60: False}
    assert before.leaking_rows == ()

    general = location.locate(place, "general-synth/qa-retrieval")
    with (general / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"_id": "copy", "text": document}, ensure_ascii=False) + "\n")
    (place.root / "tasks/QA.toml").write_text('type = "retrieval"\npath = "general-synth/qa-retrieval"\n', "utf-8")
    (place.root / "tasks/suites/qa.toml").write_text('[[tasks]]\ntask = "QA"\nrole = "general"\n', "utf-8")
    found = leaks.find(place, parts_of(place, variant)[0].data, tasks.plan_suite(place, place.spec(Suite, "qa")))
    assert found.records == theirs
    assert "leak into QA" in str(found.summary)


@pytest.mark.parametrize("copies", [0, 3])
def test_splits_of_a_beir_folder_share_their_documents_only(place: Workspace, variant: Variant, copies: int) -> None:
    """As in a TCM-SD folder: queries of other splits are none of the task, and a right answer may be trained on."""
    folder = location.locate(place, ".") / "split"
    (folder / "qrels").mkdir(parents=True)
    texts = [f"第{n}位病人夜间咳嗽{n * n}次，痰白{n}日不解，舌淡苔薄" for n in range(12)]
    texts[6 : 6 + copies] = texts[:copies]  # test queries that are copies of training queries
    answers = [f"编号{n}的证候，治法{n * 7}，方药第{n}首，宜忌{n + 3}条" for n in range(12)]
    for name, rows in {"queries": texts, "corpus": answers}.items():
        lines = [json.dumps({"_id": str(n), "text": text}, ensure_ascii=False) for n, text in enumerate(rows)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for split, numbers in {"train": range(6), "test": range(6, 12)}.items():
        judged = "".join(f"{n}\t{n % 6}\t1\n" for n in numbers)
        (folder / f"qrels/{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}", encoding="utf-8")
    (place.root / "tasks/Split.toml").write_text('type = "retrieval"\npath = "split"\n', "utf-8")
    (place.root / "tasks/suites/split.toml").write_text('[[tasks]]\ntask = "Split"\nrole = "in_domain"\n', "utf-8")
    learning = variant.model_copy(update={"data": "split"})
    planned = tasks.plan_suite(place, place.spec(Suite, "split"))
    leaking = leaks.find(place, parts_of(place, learning)[0].data, planned).records
    assert len(leaking) == copies


def test_the_whole_report_is_where_it_is_said_to_be(place: Workspace, variant: Variant) -> None:
    """The path that commands print holds the summary and the ids."""
    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    data = parts_of(place, variant)[0].data
    found = leaks.find(place, data, planned)
    assert leaks.find(place, data, planned).path == found.path
    kept = json.loads(found.path.read_text(encoding="utf-8"))
    assert (kept["summary"], kept["not_looked_into"]) == (str(found.summary), [])


def test_dropping_leaks_needs_a_suite(place: Workspace, variant: Variant) -> None:
    """Without one nothing would be dropped, so the recipe is refused, with what to add."""
    assert recipe_of(place, variant, None).leaks == ()
    with pytest.raises(SpecError, match=r"variant tuned: drop_leaks .* Add --set SET or --suite SUITE"):
        recipe_of(place, variant.model_copy(update={"drop_leaks": True}), None)


def test_a_row_shows_the_leaks_into_its_own_suite(
    place: Workspace, variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that was trained for another suite is taken from the store, its leaks are not; old outcomes had them."""

    def train(job: TrainingJob, **_: object) -> Outcome:
        made = shutil.copytree(job.base_dir, job.work_dir / "model")
        return Outcome(made, (), 1.0, TrainedRows(1), 1, 1.0, 0.0, 1, {}, ("train",), {})

    monkeypatch.setattr(sentence_transformers, "train", train)
    _plant(place)
    (place.root / "tasks/suites/sts.toml").write_text('[[tasks]]\ntask = "TinySTS"\nrole = "general"\n', "utf-8")
    elsewhere = recipe_of(place, variant, tasks.plan_suite(place, place.spec(Suite, "sts")))
    made = tune.tune(place, elsewhere, seed=0, progress=lambda _: None)
    assert "leaks" not in made.outcome

    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    here = recipe_of(place, variant, planned)
    assert "leak into Tiny" in str(here.leaks)
    assert here.leaks != elsewhere.leaks
    for outcome in (made.outcome, {**made.outcome, "leaks": str(elsewhere.leaks)}):
        (made.folder / "outcome.json").write_text(json.dumps(outcome), encoding="utf-8")
        place.store.adopt(tune.KIND, made.folder.name)
        entry = gather.stored_variant(place, variant, planned)
        assert (entry.provenance["trained seeds"], entry.leaks) == ("0", here.leaks)
