"""A model by folder, adapter, checkpoint or name on the hub, without a file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tcmbench import models
from tcmbench.errors import ModelAbsent, SpecError, UnknownName
from tcmbench.models import given
from tcmbench.specs.base import Base
from tcmbench.specs.model_set import ModelSet
from tcmbench.workspace import find
from tests.models import adapters
from tests.models.adapters import MINI, model_of

if TYPE_CHECKING:
    from tcmbench.records.model import Model
    from tcmbench.workspace import Workspace

TEXTS = ["咳嗽三日，痰黄", "名称：气虚证。"]


def _vectors(place: Workspace, model: Model) -> np.ndarray:
    loaded = models.load(model, cache=place.cache).model
    return np.asarray(loaded.encode_texts(TEXTS))


def test_a_folder_is_believed(place: Workspace, tmp_path: Path) -> None:
    """Pooling, normalisation, length, prompts and padding are what its files say, and so are its vectors."""
    folder = tmp_path / "my-model"
    shutil.copytree(MINI, folder)
    model = model_of(place, str(folder))
    assert (model.name, model.base.kind, model.base.pooling, model.base.normalize) == (
        "my-model", "embedding", "last", True,
    )  # fmt: skip
    assert model.base.query_prompt == "Instruct: 检索\nQuery:"
    assert (model.base.max_length, model.base.padding_side) == (512, "left")
    bundled = models.base_model(place, "mini-zh")
    np.testing.assert_array_equal(_vectors(place, model), _vectors(place, bundled))


def test_a_static_folder_needs_no_architecture(place: Workspace, tmp_path: Path) -> None:
    """Its modules.json says that it is a table of token vectors."""
    folder = tmp_path / "table"
    shutil.copytree(MINI.parent / "mini-zh-static", folder)
    model = model_of(place, str(folder))
    assert model.base.architecture == "static"
    assert _vectors(place, model).shape[0] == len(TEXTS)


def test_a_folder_with_the_name_of_a_variant_is_not_taken_for_it(place: Workspace, tmp_path: Path) -> None:
    """Beside a set with that variant it has another name, or the variant would be measured in its place."""
    folder = tmp_path / "demo-lora"
    shutil.copytree(MINI, folder)
    _, called = given.register(place, [str(folder)], also_known=["demo-lora"])
    assert called[str(folder)].startswith("demo-lora-")
    _, alone = given.register(place, [str(folder)])
    assert alone[str(folder)] == "demo-lora"


def test_a_reranker_folder_is_a_reranker(place: Workspace) -> None:
    """What a folder is for stands in its files."""
    assert model_of(place, str(MINI.parent / "mini-zh-reranker")).base.kind == "reranker"


@pytest.mark.parametrize("kind", ["AutoModel", "AutoModelForCausalLM"])
def test_an_adapter_is_merged_onto_its_base(place: Workspace, tmp_path: Path, kind: str) -> None:
    """Its vectors are those of the adapter beside the base, whichever class it was trained on."""
    folder = adapters.adapter(tmp_path / "my-adapter", kind=kind)
    model = model_of(place, str(folder))
    assert model.base.tuned_from == "mini-zh"
    expected = adapters.vectors_beside_base(folder, TEXTS, kind=kind)
    np.testing.assert_allclose(_vectors(place, model), expected, atol=1e-5)
    again = model_of(place, str(folder))
    assert (again.model_dir, again.revision) == (model.model_dir, model.revision)


def test_an_adapter_has_the_settings_of_its_own_folder(place: Workspace, tmp_path: Path) -> None:
    """sentence-transformers writes pooling, prompts and length beside an adapter; those of the base are others."""
    folder = adapters.adapter(tmp_path / "own", kind="AutoModel")
    for name in ("modules.json", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json"):
        shutil.copyfile(MINI / name, folder / name)
    shutil.copytree(MINI / "1_Pooling", folder / "1_Pooling")
    pooling = json.loads((folder / "1_Pooling/config.json").read_text(encoding="utf-8"))
    pooling = {name: value for name, value in pooling.items() if not name.startswith("pooling_mode")}
    (folder / "1_Pooling/config.json").write_text(json.dumps(pooling | {"pooling_mode": "mean"}), encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 32}', encoding="utf-8")
    settings = {"prompts": {"query": "问：", "document": ""}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings), encoding="utf-8")
    base = model_of(place, str(folder)).base
    assert (base.pooling, base.query_prompt, base.max_length) == ("mean", "问：", 32)
    bare = model_of(place, str(adapters.adapter(tmp_path / "bare", kind="AutoModel"))).base
    assert (bare.pooling, bare.query_prompt) == ("last", "Instruct: 检索\nQuery:")
    (folder / "1_Pooling/config.json").write_text(json.dumps(pooling | {"pooling_mode": "cls"}), encoding="utf-8")
    assert model_of(place, str(folder)).base.pooling == "cls"


def test_another_adapter_is_anothermodel_of(place: Workspace, tmp_path: Path) -> None:
    """Weights that change change the revision."""
    first = model_of(place, str(adapters.adapter(tmp_path / "one", kind="AutoModel", seed=0)))
    second = model_of(place, str(adapters.adapter(tmp_path / "two", kind="AutoModel", seed=1)))
    assert first.revision != second.revision


def test_the_base_of_an_adapter_can_be_named(place: Workspace, tmp_path: Path) -> None:
    """Its own path is often that of another machine."""
    folder = adapters.adapter(tmp_path / "far", kind="AutoModel", base="/far/away/base")
    with pytest.raises(ModelAbsent, match=r"tuned from /far/away/base, which is not on this machine.*--base"):
        model_of(place, str(folder))
    assert model_of(place, str(folder), tuned_from="mini-zh").base.tuned_from == "mini-zh"


def test_an_adapter_of_another_model_is_refused(place: Workspace, tmp_path: Path) -> None:
    """PEFT would leave out what has no place, and only warn."""
    folder = adapters.adapter(tmp_path / "odd", kind="AutoModel")
    file = folder / "adapter_model.safetensors"
    renamed = {name.replace("layers.0.", "layers.77."): tensor for name, tensor in load_file(file).items()}
    save_file(renamed, file)
    with pytest.raises(ModelAbsent, match=r"modules that .* doesn't have"):
        model_of(place, str(folder))


def test_an_adapter_that_lost_weights_is_refused(place: Workspace, tmp_path: Path) -> None:
    """What is missing would stay at random."""
    folder = adapters.adapter(tmp_path / "cut", kind="AutoModel")
    file = folder / "adapter_model.safetensors"
    save_file({n: t for n, t in load_file(file).items() if "layers.0.self_attn.q_proj.lora_B" not in n}, file)
    with pytest.raises(ModelAbsent, match="1 weights of the adapter are not in its file"):
        model_of(place, str(folder))


@pytest.mark.parametrize(("best", "expected"), [(None, 4), (2, 2)])
def test_an_output_of_swift_stands_for_its_best_or_last_checkpoint(
    place: Workspace, tmp_path: Path, best: int | None, expected: int
) -> None:
    """The checkpoint gets its base's pooling and prompts; its vectors are those of its weights."""
    output = adapters.swift_output(tmp_path / "output", best=best)
    model = model_of(place, str(output))
    assert model.name == f"v0-20260101-000000-checkpoint-{expected}"
    assert (model.base.tuned_from, model.base.pooling) == ("mini-zh", "last")
    assert model.model_dir is not None
    assert not (model.model_dir / "optimizer.pt").exists()
    np.testing.assert_array_equal(_vectors(place, model), _vectors(place, models.base_model(place, "mini-zh")))
    assert models.trained_elsewhere(place, model.base)["args.learning_rate"] == 1e-5


