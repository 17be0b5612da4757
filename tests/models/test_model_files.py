"""All that a loader may read is hashed; what can't be hashed is refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tcmbench.errors import ModelAbsent
from tcmbench.models.revisions import weights_hash
from tcmbench.workspace import bundled_content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundled static model, whose files are small."""
    return Path(shutil.copytree(bundled_content() / "models/mini-zh-static", tmp_path / "model"))


@pytest.mark.parametrize(
    "name", ["merges.txt", "spiece.model", "vocab.tiktoken", "modeling.py", "chat_template.jinja", "unheard_of.xyz"]
)
def test_any_file_that_a_loader_may_read_changes_the_hash(folder: Path, name: str) -> None:
    """A file of any ending counts, unless it is a card, a picture or a log."""
    before = weights_hash(folder)
    (folder / name).write_text("one", encoding="utf-8")
    first = weights_hash(folder)
    (folder / name).write_text("two", encoding="utf-8")
    assert len({before, first, weights_hash(folder)}) == 3


@pytest.mark.parametrize("name", ["README.md", "training_args.json", "picture.png", "runs/events.out.tfevents.1"])
def test_cards_pictures_and_logs_do_not(folder: Path, name: str) -> None:
    """What no loader reads leaves the model what it is."""
    before = weights_hash(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("anything", encoding="utf-8")
    assert before == weights_hash(folder)


def test_files_behind_a_linked_folder_count(folder: Path, tmp_path: Path) -> None:
    """A part of the model may be a link to another place."""
    (tmp_path / "elsewhere").mkdir()
    save_file({"linear.weight": np.zeros((2, 2), np.float32)}, tmp_path / "elsewhere/model.safetensors")
    (folder / "2_Dense").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    before = weights_hash(folder)
    save_file({"linear.weight": np.ones((2, 2), np.float32)}, tmp_path / "elsewhere/model.safetensors")
    assert before != weights_hash(folder)


def test_a_link_to_a_folder_above_itself_ends(folder: Path) -> None:
    """Links in a circle are followed once."""
    before = weights_hash(folder)
    (folder / "again").symlink_to(folder, target_is_directory=True)
    assert before == weights_hash(folder)


def test_pickles_of_a_part_are_refused(folder: Path) -> None:
    """A Dense module that holds only pytorch_model.bin could run code, and no revision covers it."""
    (folder / "3_Dense").mkdir()
    (folder / "3_Dense/pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(ModelAbsent, match=r"only pickles in 3_Dense/pytorch_model\.bin"):
        weights_hash(folder)


def test_pickles_beside_safetensors_are_left_alone(folder: Path) -> None:
    """They are never opened, so they are no part of the model."""
    before = weights_hash(folder)
    (folder / "pytorch_model.bin").write_bytes(b"anything")
    assert before == weights_hash(folder)


def test_networks_of_other_engines_count(folder: Path) -> None:
    """Those that an encoder reads; OpenVINO's file of numbers has the ending of pickles, and is none."""
    before = weights_hash(folder)
    for name in ("model.onnx", "openvino_model.xml", "openvino_model.bin"):
        (folder / name).write_bytes(b"one")
        assert weights_hash(folder) != before
        before = weights_hash(folder)
    (folder / "onnx").mkdir()
    (folder / "onnx/model.onnx").write_bytes(b"of a hub")
    assert weights_hash(folder) == before


def test_an_adapter_is_refused(folder: Path) -> None:
    """Its base is another folder, which can change under it."""
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "x"}', encoding="utf-8")
    with pytest.raises(ModelAbsent, match=r"PEFT adapter.*Merge it first"):
        weights_hash(folder)


def test_code_of_another_repository_is_refused(folder: Path) -> None:
    """What auto_map takes from elsewhere is in no hash."""
    (folder / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "org/x--modeling.M"}}), encoding="utf-8")
    with pytest.raises(ModelAbsent, match="org/x--modeling"):
        weights_hash(folder)


def test_a_cut_file_is_named(folder: Path) -> None:
    """The header says how long the file is."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelAbsent, match=r"model\.safetensors: expected \d+ bytes by its header"):
        weights_hash(folder)


def test_a_git_lfs_pointer_is_named(folder: Path) -> None:
    """What git leaves without LFS is a text of three lines."""
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid x\nsize 1\n")
    with pytest.raises(ModelAbsent, match="Git LFS pointer"):
        weights_hash(folder)


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 64, (2).to_bytes(8, "little") + b"[]"])
def test_what_is_no_safetensors_file_is_named(folder: Path, content: bytes) -> None:
    """No library's words, and no reading of a header of exabytes."""
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelAbsent, match=r"model\.safetensors: expected "):
        weights_hash(folder)
