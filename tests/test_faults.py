"""Errors of libraries and of the system, translated; faults, reported."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tcmbench import faults
from tcmbench.errors import DataError, EvaluationError, ModelAbsent, StorageError, TcmbenchError
from tcmbench.records.failures import explained

if TYPE_CHECKING:
    from collections.abc import Callable


def _safetensors(folder: Path) -> None:
    from safetensors import safe_open

    (folder / "a.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with safe_open(folder / "a.safetensors", framework="numpy"):
        pass


def _parquet(folder: Path) -> None:
    import pyarrow.parquet as pq

    (folder / "a.parquet").write_bytes(b"PAR1 and then nothing")
    pq.read_table(folder / "a.parquet")


def _tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer

    (folder / "tokenizer.json").write_text('{"version": "1.0"', encoding="utf-8")
    Tokenizer.from_file(str(folder / "tokenizer.json"))


def _config(folder: Path) -> None:
    from transformers import AutoConfig

    (folder / "config.json").write_text("{}", encoding="utf-8")
    AutoConfig.from_pretrained(folder)


def _memory(folder: Path) -> None:
    import torch

    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def _numpy_memory(folder: Path) -> None:
    import numpy as np

    np.empty(1 << 60, dtype=np.uint8)


def _device_full(folder: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    import pyarrow as pa
    import pyarrow.parquet as pq

    # As an open file: of a path that it can't write to, pyarrow would remove what is there.
    with Path("/dev/full").open("wb", buffering=0) as full:
        pq.write_table(pa.table({"a": [1]}), full)


def _name(folder: Path) -> None:
    "气虚".encode("ascii")


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            _safetensors,
            ModelAbsent,
            r"expected a complete safetensors file \({place}\), but: .*Copy or download the weights",
        ),
        (_parquet, DataError, r"expected a complete Parquet file \({place}\), but: .*Copy or create the file again"),
        (_tokenizer, ModelAbsent, r"\({place}\), but tokenizer.json or tokenizer_config.json is missing or damaged: "),
        (_config, ModelAbsent, r"\({place}\), but config.json lacks its model_type: "),
        (
            _memory,
            EvaluationError,
            r"expected enough memory, but: CUDA out of memory.*Lower the encoder's batch_tokens",
        ),
        (_numpy_memory, EvaluationError, r"expected enough memory, but: Unable to allocate"),
        (_device_full, StorageError, r"expected free space to write, but: .* free in .*Free some"),
        (_name, StorageError, r"expected an encoding that holds '气虚', got ascii\. Set a locale of UTF-8"),
    ],
)
def test_what_libraries_say_is_translated(
    call: Callable[[Path], None], kind: type[TcmbenchError], words: str, tmp_path: Path
) -> None:
    """With what was expected, what came, where, and what to do."""
    with pytest.raises(kind, match=f"^m on t: .*{words.format(place=tmp_path)}"), explained("m on t", place=tmp_path):
        call(tmp_path)


def test_an_error_of_the_system_names_its_file(tmp_path: Path) -> None:
    """Its own, not the folder that was being worked in."""
    error = OSError(errno.EROFS, "Read-only file system", str(tmp_path / "a"))
    known = faults.translated(error, what="m on t", place=tmp_path / "b")
    assert isinstance(known, StorageError)
    assert str(known).startswith(f"m on t: {tmp_path}/a: expected a path that can be used, but: Read-only")


def test_an_error_of_ours_means_itself() -> None:
    """Nothing is put before it."""
    error = DataError("mend it")
    assert faults.translated(error, what="m on t") is error


def test_other_errors_have_no_translation() -> None:
    """They are faults, or what `explained` makes of them."""
    assert faults.translated(KeyError("a")) is None
    assert faults.translated(OSError("what a library calls an OSError")) is None


def test_a_long_message_is_cut() -> None:
    """Onto one line."""
    assert faults.words_of(ValueError("a\n  b.\n")) == "a b"
    assert len(faults.words_of(ValueError("x" * 5000))) == 301
