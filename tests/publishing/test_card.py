"""The folder of a tuned model with its card, and its results for mteb, read by the parsers of the hub and of mteb."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench import tasks
from tcmbench.errors import ScoreMissing, SpecError, UnknownName
from tcmbench.publishing import card, exports
from tcmbench.publishing.licences import UNKNOWN
from tcmbench.runs import gather
from tcmbench.specs.model_set import ModelSet
from tcmbench.trainers import Outcome, Point, TrainedRows, sentence_transformers
from tcmbench.workspace import Workspace, find
from tests.running import run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.trainers import TrainingJob

ROUNDED = 1e-5
"""mteb rounds some of its metrics to five decimals."""

MODELS = Path(__file__).parents[2] / "models"
SET = """
suite = "tiny"
reference = "mini-zh-static"
models = ["mini-zh-static"]

[[form]]
name = "small"
of = "tuned"
form = "vectors"
options = { precision = "int8" }

[[variant]]
name = "tuned"
description = "For | tests."
base = "mini-zh-static"
data = "tcm-synth"
trainer = "sentence_transformers"
seeds = [3, 1]
max_samples = 40
training = { batch_size = 16, learning_rate = 2e-2, max_length = 64 }
"""
FILES = {
    "tasks/Tiny.toml": 'type = "syndrome_retrieval"\npath = "tcm-synth"\nsplits = ["test", "test_unseen"]\n'
    'license = "Apache-2.0"\n',
    "tasks/TinySTS.toml": 'type = "sts"\npath = "general-synth/sts.jsonl"\n',
    "tasks/suites/tiny.toml": '[[tasks]]\ntask = "Tiny"\nrole = "in_domain"\n'
    '[[tasks]]\ntask = "Tiny"\nrole = "held_out"\nsplit = "test_unseen"\n'
    '[[tasks]]\ntask = "TinySTS"\nrole = "general"\n',
    "models/bases/mini-zh-static.toml": (MODELS / "bases/mini-zh-static.toml").read_text(encoding="utf-8"),
    "models/sets/tiny.toml": SET,
}


def train(job: TrainingJob, **_: object) -> Outcome:
    """Return the base with some noise from the seed as a tuned model, in no time."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(job.base_dir, job.work_dir / "model")
    path = job.work_dir / "model" / "model.safetensors"
    weights = load_file(path)
    vectors = weights["embeddings"].float()
    noise = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(job.seed))
    weights["embeddings"] = (vectors + 0.5 * vectors.std() * noise).to(weights["embeddings"].dtype)
    save_file(weights, path)
    return Outcome(
        model_dir=path.parent,
        curves=(Point(1, loss=1.0),),
        seconds=1.0,
        rows=TrainedRows(40),
        tokens=1,
        peak_memory_mib=1.0,
        peak_gpu_memory_mib=0.0,
        trained_parameters=1,
        parity={},
        command=("train",),
        environment={},
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, synthetic_root: Path) -> Workspace:
    """A set of one variant with two seeds, trained and measured."""
    root = tmp_path_factory.mktemp("cards")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "models/mini-zh-static").symlink_to(MODELS / "mini-zh-static")
    workspace = find(root, data=synthetic_root, cache=root / "store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentence_transformers, "train", train)
        for entry in run(workspace, "tiny").entries:
            assert not entry.states, entry.states
    return workspace


@pytest.fixture(scope="module")
def written(place: Workspace) -> Path:
    """The folder of the first seed."""
    return card.write(place, "tuned").folder


def stored(place: Workspace) -> Mapping[str, Any]:
    """Return column → scores of the variant, one per seed."""
    model_set = place.spec(ModelSet, "tiny")
    entries = gather.entries(place, model_set, tasks.plan_set(place, model_set))
    return next(entry.scores for entry in entries if entry.name == "tuned")


def test_the_hub_reads_the_scores_of_the_published_seed(place: Workspace, written: Path) -> None:
    """huggingface_hub's parser finds every main score, of the seed whose weights are there."""
    from huggingface_hub import ModelCard

    read = ModelCard.load(written / "README.md", ignore_metadata_errors=False)
    assert (read.data.model_name, read.data.license, read.data.pipeline_tag) == (
        "tuned",
        "other",
        "sentence-similarity",
    )
    main = {
        (one.dataset_name, one.dataset_split): (one.metric_type, one.metric_value)
        for one in reversed(read.data.eval_results or [])
    }
    wanted = {
        (f"{scores[0].record.task} (default)", scores[0].record.split): (
            scores[0].record.metric,
            pytest.approx(scores[0].record.value, abs=ROUNDED),
        )
        for scores in stored(place).values()
    }
    assert main == wanted


def test_mteb_makes_the_same_metadata_of_its_own_results(
    place: Workspace, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fields and values of the main scores are those of mteb's `get_hf_eval_results`."""
    from huggingface_hub import ModelCard
    from mteb.results import TaskResult

    # as registered, without the import of all tasks of mteb
    own = property(lambda result: tasks.mteb_class(tasks.resolve(place, result.task_name)))
    monkeypatch.setattr(TaskResult, "task", own)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [
            result
            for scores in stored(place).values()
            for result in TaskResult.from_disk(scores[0].folder / "task_result.json").get_hf_eval_results()
        ]
    ours = ModelCard.load(written / "README.md").data.eval_results or []
    assert len(theirs) == 3
    for one in theirs:
        one.metric_value = round(one.metric_value, 6)
        assert any(vars(one) == vars(other) for other in ours), one


def test_mteb_reads_the_card_of_the_folder(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ModelMeta.from_hub` takes language and licence from it, with the folder in place of the hub."""
    from mteb.models import ModelMeta, model_meta

    def from_folder(name: str, file: str, *_: object, **__: object) -> Any:
        path = Path(name).parent / file
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    monkeypatch.setattr(model_meta, "_repo_exists", lambda *_, **__: True)
    monkeypatch.setattr(model_meta, "_get_json_from_hub", from_folder)
    monkeypatch.setattr(model_meta, "_get_repo_commits", lambda *_, **__: None)
    for name in (
        "_calculate_num_parameters_from_hub", "_estimate_embedding_parameters_from_hub", "_calculate_memory_usage_mb",
        "fetch_release_date",
    ):  # fmt: skip
        monkeypatch.setattr(ModelMeta, name, classmethod(lambda *_, **__: None))
    monkeypatch.setattr(ModelMeta, "_get_frameworks_from_hf_tags", classmethod(lambda *_, **__: []))
    detected = classmethod(lambda *_, **__: (None, "dense", ["text"]))
    monkeypatch.setattr(ModelMeta, "_detect_model_type_and_loader", detected)
    meta = ModelMeta._from_hub(str(written / "README.md"))
    assert (meta.languages, meta.license) == (["zho-Hans"], None)


def test_the_folder_loads_and_has_the_vectors_of_evaluation(place: Workspace, written: Path) -> None:
    """The code of the card runs as it stands."""
    text = (written / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1].replace("./tuned", str(written)), names)  # noqa: S102 - the card's own example
    assert names["queries"].shape == (1, 384)


def test_the_text_says_what_a_reader_needs(place: Workspace, written: Path) -> None:
    """Gain and forgetting with intervals, leaks, licences, limits, commands; no ids or texts of the data."""
    text = (written / "README.md").read_text(encoding="utf-8")
    parts = [
        "| gain in domain | ",
        "backward transfer",
        "## Limits",
        "| leaks | ",
        "| training data | tcm-synth | Apache-2.0 |",
        "weights for tests and development",
        "tcmbench serve ./tuned",
        "tcmbench card tuned --set tiny --seed 3",
        "seed 3 of 2 (3, 1); the seed was not chosen by its scores",
        "For \\| tests.",
    ]
    for part in parts:
        assert part in text, part
    records = [json.loads(line) for line in (place.data_root / "tcm-synth/test.jsonl").open(encoding="utf-8")]
    values = {
        value for record in records[:50] for value in record.values() if isinstance(value, str) and len(value) > 12
    }
    assert values
    assert not [value for value in values if value in text]
    assert str(place.root) not in text


def test_another_seed_and_licence_can_be_chosen(place: Workspace, tmp_path: Path) -> None:
    """The metadata is then of that seed, and names the licence of the publisher."""
    from huggingface_hub import ModelCard

    folder = card.write(place, "tuned", seed=1, license_id="cc-by-nc-sa-4.0", target=tmp_path / "x").folder
    read = ModelCard.load(folder / "README.md").data
    assert (read.license, read.eval_results[0].metric_value) == (
        "cc-by-nc-sa-4.0",
        pytest.approx(stored(place)["Tiny"][1].record.value, abs=ROUNDED),
    )
    with pytest.raises(UnknownName, match="seed"):
        card.write(place, "tuned", seed=9, target=tmp_path / "y")


def test_a_folder_that_is_in_use_is_left_alone(place: Workspace, tmp_path: Path) -> None:
    """Only an earlier card is replaced."""
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    with pytest.raises(SpecError, match="an empty folder, or one of an earlier card"):
        card.write(place, "tuned", target=tmp_path)
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["mine"]


def test_a_form_has_no_card_of_its_own(place: Workspace, tmp_path: Path) -> None:
    """Its files are its model's, and would give whoever loads them other scores than its row has."""
    with pytest.raises(SpecError, match="tcmbench card tuned"):
        card.write(place, "small", target=tmp_path / "card")
    assert not (tmp_path / "card").exists()


def test_data_without_a_stated_licence_is_unknown(place: Workspace) -> None:
    """It is said, not guessed."""
    from tcmbench.publishing import licences

    variant = place.variants(place.spec(ModelSet, "tiny"))[0].model_copy(update={"data": "elsewhere/x.jsonl"})
    assert [one.terms for one in licences.of_data(place, [variant])] == [UNKNOWN]


def test_a_card_without_a_score_is_refused(place: Workspace, tmp_path: Path) -> None:
    """A half-measured model is not published."""
    folder = stored(place)["TinySTS"][0].folder
    shutil.move(folder, tmp_path / "kept")
    try:
        with pytest.raises(ScoreMissing, match="tcmbench run tiny"):
            card.write(place, "tuned", target=tmp_path / "card")
        assert not (tmp_path / "card").exists()
    finally:
        shutil.move(tmp_path / "kept", folder)


def test_mtebs_leaderboard_code_reads_the_exported_results(place: Workspace, tmp_path: Path) -> None:
    """`ResultCache` finds every model and score; splits of a task are in one file."""
    from mteb.cache import ResultCache

    exports.export(exports.stored_board(place, "tiny"), "mteb", folder=tmp_path)
    results = ResultCache(tmp_path).load_results(include_remote=False)
    names = {one.model_name for one in results.model_results}
    tuned_names = {f"tcmbench/{row}-seed{seed}" for row in ("tuned", "small") for seed in (1, 3)}
    assert names == {"tcmbench/mini-zh-static", *tuned_names}
    tuned = next(one for one in results.model_results if one.model_name == "tcmbench/tuned-seed1")
    read = {
        (result.task_name, split): rows[0]["main_score"]
        for result in tuned.task_results
        for split, rows in result.scores.items()
        if result.task_name == "Tiny"
    }
    assert read == {
        ("Tiny", scores[1].record.split): pytest.approx(scores[1].record.value, abs=ROUNDED)
        for scores in stored(place).values()
        if scores[1].record.task == "Tiny"
    }
    assert results.to_dataframe().shape[0] == 2
    meta = json.loads(next(tmp_path.glob("results/tcmbench__tuned-seed1/*/model_meta.json")).read_text("utf-8"))
    assert (meta["adapted_from"], meta["training_datasets"]) == ("tcmbench/mini-zh-static", ["Tiny"])
    form = json.loads(next(tmp_path.glob("results/tcmbench__small-seed1/*/model_meta.json")).read_text("utf-8"))
    assert form["training_datasets"] == ["Tiny"]
