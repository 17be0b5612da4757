"""Views of tasks on TCM-SD folders: other fields of records and entries, as tasks of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcmbench import models, tasks
from tcmbench.data.tcm_sd import read_folder
from tcmbench.errors import DataError, SpecError, UnknownName
from tcmbench.evaluation import evaluate
from tcmbench.specs import toml, views
from tcmbench.specs.suite import Suite, SuiteTask
from tcmbench.specs.task import TaskSpec
from tcmbench.tuning import leaks
from tcmbench.workspace import Workspace, find
from tests.evaluation.test_parity import assert_parity

ENTRIES = [
    {"Name": "发热证", "Definition": "甲", "Typical_performance": "", "Common_isease": "感冒"},
    {"Name": "咳嗽证", "Definition": "乙", "Typical_performance": "咳嗽", "Common_isease": "肺炎"},
    {"Name": "头痛证", "Definition": "丙", "Typical_performance": "头痛", "Common_isease": "偏头痛"},
]
RECORDS = [
    {"example_id": "1", "norm_syndrome": "发热证", "chief_complaint": "发热", "medical_history": "畏寒", "FDMR": ""},
    {"example_id": "2", "norm_syndrome": "咳嗽证", "chief_complaint": "", "medical_history": "咳嗽", "FDMR": ""},
]
ALL = '["name", "definition", "manifestations", "diseases"]'


@pytest.fixture
def place(workspace_dir: Path) -> Workspace:
    """A workspace with one task on three entries and two records."""
    folder = workspace_dir / "data/few"
    folder.mkdir(parents=True)
    for name, rows in (("syndrome_knowledge", ENTRIES), ("test", RECORDS)):
        lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    for kind in ("retrieval", "reranking", "two_stage"):
        text = f'type = "syndrome_{kind}"\npath = "few"\ndescription = "Few."\n'
        (workspace_dir / f"tasks/Few_{kind}.toml").write_text(text, encoding="utf-8")
    return find(workspace_dir, cache=workspace_dir / "store")


def measured(place: Workspace, name: str, model: str = "bm25") -> tuple[float, int, tuple[str, ...]]:
    """Return the score, the number of items and the notes of a model on a task."""
    base = models.base_model(place, model)
    task = tasks.resolve(place, name)
    loaded = models.load(base, cache=place.cache)
    record = evaluate.measure(place, base, loaded, task, split="test", subset="default").record
    return record.value, record.items, record.notes


@pytest.mark.parametrize(
    ("view", "value", "items"),
    [
        ("entry_fields=name", 1.0, 2),
        ("record_fields=chief_complaint", 1.0, 1),  # the second record has none, and is left out
        ("entry_fields=manifestations", 0.5, 2),  # the first record's entry has none, and can't be found
    ],
)
def test_the_score_follows_from_the_fields(place: Workspace, view: str, value: float, items: int) -> None:
    """A query is matched on the fields of the view and on nothing else."""
    assert measured(place, f"Few_retrieval[{view}]")[:2] == (value, items)


def test_what_a_view_leaves_out_is_stated(place: Workspace) -> None:
    """Records without a text, and entries that can't be found, are counted in the notes of the score."""
    assert measured(place, "Few_retrieval[record_fields=chief_complaint]")[2] == (
        "split test: 1 of 2 records are left out, without chief_complaint",
    )
    assert measured(place, "Few_retrieval[entry_fields=manifestations]")[2] == (
        "1 of 3 entries can't be found, without manifestations",
    )
    assert measured(place, "Few_retrieval")[2] == ()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", ["retrieval", "reranking", "two_stage"])
def test_mteb_gives_the_same_numbers_where_a_gold_entry_has_no_text(place: Workspace, kind: str) -> None:
    """It stays in the judgements, so that its records score nothing."""
    assert_parity(place, "hashed-chars", f"Few_{kind}[entry_fields=manifestations]", split="test")


def test_a_field_that_is_nowhere_in_the_data_is_refused(place: Workspace) -> None:
    """The view would have the scores of another one."""
    with pytest.raises(DataError, match="record_fields names examination, which all 2 have empty"):
        measured(place, "Few_retrieval[record_fields=history+examination]")


