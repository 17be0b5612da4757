"""Vectors are computed once, kept whole, and never mistaken for others."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcmbench.encoders.runtime import embedding_cache, embedding_segment
from tcmbench.encoders.runtime.embedding_cache import Space, digest
from tcmbench.encoders.runtime.served import Endpoint, EndpointReranker
from tcmbench.errors import StoreError
from tcmbench.records import provenance
from tcmbench.records.score import ENCODING
from tcmbench.store import read_checked, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def open_space(root: Path, **identity: Any) -> Space:
    """Return a space of one model."""
    chosen = {"model": "m", "revision": "r1", "max_length": 8, "dtype": "float32", **identity}
    return Space(root, **chosen)


def vectors_of(texts: Sequence[str], dimensions: int = 4) -> NDArray[np.float32]:
    """Return vectors that tell texts apart."""
    return np.array([[zlib_like(text, place) for place in range(dimensions)] for text in texts], dtype=np.float32)


def zlib_like(text: str, place: int) -> float:
    """Return a number that follows from text and place."""
    return float(sum((place + 1) * (number + 3) * ord(char) for number, char in enumerate(text)) % 9973)


def add(space: Space, texts: Sequence[str]) -> None:
    """Put the vectors of texts into a space."""
    space.add([digest(text) for text in texts], vectors_of(texts))


def get(space: Space, texts: Sequence[str]) -> dict[str, list[float]]:
    """Return the vectors of texts that are there, by text."""
    present, vectors = space.get([digest(text) for text in texts])
    return dict(zip([t for t, p in zip(texts, present, strict=True) if p], vectors.tolist(), strict=True))


def expected(texts: Sequence[str]) -> dict[str, list[float]]:
    """Return the vectors that texts must have, by text."""
    return dict(zip(texts, vectors_of(texts).tolist(), strict=True))


@settings(max_examples=50)
@given(st.lists(st.lists(st.text(max_size=4), max_size=5), max_size=5))
def test_what_was_added_is_found(tmp_path_factory: pytest.TempPathFactory, rounds: list[list[str]]) -> None:
    """Every text added is found with its own vector, by this and by a fresh process, and stored once."""
    root = tmp_path_factory.mktemp("cache")
    space = open_space(root)
    for texts in rounds:
        add(space, list(dict.fromkeys(texts)))
    texts = list(dict.fromkeys(text for some in rounds for text in some))
    assert get(space, texts) == expected(texts)
    assert get(open_space(root), texts) == expected(texts)
    stored = open_space(root)
    assert len(stored) == len(texts)
    assert not texts or (stored.folder / "vectors.f32").stat().st_size == len(texts) * 4 * 4


@pytest.mark.parametrize("change", [{"revision": "r2"}, {"max_length": 9}, {"dtype": "bfloat16"}])
def test_models_are_kept_apart(tmp_path: Path, change: dict[str, Any]) -> None:
    """Another revision, max length or precision finds nothing of this one."""
    add(open_space(tmp_path), ["寒热往来"])
    assert get(open_space(tmp_path, **change), ["寒热往来"]) == {}


def test_names_do_not_matter(tmp_path: Path) -> None:
    """The same revision under another name is the same model."""
    add(open_space(tmp_path), ["头痛"])
    assert get(open_space(tmp_path, model="copy"), ["头痛"]) == expected(["头痛"])


@pytest.mark.parametrize(("file", "cut"), [("vectors.f32", 5), ("index.bin", 7), ("index.bin", 20)])
def test_a_torn_tail_is_ignored_and_written_over(tmp_path: Path, file: str, cut: int) -> None:
    """What a killed process left half-written does not count, and the next writer continues before it."""
    space = open_space(tmp_path)
    add(space, ["a", "b"])
    add(space, ["c"])
    path = space.folder / file
    path.write_bytes(path.read_bytes()[:-cut])
    again = open_space(tmp_path)
    assert get(again, ["a", "b", "c"]) == expected(["a", "b"])
    add(again, ["d", "c"])
    assert get(open_space(tmp_path), ["a", "b", "c", "d"]) == expected(["a", "b", "c", "d"])


def test_rows_without_records_are_written_over(tmp_path: Path) -> None:
    """Rows whose records were never written don't shift the rows that follow."""
    space = open_space(tmp_path)
    add(space, ["a"])
    with (space.folder / "vectors.f32").open("ab") as file:
        file.write(b"\x01" * 21)
    add(space, ["b"])
    assert get(open_space(tmp_path), ["a", "b"]) == expected(["a", "b"])


@pytest.mark.parametrize("file", ["vectors.f32", "index.bin"])
def test_damage_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str) -> None:
    """A flipped bit makes one text absent, never a wrong vector; adding it again mends it."""
    space = open_space(tmp_path)
    add(space, ["a", "b"])
    path = space.folder / file
    data = bytearray(path.read_bytes())
    data[-1] ^= 4
    path.write_bytes(bytes(data))
    again = open_space(tmp_path)
    assert get(again, ["a", "b"]) == expected(["a"])
    assert "damaged" in caplog.text
    add(again, ["b"])
    assert get(open_space(tmp_path), ["a", "b"]) == expected(["a", "b"])


