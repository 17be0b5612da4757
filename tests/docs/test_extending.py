"""The examples of docs/extending.md: each is found, keeps its contract, and does what the text says."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import torch

from tcmbench import cli, plugins, trainers
from tcmbench.boards import columns, figures
from tcmbench.boards.build import build
from tcmbench.boards.options import Options
from tcmbench.checks import outputs
from tcmbench.data.convert import convert
from tcmbench.data.tcm_sd import Syndrome
from tcmbench.miners import Corpus, MiningContext, Queries
from tcmbench.publishing import exports
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.specs.base import Base
from tcmbench.specs.suite import Suite, SuiteTask
from tcmbench.stats.resampling import Resampling
from tcmbench.stats.statistics import load as load_statistic
from tcmbench.trainers._runtime.job_file import work_of
from tcmbench.trainsets import Requirements
from tcmbench.workspace import Workspace, find
from tests import test_plugins
from tests.boards.fake import POLICIES, Shape, make
from tests.checks.test_outputs import mixed, whole  # noqa: F401 - fixtures
from tests.cures.scene import cured, model, tensors, work
from tests.trainers.tiny import make_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from tcmbench.boards.table import Table
    from tcmbench.checks.verdict import Report
    from tcmbench.plugins import Kind

ROOT = Path(__file__).parents[2]
SUITE_TASKS = (SuiteTask(task="ClinicQuestions", role="in_domain"),)


class Example(NamedTuple):
    """A fenced block of the page."""

    language: str
    """Language of the fence."""

    text: str
    """Contents of the block."""


EXAMPLES = {
    path: Example(language, text)
    for path, language, text in re.findall(
        r"^`([^`\n]+)`:\n\n```(\w+)\n(.*?)^```$",
        (ROOT / "docs" / "extending.md").read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )
}
FOLDERS = {folder.replace(".", "/"): kind for kind, folder in plugins._FOLDERS.items()}
PLUGINS = [path for path in EXAMPLES if str(Path(path).parent) in FOLDERS]


def named(path: str) -> tuple[Kind, str]:
    """Return kind and name of the plug-in of a path."""
    return FOLDERS[str(Path(path).parent)], Path(path).stem


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts an example into a folder of the package, as far as Python can tell."""
    packages: set[str] = set()

    def put(path: str) -> None:
        package = ".".join(Path(path).parent.parts)
        folder = tmp_path / package
        folder.mkdir()
        (folder / Path(path).name).write_text(EXAMPLES[path].text, encoding="utf-8")
        module = importlib.import_module(package)
        monkeypatch.setattr(module, "__path__", [*module.__path__, str(folder)])
        packages.add(f"{package}.{Path(path).stem}")
        _forget()

    yield put
    monkeypatch.undo()
    for name in packages:
        sys.modules.pop(name, None)
        package, _, attribute = name.rpartition(".")
        vars(sys.modules[package]).pop(attribute, None)
    _forget()


def _forget() -> None:
    plugins._own.cache_clear()
    cli.summaries.cache_clear()


def test_the_page_has_an_example_of_each_thing_it_lists() -> None:
    """Every row of its table but the last, which names what takes more than ten lines."""
    assert list(EXAMPLES) == [
        "tasks/ClinicQuestions.toml", "models/bases/clinic-zh.toml", "tcmbench/miners/length.py",
        "tcmbench/augmentations/without_diseases.py", "tcmbench/trainers/_swift/options.py",
        "tcmbench/trainers/_sentence_transformers/losses.py", "tcmbench/encoders/principles.py",
        "tcmbench/models/sources/share.py", "tcmbench/cures/base_words.py", "tcmbench/forms/short_texts.py",
        "tcmbench/data/formats/questions.py", "tcmbench/stats/statistics/solved.py", "tcmbench/boards/columns/items.py",
        "tcmbench/boards/figures/gains.py", "tcmbench/checks/outputs/tsv.py", "tcmbench/cli/where.py",
        "tcmbench/executors/careful.py", "tcmbench/publishing/exports/gains.py",
    ]  # fmt: skip
    assert {named(path)[0] for path in PLUGINS} == set(plugins.KINDS) - {"trainers", "task_types"}