@pytest.mark.parametrize("name", ["modeling.py", "2_Dense/model.safetensors"])
def test_checkpoints_that_differ_in_any_file_are_different_models(place: Workspace, tmp_path: Path, name: str) -> None:
    """Code and the weights of further modules are copied too, so they count."""
    revisions = set()
    for rows in (1, 2):
        output = adapters.swift_output(tmp_path / f"output-{rows}")
        path = output / "v0-20260101-000000/checkpoint-4" / name
        path.parent.mkdir(exist_ok=True)
        save_file({"linear.weight": np.ones((rows, 4), dtype=np.float32)}, path)
        revisions.add(model_of(place, str(output)).revision)
    assert len(revisions) == 2


def test_a_model_of_the_hub_cache(place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name on the hub; nothing is downloaded offline."""
    snapshot = tmp_path / "hub/models--someone--small/snapshots/abc"
    shutil.copytree(MINI, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs/main").write_text("abc", encoding="ascii")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert model_of(place, "someone/small").name == "small"
    with pytest.raises(ModelAbsent, match=r"someone/other is not in the local hub cache.*HF_HUB_OFFLINE is set"):
        model_of(place, "someone/other")


def test_a_base_without_a_statement_of_pooling_is_refused(place: Workspace, tmp_path: Path) -> None:
    """Guessing would give another model's scores."""
    folder = tmp_path / "bare"
    shutil.copytree(MINI, folder, ignore=shutil.ignore_patterns("modules.json", "1_*", "2_*", "config_sentence*"))
    with pytest.raises(SpecError, match=r"no file states.*tcmbench init --model"):
        model_of(place, str(folder))


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("./nowhere", ModelAbsent, "but there is no such folder"),
        ("minizh", UnknownName, "mini-zh"),
    ],
)
def test_what_is_no_model_is_named(place: Workspace, name: str, error: type[Exception], message: str) -> None:
    """With what to do."""
    with pytest.raises(error, match=message):
        model_of(place, name)