def test_vectors_of_another_length_are_refused(tmp_path: Path) -> None:
    """A model that changed without a new revision is stopped."""
    space = open_space(tmp_path)
    add(space, ["a"])
    with pytest.raises(StoreError, match=r"holds vectors of 4 numbers, but the model gave \(1, 5\)"):
        space.add([digest("b")], np.zeros((1, 5), dtype=np.float32))
    assert get(open_space(tmp_path), ["a"]) == expected(["a"])


@pytest.mark.parametrize("damage", ["{", '{"dimensions": 4, "dimensions": 5}', '"dimensions": 40'])
def test_vectors_with_a_damaged_card_are_encoded_again(tmp_path: Path, damage: str) -> None:
    """Nothing is read by a card that isn't as it was written; the next vectors begin the space anew."""
    space = open_space(tmp_path)
    add(space, ["a"])
    card = space.folder / "space.json"
    text = card.read_text(encoding="utf-8")
    card.write_text(damage if damage[0] == "{" else text.replace('"dimensions": 4', damage), encoding="utf-8")
    again = open_space(tmp_path)
    assert get(again, ["a"]) == {}
    add(again, ["b"])
    assert get(open_space(tmp_path), ["a", "b"]) == expected(["b"])


def test_a_space_that_was_copied_over_another_is_not_read(tmp_path: Path) -> None:
    """The same texts have other vectors there: they are encoded again."""
    add(open_space(tmp_path, revision="r1"), ["a"])
    add(open_space(tmp_path, revision="r2"), ["a"])
    other, space = (open_space(tmp_path, revision=revision).folder for revision in ("r1", "r2"))
    shutil.rmtree(space)
    shutil.copytree(other, space)
    assert get(open_space(tmp_path, revision="r2"), ["a"]) == {}


def test_a_card_of_an_earlier_version_has_no_checksum(tmp_path: Path) -> None:
    """Its vectors count."""
    space = open_space(tmp_path)
    add(space, ["a"])
    card = read_checked(space.folder / "space.json")
    write_json(space.folder / "space.json", card)
    assert get(open_space(tmp_path), ["a"]) == expected(["a"])


def write_many(root: Path, first: int, count: int) -> None:
    """Add texts one by one, as a process of its own."""
    space = open_space(root)
    for number in range(first, first + count):
        add(space, [f"text {number}"])


def test_two_processes_write_side_by_side(tmp_path: Path) -> None:
    """Two writers with half of their texts in common lose nothing; each has files of its own."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=write_many, args=(tmp_path, first, 60)) for first in (0, 30)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    texts = [f"text {number}" for number in range(90)]
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert get(open_space(tmp_path), texts) == expected(texts)
    assert len(open_space(tmp_path)) == 90


def test_a_writer_never_appends_to_the_files_of_another(tmp_path: Path) -> None:
    """Its own segment is the first that is free; what others have is read, and isn't stored again."""
    writers = [multiprocessing.get_context("fork").Process(target=hold, args=(tmp_path, name)) for name in "ab"]
    space = open_space(tmp_path)
    add(space, ["here"])
    for number, writer in enumerate(writers, start=1):
        writer.start()
        index = space.folder / f"index-{number}.bin"
        while not (index.is_file() and index.stat().st_size):
            time.sleep(0.01)
    before = {path.name: path.stat().st_size for path in space.folder.glob("vectors*.f32")}
    add(space, ["a", "b", "more"])
    after = {path.name: path.stat().st_size for path in space.folder.glob("vectors*.f32")}
    (tmp_path / "done").touch()
    for writer in writers:
        writer.join()
    assert before == {"vectors.f32": 16, "vectors-1.f32": 16, "vectors-2.f32": 16}
    assert after == {**before, "vectors.f32": 32}
    texts = ["here", "a", "b", "more"]
    assert get(open_space(tmp_path), texts) == expected(texts)
    assert [get(open_space(tmp_path), [text]) for text in reversed(texts)] == [expected([t]) for t in reversed(texts)]


def hold(root: Path, text: str) -> None:
    """Add a text and keep the segment until the test is done."""
    space = open_space(root)
    add(space, [text])
    while not (root / "done").is_file():
        time.sleep(0.01)


def test_a_segment_whose_writer_is_gone_is_continued(tmp_path: Path) -> None:
    """Their number is that of processes that write at the same time, not of all that ever did."""
    for text in "abc":
        process = multiprocessing.get_context("fork").Process(target=add, args=(open_space(tmp_path), [text]))
        process.start()
        process.join()
    assert [path.name for path in open_space(tmp_path).folder.glob("vectors*")] == ["vectors.f32"]
    assert get(open_space(tmp_path), ["a", "b", "c"]) == expected(["a", "b", "c"])