@pytest.mark.parametrize("path", PLUGINS)
@pytest.mark.parametrize("is_inside", [True, False], ids=["in the folder", "in another package"])
def test_a_plugin_is_found_and_keeps_its_contract(
    path: str, is_inside: bool, place: Callable[[str], None], install: Callable[[Kind, str, str], Path]
) -> None:
    """Both ways lead to a plug-in with the name of the file, which passes the tests that all plug-ins pass."""
    kind, name = named(path)
    assert name not in plugins.names(kind)
    if is_inside:
        place(path)
    else:
        install(kind, name, EXAMPLES[path].text)
    assert name in plugins.names(kind)
    assert [plugin.name for plugin in plugins.of_other_packages(kind)] == ([] if is_inside else [name])
    test_plugins.test_plugin_keeps_its_protocol(kind, name)
    test_plugins.test_plugin_is_documented(kind, name)
    test_plugins.test_options_are_frozen_and_strict(kind, name)


def test_entry_points_are_named_as_the_page_says() -> None:
    """The group is `tcmbench.` and the last part of the folder."""
    assert {f"tcmbench.{kind}" for kind in plugins.KINDS} == {
        f"tcmbench.{folder.rpartition('/')[2]}" for folder in FOLDERS
    }


@pytest.fixture
def clinic(workspace_dir: Path, synthetic_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with the task and the base of the page, and a suite and a set of them."""
    for path in ("tasks/ClinicQuestions.toml", "models/bases/clinic-zh.toml"):
        (workspace_dir / path).write_text(EXAMPLES[path].text, encoding="utf-8")
    shutil.copytree(ROOT / "models" / "mini-zh", workspace_dir / "models" / "clinic-zh")
    data = workspace_dir / "data"
    shutil.copytree(synthetic_root / "general-synth" / "qa-retrieval", data / "clinic-questions")
    (workspace_dir / "tasks/suites/clinic.toml").write_text(
        '[[tasks]]\ntask = "ClinicQuestions"\nrole = "in_domain"\n', encoding="utf-8"
    )
    (workspace_dir / "models/sets/clinic.toml").write_text(
        'suite = "clinic"\nreference = "random"\nmodels = ["random"]\n', encoding="utf-8"
    )
    monkeypatch.chdir(workspace_dir)
    monkeypatch.setenv("TCMBENCH_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv("TCMBENCH_DATA", str(data))
    return find(workspace_dir, data=data, cache=tmp_path / "store")


def called(*arguments: str) -> int:
    """Return the exit code of the command line."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    return int(ended.value.code or 0)


def test_task_and_base(clinic: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """Both are listed, and the base is measured on the task."""
    assert called("list", "tasks") == called("list", "bases") == 0
    listed = capsys.readouterr().out
    assert re.search(
        r"^ClinicQuestions +data present +Find the answer to a patient's question\.$", listed, re.MULTILINE
    )
    assert re.search(r"^clinic-zh .* embedding: Our model for clinical notes\.$", listed, re.MULTILINE)
    assert called("eval", "clinic-zh", "--suite", "clinic") == 0
    assert re.search(r"ClinicQuestions .*\d\d\.\d", capsys.readouterr().out)


def test_encoder(clinic: Workspace, place: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    """A base names it, and is measured."""
    place("tcmbench/encoders/principles.py")
    (clinic.root / "models/bases/principles.toml").write_text(
        'kind = "baseline"\nencoder = "principles"\n', encoding="utf-8"
    )
    assert called("eval", "principles", "--suite", "clinic") == 0
    assert re.search(r"ClinicQuestions .*\d\.\d", capsys.readouterr().out)


def test_executor(clinic: Workspace, place: Callable[[str], None]) -> None:
    """A run by it measures what is missing."""
    place("tcmbench/executors/careful.py")
    assert called("run", "clinic", "--executor", "careful") == 0
    with (clinic.root / "leaderboards/clinic/scores.csv").open(encoding="utf-8", newline="") as file:
        status = {(line["model"], line["task"]): line["status"] for line in csv.DictReader(file)}
    assert status["random", "ClinicQuestions"] == "measured"


def test_command(clinic: Workspace, place: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    """It is listed with the first line of its docstring, and runs."""
    place("tcmbench/cli/where.py")
    assert called("--help") == 0
    assert re.search(r"where +Print the folders of workspace, data and store\.", capsys.readouterr().out)
    assert called("where") == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["workspace", str(clinic.root)], ["data", str(clinic.data_root)], ["store", str(clinic.cache)],
    ]  # fmt: skip


def test_miner(place: Callable[[str], None]) -> None:
    """Negatives are the documents whose length is nearest, without positives and their copies."""
    place("tcmbench/miners/length.py")
    miner = plugins.use("miners", "length", {"count": 2})
    corpus = Corpus(("a", "b", "c", "d", "copy"), ("一", "一二", "一二三", "一二三四五六", "一二 "))
    queries = Queries(("q",), ("甲乙",), (frozenset({"b"}),))
    negatives = miner.module.mine(queries, corpus, options=miner.options, seed=0, context=MiningContext())
    assert negatives.ids == (("a", "c"),)


def test_cure(place: Callable[[str], None], tmp_path: Path) -> None:
    """Token vectors are those of the base, the layers those of the tuned model."""
    place("tcmbench/cures/base_words.py")
    base, tuned = tensors(0), tensors(1)
    made = cured("base_words", work(model(tmp_path, "base", base), model(tmp_path, "tuned", tuned)), tmp_path / "out")
    assert torch.equal(made["embed.weight"], base["embed.weight"])
    assert torch.equal(made["layer.weight"], tuned["layer.weight"])


def test_form(place: Callable[[str], None], tmp_path: Path) -> None:
    """The model is the same, and its texts are cut earlier."""
    place("tcmbench/forms/short_texts.py")
    form = plugins.use("forms", "short_texts", {"tokens": 64})
    tuned = model(tmp_path, "tuned", tensors(1))
    assert form.module.settings(tuned.base, count=1, options=form.options) == {"max_length": 64}
    (tmp_path / "out").mkdir()
    form.module.make(work(tuned, tuned), tmp_path / "out", options=form.options)
    assert (tmp_path / "out/model.safetensors").read_bytes() == (tuned.model_dir / "model.safetensors").read_bytes()


def test_augmentation(place: Callable[[str], None]) -> None:
    """The second view lacks the diseases."""
    place("tcmbench/augmentations/without_diseases.py")
    augmentation = plugins.use("augmentations", "without_diseases")
    syndrome = Syndrome("甲证", "甲证", "甲气不足所致。", "神疲，乏力。", "虚劳，心悸")
    whole_view, shorter = augmentation.module.texts(syndrome, options=augmentation.options, seed=0)
    assert whole_view == syndrome.document()
    assert whole_view.startswith(shorter)
    assert "虚劳" not in shorter


def test_format(place: Callable[[str], None], tmp_path: Path) -> None:
    """Files are converted from it and to it."""
    place("tcmbench/data/formats/questions.py")
    source, swift, target = (tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.jsonl"))
    source.write_text('{"question": "何为阴虚", "answer": "津液不足"}\n', encoding="utf-8")
    convert(source, swift, source_format="questions", target_format="swift")
    convert(swift, target, source_format="swift", target_format="questions")
    assert target.read_text(encoding="utf-8") == source.read_text(encoding="utf-8")


def test_statistic(place: Callable[[str], None]) -> None:
    """The share of items at the maximum, over all items and in resamples."""
    place("tcmbench/stats/statistics/solved.py")
    statistic = load_statistic("solved")
    values = np.array([1.0, 0.5, 1.0, 0.0] * 2)
    assert statistic.value(values, None) == 0.5
    draws = statistic.draws({"model": values * 100}, None, clusters=None, plan=Resampling(200))
    assert draws.value("model") == 50.0
    assert 0 <= draws.resampled.min() < 50 < draws.resampled.max() <= 100


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """The table of a small board."""
    fake = make(tmp_path_factory.mktemp("scores"), Shape(variants=2, columns=4, items=30, seeds=1))
    return build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES))


def test_column(table: Table, place: Callable[[str], None]) -> None:
    """It is among the columns and counts the items of a row."""
    place("tcmbench/boards/columns/items.py")
    column = dict(columns.load_all())["items"]
    row = table.rows[0]
    assert column.figure(row).value == sum(cell.items for cell in row.cells.values())


def test_figure(table: Table, place: Callable[[str], None]) -> None:
    """It is drawn on the page, after the others."""
    place("tcmbench/boards/figures/gains.py")
    picture = figures.pictures(table)[-1]
    assert (picture.name, picture.caption.title.en) == ("gains", "Gains")
    assert picture.svg.startswith("<svg")


def test_output(mixed: Report, place: Callable[[str], None]) -> None:  # noqa: F811 - a fixture
    """One line per model, and `--output-dir` has it."""
    place("tcmbench/checks/outputs/tsv.py")
    assert "tsv" in outputs.names()
    lines = [line.split("\t") for line in outputs.load("tsv").render(mixed).splitlines()]
    assert [(outcome, name) for outcome, name, _ in lines] == [(m.outcome, m.name) for m in mixed.models]
    assert any(rules for _, _, rules in lines)


def test_export(table: Table, place: Callable[[str], None], tmp_path: Path) -> None:
    """It writes the gains of the board."""
    place("tcmbench/publishing/exports/gains.py")
    board = exports.StoredBoard(find(tmp_path), table, PlannedSuite(Suite(name="s", tasks=SUITE_TASKS), {}), ())
    [path] = exports.export(board, "gains", folder=tmp_path)
    gains = [row.name for row in table.rows if row.aggregates.gain is not None]
    assert [line.partition(":")[0] for line in Path(path).read_text(encoding="utf-8").splitlines()] == gains


@pytest.fixture
def patched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Applies a diff of the page to a copy of its file, and loads the copy in place of the module."""

    def load(path: str) -> ModuleType:
        source = (ROOT / path).read_text(encoding="utf-8")
        for hunk in EXAMPLES[path].text.split("@@\n"):
            before, after = (
                "".join(line[1:] for line in hunk.splitlines(keepends=True) if line[0] in signs)
                for signs in (" -", " +")
            )
            assert source.count(before) == 1, f"{path} doesn't hold once:\n{before}"
            source = source.replace(before, after)
        copy = tmp_path / Path(path).name
        copy.write_text(source, encoding="utf-8")
        name = ".".join(Path(path).with_suffix("").parts)
        spec = importlib.util.spec_from_file_location(name, copy)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


def test_option_of_a_trainer(
    patched: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is an argument of ms-swift where a recipe sets it, and part of the trainer's identity only there."""
    from tcmbench.trainers import swift
    from tcmbench.trainers._swift import command

    before = plugins.use("trainers", "swift").identity()
    monkeypatch.setattr(swift, "Options", patched("tcmbench/trainers/_swift/options.py").Options)
    job = make_job(tmp_path, base=find(ROOT).spec(Base, "mini-zh"), train_file=tmp_path / "t", rows=24)
    plain, chosen = (plugins.use("trainers", "swift", options) for options in ({}, {"use_liger_kernel": True}))
    assert plain.identity() == before
    assert chosen.identity() == {**before, "options": {"use_liger_kernel": True}}
    words = command.command(job, options=chosen.options, device="cpu")  # type: ignore[arg-type]
    assert words[-2:] == ["--use_liger_kernel", "true"]
    assert words[:-2] == command.command(job, options=plain.options, device="cpu")  # type: ignore[arg-type]


def test_options_of_sentence_transformers_reach_its_worker() -> None:
    """Trainer and worker read the same options, whose arguments are those of its training arguments."""
    from tcmbench.trainers import sentence_transformers
    from tcmbench.trainers._sentence_transformers import options, worker

    assert worker.Options is sentence_transformers.Options is options.Options


def test_loss(patched: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A recipe may name it, its training set has scored pairs, and the trainer makes it."""
    from sentence_transformers.sentence_transformer.losses import AnglELoss

    from tcmbench.encoders.runtime.opening import open_model
    from tcmbench.trainers import sentence_transformers

    losses = patched("tcmbench/trainers/_sentence_transformers/losses.py").LOSSES
    monkeypatch.setattr(sentence_transformers, "LOSSES", losses)
    base = find(ROOT).spec(Base, "mini-zh-static")
    weights = ROOT / "models" / "mini-zh-static"
    job = make_job(
        tmp_path, base=base, base_dir=weights, train_file=tmp_path / "t", rows=24, trainer="sentence_transformers",
        training={"loss": "angle"},
    )  # fmt: skip
    assert job.requirements == Requirements("angle", scored=True, in_batch=False, devices=1)
    work = work_of(job, device="cpu", output=tmp_path)
    loss = trainers.loss_of(job.variant, losses).make(open_model(weights, base), work)
    assert isinstance(loss, AnglELoss)
    assert loss.scale == 1 / job.variant.training.temperature