def test_a_broken_base_is_no_concern_of_other_models(tmp_path: Path) -> None:
    """The base of an adapter is looked for among those that can be read."""
    root = tmp_path / "own"
    (root / "models/bases").mkdir(parents=True)
    (root / "tasks").mkdir()
    (root / "models/bases/a-broken.toml").write_text("kind = 1\n", encoding="utf-8")
    folder = adapters.adapter(tmp_path / "adapter", kind="AutoModel")
    assert model_of(find(root, cache=tmp_path / "store"), str(folder)).base.tuned_from == "mini-zh"


def test_a_name_that_is_taken_is_told_apart(place: Workspace, tmp_path: Path) -> None:
    """A folder called like a bundled base is another model."""
    folder = tmp_path / "mini-zh"
    shutil.copytree(MINI, folder)
    place, called = given.register(place, [str(folder), "mini-zh"])
    assert called["mini-zh"] == "mini-zh"
    assert called[str(folder)].startswith("mini-zh-")


def test_a_set_may_list_folders(place: Workspace, tmp_path: Path) -> None:
    """Relative ones are looked for from the workspace's root; the set then has names."""
    shutil.copytree(MINI, place.root / "mine")
    model_set = ModelSet(name="s", suite="demo", reference="./mine", models=("bm25", "./mine"))
    place, named = given.in_set(place, model_set)
    assert (named.models, named.reference) == (("bm25", "mine"), "mine")
    assert place.spec(Base, "mine").kind == "embedding"


def test_paths_of_a_file_lead_from_home_or_the_file(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`~/x`, `./x` and whole paths."""
    root = tmp_path / "own"
    (root / "models/bases").mkdir(parents=True)
    (root / "tasks").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(MINI, root / "models/bases/near")
    shutil.copytree(MINI, tmp_path / "far")
    for name, path in {"a": "./near", "b": "~/far", "c": str(tmp_path / "far"), "d": "near"}.items():
        (root / f"models/bases/{name}.toml").write_text(f'kind = "embedding"\npath = {json.dumps(path)}\n', "utf-8")
        assert models.base_model(find(root, cache=tmp_path / "store"), name).base.pooling == "last"


@pytest.mark.parametrize("noted", ["a\0b", "b" * 500, 7, "loop"])
def test_a_log_that_notes_no_checkpoint_leaves_the_last(place: Workspace, tmp_path: Path, noted: object) -> None:
    """As does an empty folder with the name of a later one."""
    version = adapters.swift_output(tmp_path / "output") / "v0-20260101-000000"
    (version / "checkpoint-6").mkdir()
    (version / "loop").symlink_to("loop")
    line = json.dumps({"best_model_checkpoint": noted})
    (version / "logging.jsonl").write_text(f"[1]\n{line}\n{'[' * 90_000}\n", encoding="utf-8")
    assert model_of(place, str(version)).name == "v0-20260101-000000-checkpoint-4"


@pytest.mark.parametrize("name", ["./" + "x" * 300, "./loop", "./file", "./empty"])
def test_what_is_no_folder_of_a_model_is_refused(
    place: Workspace, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that are too long, links to themselves, files, and folders without a model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelAbsent, match="expected the folder of a model"):
        model_of(place, name)


def test_data_in_the_place_of_a_model_is_said_to_be_data(place: Workspace, tmp_path: Path) -> None:
    """Also where its path looks like the id of a model on the hub."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/rows.csv").write_text("query,positive\n")
    with pytest.raises(ModelAbsent, match=r"got a file\. Data is given as --tasks"):
        model_of(place, str(tmp_path / "data/rows.csv"))


