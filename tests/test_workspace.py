"""Workspaces: the user's own files come before the bundled ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcmbench.data.location import locate
from tcmbench.errors import DataAbsent, ModelAbsent, SpecError, UnknownName
from tcmbench.models import weights
from tcmbench.specs.base import Base
from tcmbench.specs.model_set import ModelSet
from tcmbench.workspace import find


def test_own_spec_hides_the_bundled_one(workspace_dir: Path) -> None:
    """A base of the workspace wins over a bundled base of the same name, others stay visible."""
    (workspace_dir / "models/bases/bm25.toml").write_text(
        'kind = "baseline"\nencoder = "bm25"\ndescription = "mine"\n', encoding="utf-8"
    )
    place = find(workspace_dir / "tasks")
    assert workspace_dir == place.root
    assert place.spec(Base, "bm25").description == "mine"
    assert "random" in place.names(Base)


def test_without_a_workspace_results_go_to_the_current_folder(tmp_path: Path) -> None:
    """Where no workspace is, boards are written beside the user and the bundled content is used."""
    place = find(tmp_path)
    assert tmp_path / "leaderboards" == place.leaderboards
    assert "demo" in place.names(ModelSet)


def test_data_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    """A data root that was named must exist."""
    with pytest.raises(DataAbsent, match="TCMBENCH_DATA"):
        find(tmp_path, data=tmp_path / "nowhere")


def test_absent_weights_say_how_to_get_them(
    workspace_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A base whose weights aren't here names the command that fetches them."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    (workspace_dir / "models/bases/far.toml").write_text('kind = "embedding"\nhub_id = "org/far"\n', encoding="utf-8")
    place = find(workspace_dir)
    base = place.spec(Base, "far")
    assert weights.state(place, base) == "absent"
    with pytest.raises(ModelAbsent, match="hf download org/far"):
        weights.source(place, base)


def test_weights_of_the_hub_cache_are_found(
    workspace_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A snapshot in the hub's cache is taken without a network."""
    repository = tmp_path / "hf/hub/models--org--near"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text("abc", encoding="ascii")
    (repository / "snapshots/abc").mkdir(parents=True)
    (repository / "snapshots/abc/config.json").write_text("{}", encoding="utf-8")
    (repository / "snapshots/abc/model.safetensors").write_bytes(b"")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    (workspace_dir / "models/bases/near.toml").write_text('kind = "embedding"\nhub_id = "org/near"\n', encoding="utf-8")
    place = find(workspace_dir)
    assert repository / "snapshots/abc" == weights.source(place, place.spec(Base, "near"))


def test_variant_declared_twice_is_refused(workspace_dir: Path) -> None:
    """Two variants of one name in a set are a mistake."""
    row = '[[variant]]\nname = "v"\nbase = "bm25"\ndata = "d"\n'
    (workspace_dir / "models/sets/s.toml").write_text(
        'suite = "demo"\nreference = "bm25"\nmodels = ["bm25"]\n' + row + row, encoding="utf-8"
    )
    place = find(workspace_dir)
    with pytest.raises(UnknownName, match=r"used twice.*: v\."):
        place.variants(place.spec(ModelSet, "s"))


def test_a_variant_of_a_models_name_is_refused(workspace_dir: Path) -> None:
    """On the board one would stand in the other's row."""
    (workspace_dir / "models/sets/s.toml").write_text(
        'suite = "demo"\nreference = "bm25"\nmodels = ["bm25"]\n'
        '[[variant]]\nname = "bm25"\nbase = "mini-zh"\ndata = "d"\n',
        encoding="utf-8",
    )
    place = find(workspace_dir)
    with pytest.raises(UnknownName, match=r"used twice, by variants or by a model and a variant: bm25\."):
        place.variants(place.spec(ModelSet, "s"))


def test_an_untreated_variant_is_another_one_of_the_set(workspace_dir: Path) -> None:
    """And not a cure itself: a share of a share would be of nothing that was trained plainly."""
    file = workspace_dir / "models/sets/pair.toml"
    variant = '[[variant]]\nname = "{}"\nbase = "random"\ndata = "d"\nuntreated = "{}"\n'
    for pairs in ([("one", "two")], [("one", "one")], [("plain", ""), ("one", "plain"), ("two", "one")]):
        file.write_text(
            'suite = "demo"\nreference = "random"\nmodels = ["random"]\n' + "".join(variant.format(*p) for p in pairs),
            encoding="utf-8",
        )
        workspace = find(workspace_dir)
        with pytest.raises(UnknownName, match="untreated variant"):
            workspace.variants(workspace.spec(ModelSet, "pair"))


