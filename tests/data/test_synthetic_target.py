"""Generated data replaces only generated files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.data.synthetic import write_data_root, write_tcm_sd
from tcmbench.data.synthetic_target import require_own, require_own_root
from tcmbench.errors import DataError, StoreError

if TYPE_CHECKING:
    from pathlib import Path


def test_new_empty_and_own_folders_are_taken(tmp_path: Path) -> None:
    """Also where the data was made from other arguments."""
    require_own(tmp_path / "new")
    require_own(tmp_path)
    write_tcm_sd(tmp_path, records=20, seed=-3)
    require_own(tmp_path)


@pytest.mark.parametrize("name", ["train.jsonl", "notes.txt", "README.md"])
def test_a_folder_of_other_files_is_refused(tmp_path: Path, name: str) -> None:
    """By name, with what to do."""
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="Choose another folder, or move them away") as caught:
        require_own(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: ")


@pytest.mark.parametrize("name", ["train.jsonl", "notes.txt"])
def test_a_changed_folder_is_refused(tmp_path: Path, name: str) -> None:
    """Somebody's lines are in it, though its README still says where the others come from."""
    write_tcm_sd(tmp_path, records=20, seed=0)
    with (tmp_path / name).open("a", encoding="utf-8") as file:
        file.write("mine")
    with pytest.raises(DataError, match="that this version did not write"):
        require_own(tmp_path)


def test_a_data_root_may_hold_other_folders(tmp_path: Path) -> None:
    """They are left alone; the two that are written to are looked at."""
    (tmp_path / "tcm-sd").mkdir()
    (tmp_path / "tcm-sd" / "train.jsonl").write_text("mine", encoding="utf-8")
    require_own_root(tmp_path)
    write_data_root(tmp_path, records=20, seed=1)
    require_own_root(tmp_path)
    (tmp_path / "general-synth" / "sts.jsonl").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="general-synth: expected a new"):
        require_own_root(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Neither to write over, nor to write below."""
    path = tmp_path / "file"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="file: expected a new or empty folder"):
        require_own(path)
    with pytest.raises(StoreError, match="file"):
        write_data_root(path, records=20, seed=0)
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_folder_that_cannot_be_looked_at_is_named(tmp_path: Path) -> None:
    """An impossible name, say."""
    with pytest.raises(StoreError, match="Choose another"):
        require_own(tmp_path / ("a" * 300))