def test_a_base_that_is_tuned_from_itself_is_refused(place: Workspace, tmp_path: Path) -> None:
    """Also by way of another."""
    folder = adapters.adapter(tmp_path / "my-adapter", kind="AutoModel")
    bases = tmp_path / "empty/models/bases"
    bases.mkdir(parents=True)
    (tmp_path / "empty/tasks").mkdir()
    for name, origin in (("one", "two"), ("two", "one")):
        text = f'kind = "embedding"\npath = "{folder}"\npooling = "last"\nmax_length = 512\ntuned_from = "{origin}"\n'
        (bases / f"{name}.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match="base one: tuned_from leads in a circle: one → two → one"):
        models.base_model(find(tmp_path / "empty", cache=place.cache), "one")


@pytest.mark.parametrize("noted", ["checkpoint-2", "best-checkpoint"])
def test_a_best_checkpoint_that_is_gone_is_not_replaced(place: Workspace, tmp_path: Path, noted: str) -> None:
    """The last one is another model."""
    version = adapters.swift_output(tmp_path / "output", steps=(4,)) / "v0-20260101-000000"
    (version / "logging.jsonl").write_text(json.dumps({"best_model_checkpoint": f"/far/{noted}"}), encoding="utf-8")
    with pytest.raises(ModelAbsent, match=rf"its best checkpoint by logging.jsonl, {noted}, is gone.*/checkpoint-4\."):
        model_of(place, str(tmp_path / "output"))
    assert model_of(place, str(version / "checkpoint-4")).name == "v0-20260101-000000-checkpoint-4"


def test_the_file_of_an_adapter_needs_no_name_of_its_base(tmp_path: Path) -> None:
    """The adapter states it; what can't be found is asked for."""
    root = tmp_path / "own"
    (root / "models/bases").mkdir(parents=True)
    (root / "tasks").mkdir()
    adapters.adapter(root / "models/mine", kind="AutoModel")
    file = root / "models/bases/mine.toml"
    file.write_text('kind = "embedding"\npath = "mine"\n', encoding="utf-8")
    own = find(root, cache=tmp_path / "store")
    model = models.base_model(own, "mine")
    assert model.base.tuned_from == "mini-zh"
    file.write_text('kind = "embedding"\npath = "mine"\ntuned_from = "mini-zh"\n', encoding="utf-8")
    assert models.base_model(own, "mine").revision == model.revision
    file.write_text('kind = "embedding"\npath = "mine"\n', encoding="utf-8")
    adapters.edit(root / "models/mine/adapter_config.json", base_model_name_or_path="/far/away/base")
    with pytest.raises(ModelAbsent, match=r'base mine: .*tuned_from = "NAME".*/far/away/base'):
        models.base_model(own, "mine")


def test_a_folder_that_is_named_twice_is_onemodel_of(place: Workspace, tmp_path: Path) -> None:
    """By a set and on the command line, or in two ways."""
    shutil.copytree(MINI, tmp_path / "mine")
    place, first = given.register(place, [str(tmp_path / "mine")])
    place, second = given.register(place, [str(tmp_path / "empty/../mine")])
    assert [*first.values()] == [*second.values()] == ["mine"]