def test_an_untreated_variant_is_tuned_from_the_same_base(workspace_dir: Path) -> None:
    """A share of changes from two bases would be a number without a meaning."""
    (workspace_dir / "models/sets/pair.toml").write_text(
        'suite = "demo"\nreference = "random"\nmodels = ["random"]\n'
        '[[variant]]\nname = "plain"\nbase = "random"\ndata = "d"\n'
        '[[variant]]\nname = "cured"\nbase = "bm25"\ndata = "d"\nuntreated = "plain"\n',
        encoding="utf-8",
    )
    workspace = find(workspace_dir)
    with pytest.raises(SpecError, match=r"cured is tuned from bm25, and its untreated variant plain from random"):
        workspace.variants(workspace.spec(ModelSet, "pair"))


def test_variants_of_a_matrix_are_found_through_their_set(workspace_dir: Path) -> None:
    """A name that has no file leads to the set that spells it."""
    (workspace_dir / "models/sets/s.toml").write_text(
        'suite = "demo"\nreference = "bm25"\nmodels = ["bm25"]\n[[matrix]]\nname = "v-{rate}"\n'
        '[matrix.common]\nbase = "bm25"\ndata = "d"\n'
        "[matrix.axes.rate]\nlow = { training = { learning_rate = 1e-5 } }\n",
        encoding="utf-8",
    )
    place = find(workspace_dir)
    with pytest.raises(UnknownName, match="set s defines one: add --set s"):
        place.variant("v-low")
    model_set = place.spec(ModelSet, "s")
    assert place.variant("v-low", of=model_set).training.learning_rate == 1e-5
    with pytest.raises(UnknownName, match=r"(?s)set s: no variant named 'v-high'.*Known: v-low"):
        place.variant("v-high", of=model_set)


def test_the_policy_is_the_set_s_unless_a_file_overrides_it(workspace_dir: Path) -> None:
    """A table in the set, a file that it names, a file that is given, or the default; each says where it is written."""
    place = find(workspace_dir)
    head = 'suite = "one"\nreference = "tfidf"\nmodels = ["tfidf"]\n'
    (workspace_dir / "models/strict.toml").write_text("margin = 0.25\n", "utf-8")
    sets = {
        "plain": head,
        "table": f"{head}[policy]\nmargin = 0.5\n[policy.baseline]\ncap = 2\n",
        "file": f'{head}policy = "models/strict.toml"\n',
    }
    for name, text in sets.items():
        (workspace_dir / f"models/sets/{name}.toml").write_text(text, "utf-8")
    found = {name: place.policies(place.spec(ModelSet, name)) for name in sets}
    assert {name: (p.source, p.reference.margin, p.baseline.cap) for name, p in found.items()} == {
        "plain": ("default", 1.0, 5.0),
        "table": ("set table", 0.5, 2.0),
        "file": ("models/strict.toml", 0.25, 5.0),
    }
    overridden = place.policies(place.spec(ModelSet, "table"), override=workspace_dir / "models/strict.toml")
    assert (overridden.source, overridden.reference.margin) == ("models/strict.toml", 0.25)


def test_data_is_looked_for_from_the_nearest_root_on(
    workspace_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line, the workspace, the environment; each once."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    named, own, shared = tmp_path / "named", workspace_dir / "data", tmp_path / "shared"
    for folder in (named, own, shared):
        folder.mkdir(exist_ok=True)
    assert find(workspace_dir, data=named, shared_data=shared).data_roots == (named, own, shared)
    assert find(workspace_dir, data=own, shared_data=own).data_roots == (own,)
    own.rmdir()
    assert find(workspace_dir).data_roots == (tmp_path / "home/.cache/tcmbench/data",)


def test_data_comes_whole_from_the_nearest_root(
    workspace_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No file of a further copy is mixed in, and a copy that differs is named."""
    shared = tmp_path / "shared"
    for folder, names in ((workspace_dir / "data", ["a"]), (shared, ["a", "b"])):
        for name in names:
            (folder / "task").mkdir(parents=True, exist_ok=True)
            (folder / "task" / name).write_text("text", encoding="utf-8")
    (shared / "other").mkdir()
    place = find(workspace_dir, shared_data=shared)
    assert locate(place, "task") == workspace_dir / "data/task"
    assert locate(place, "other") == shared / "other"
    assert locate(place, "absent") == workspace_dir / "data/absent"
    assert f"{workspace_dir}/data/task is used; {shared}/task has other content" in caplog.text
    caplog.clear()
    (workspace_dir / "data/same").write_text("text", encoding="utf-8")
    (shared / "same").write_text("text", encoding="utf-8")
    assert locate(place, "same") == workspace_dir / "data/same"
    assert not caplog.text