def test_a_text_whose_vector_is_damaged_in_one_segment_is_found_in_another(tmp_path: Path) -> None:
    """It may be in both, where two processes encoded it at once."""
    space = open_space(tmp_path)
    add(space, ["a", "b"])
    path = space.folder / "vectors.f32"
    shutil.copy(path, space.folder / "vectors-1.f32")
    shutil.copy(space.folder / "index.bin", space.folder / "index-1.bin")
    data = bytearray(path.read_bytes())
    data[1] ^= 4
    path.write_bytes(bytes(data))
    again = open_space(tmp_path)
    assert len(again) == 2
    assert get(again, ["b", "a"]) == expected(["b", "a"])
    assert [error.what for error in embedding_cache.damaged(space.folder).values()] == [
        "1 of 2 vectors differ from their checksums"
    ]


def test_a_reader_sees_what_another_adds(tmp_path: Path) -> None:
    """After a refresh a space knows what was added elsewhere."""
    reader, writer = open_space(tmp_path), open_space(tmp_path)
    add(writer, ["a"])
    assert get(reader, ["a"]) == {}
    reader.refresh()
    assert get(reader, ["a"]) == expected(["a"])


def test_a_space_removed_under_a_writer_starts_anew(tmp_path: Path) -> None:
    """A process whose space was removed writes a new one, without rows that are gone."""
    space = open_space(tmp_path)
    add(space, ["a", "b"])
    shutil.rmtree(space.folder)
    assert get(space, ["a"]) == {}
    assert len(space) == 0
    add(space, ["a", "b"])
    shutil.rmtree(space.folder)
    add(open_space(tmp_path), ["x"])
    assert get(space, ["b"]) == {}
    shutil.rmtree(space.folder)
    add(space, ["c"])
    assert get(open_space(tmp_path), ["a", "b", "c"]) == expected(["c"])


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 39), min_size=1, max_size=40, unique=True),
    st.sampled_from([1, 16, 48, 1 << 20]),
    st.sets(st.integers(0, 39), max_size=2),
)
def test_any_part_is_read_in_any_order_through_any_buffer(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[int], buffer: int, damaged: set[int]
) -> None:
    """Neighbours are read together; each text gets its own vector, and a damaged one is absent, never another's."""
    texts = [f"text {number}" for number in range(40)]
    space = open_space(tmp_path_factory.mktemp("space"))
    add(space, texts)
    path = space.folder / "vectors.f32"
    data = bytearray(path.read_bytes())
    for row in damaged:
        data[16 * row + 5] ^= 4
    path.write_bytes(data)
    asked = [texts[number] for number in wanted]
    sound = [texts[number] for number in wanted if number not in damaged]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(embedding_segment, "_BUFFER", buffer)
        assert get(open_space(space.folder.parent), asked) == expected(sound)


def test_vectors_that_vanish_under_a_reader_are_absent(tmp_path: Path) -> None:
    """Another process began the space anew, with fewer vectors: nothing is read, and nothing fails."""
    space = open_space(tmp_path)
    add(space, ["a", "b", "c"])
    reader = open_space(tmp_path)
    path = space.folder / "vectors.f32"
    path.write_bytes(path.read_bytes()[:16])
    assert get(reader, ["b", "c"]) == {}


def test_vectors_of_other_package_versions_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade may change vectors: half of a corpus of each would be a silent wrong score."""
    first = open_space(tmp_path)
    add(first, ["a"])
    monkeypatch.setattr(embedding_cache, "encoding_versions", lambda: {"transformers": "99.0"})
    upgraded = open_space(tmp_path)
    assert get(upgraded, ["a"]) == {}
    add(upgraded, ["a"])
    assert upgraded.folder != first.folder
    assert embedding_cache.damaged(upgraded.folder) == {}
    monkeypatch.undo()
    assert get(open_space(tmp_path), ["a"]) == expected(["a"])


def test_vectors_of_a_server_depend_on_no_package_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its texts would be paid for again after an upgrade."""
    first = open_space(tmp_path, packages={})
    monkeypatch.setattr(embedding_cache, "encoding_versions", lambda: {"transformers": "99.0"})
    assert open_space(tmp_path, packages={}).folder == first.folder != open_space(tmp_path).folder
    engine = [open_space(tmp_path, packages={"onnxruntime": version}).folder for version in ("1.0", "1.1")]
    assert len({*engine, first.folder}) == 3


def test_encoders_say_what_computes_their_vectors() -> None:
    """The engine of an exported network, flash attention, and nothing for a server."""
    assert Endpoint.computed_with == EndpointReranker.computed_with == {}
    versions = provenance.package_versions()
    assert provenance.encoding_versions() == {name: versions[name] for name in ENCODING if name in versions}
    assert provenance.encoding_versions("numpy")["numpy"] == versions["numpy"]