def test_the_texts_are_those_of_the_fields(tiny: Workspace, synthetic_root: Path) -> None:
    """In the usual order, however they are written, so that two spellings are one text."""
    entry = read_folder(synthetic_root / "tcm-synth", splits=["test"]).knowledge[0]
    task = tasks.instantiate(tasks.resolve(tiny, "TinyRetrieval[entry_fields=definition+name]"), "test")
    task.load_data()
    corpus = task.dataset["default"]["test"]["corpus"]
    assert dict(zip(corpus["id"], corpus["text"], strict=True))[entry.doc_id] == (
        f"名称：{entry.name}。\n定义：{entry.definition}"
    )


def test_a_view_has_its_own_key_and_leaves_that_of_its_task(place: Workspace) -> None:
    """Declaring views, and options that say the default, change no key."""
    plain = tasks.resolve(place, "Few_retrieval").revision
    path = place.root / "tasks/Few_retrieval.toml"
    declared = f'[options]\nentry_fields = {ALL}\n[views]\nentry_fields = ["combinations", ["name"]]\n'
    path.write_text(path.read_text(encoding="utf-8") + declared, encoding="utf-8")
    names = views.names(place.spec(TaskSpec, "Few_retrieval"))
    revisions = {tasks.resolve(place, name).revision for name in names}
    assert len(names) == len(revisions) == 11  # ten combinations besides the whole entry, and the name alone
    assert tasks.resolve(place, "Few_retrieval").revision == plain
    assert plain not in revisions


def test_a_suite_gets_a_column_per_view(place: Workspace) -> None:
    """With the role and split of the task's own, and a title with the fields; leaks are looked for once."""
    path = place.root / "tasks/Few_retrieval.toml"
    declared = '[views]\nrecord_fields = [["history"], ["chief_complaint", "history"]]\n'
    path.write_text(path.read_text(encoding="utf-8") + declared, encoding="utf-8")
    column = SuiteTask(task="Few_retrieval", role="held_out", title="Few")
    planned = tasks.plan_suite(place, Suite(name="mine", tasks=(column,)))
    assert [(each.task, each.role, each.title) for each in planned.suite.tasks] == [
        ("Few_retrieval", "held_out", "Few"),
        ("Few_retrieval[record_fields=history]", "held_out", "Few: history"),
        ("Few_retrieval[record_fields=chief_complaint+history]", "held_out", "Few: chief_complaint, history"),
    ]
    repeated = {name: leaks._is_repeated(task, ["test"], planned) for name, task in planned.tasks.items()}
    assert list(repeated.values()) == [False, True, True]


def test_leaks_are_looked_for_in_whole_records(place: Workspace) -> None:
    """The layout of a view is that of its task."""
    spec = place.spec(TaskSpec, "Few_retrieval[record_fields=chief_complaint]")
    (records, *_) = tasks.layout(spec).evaluation_texts("Few", place.data_root / "few", ["test"])
    assert "主诉：发热\n现病史：畏寒\n" in records.texts.values()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("Few_retrieval[entry_fields=title]", SpecError, "entry_fields"),
        ("Few_retrieval[fields=name]", SpecError, "Known options"),
        ("Fewer[entry_fields=name]", UnknownName, "Few_retrieval"),
    ],
)
def test_wrong_names(place: Workspace, name: str, error: type[Exception], message: str) -> None:
    """The message says what there is."""
    with pytest.raises(error, match=message):
        tasks.resolve(place, name)


def test_combinations_need_their_values() -> None:
    """Which fields take part is written down, not guessed from the type."""
    given = {"name": "X", "type": "syndrome_retrieval", "path": "x", "views": {"entry_fields": ["combinations"]}}
    with pytest.raises(SpecError, match=r'for "combinations", write its values under \[options\]'):
        toml.parse(TaskSpec, given, where="X")


def test_a_description_says_what_is_read(place: Workspace) -> None:
    """On the board, a view is not its task."""
    assert place.spec(TaskSpec, "Few_retrieval[entry_fields=name]").description == "Few. (entry_fields: name)"
