"""Cache of vectors on disk, so that no text is encoded twice by the same model.

One folder (a *space*) per model revision, max length and precision, two append-only files in it:

    vectors.f32   one row of single-precision numbers per text
    index.bin     one record per text: 16 bytes digest of the text with its prompt, 4 bytes CRC-32 of digest and row

A row is valid once its record exists. Records are written after rows, so a killed process leaves an incomplete tail,
which readers ignore and the next writer truncates. A row that fails its checksum is treated as absent. Writers take a
lock per space; readers need none, since valid rows never change.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import tempfile
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tcmbench import disk, strict_json
from tcmbench.encoders.runtime.file_rows import exactly, runs
from tcmbench.errors import DamagedArtefact, StoreError
from tcmbench.store import key, locked, without_sha256, write_checked

try:
    import fcntl
except ImportError:  # Windows has no locks on bytes of a file
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_DIGEST = 16
_RECORD = _DIGEST + 4
_BUFFER = 1 << 20
"""Bytes that are read at once, small enough for the processor's cache."""
_STAGE = "embeddings 1"
_LOCK_SECONDS = 600.0
_CLAIM_PAUSE = 0.05
_CARD = "space.json"


class SpaceCard(BaseModel):
    """Contents of `space.json`, which describes the vectors of a space."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """Name of the model that wrote first; others of the same revision share the space."""

    revision: str
    """Revision of the model."""

    max_length: int
    """Tokens after which texts were cut."""

    dtype: str
    """Precision of the model."""

    dimensions: int = Field(gt=0)
    """Length of a vector."""


def digest(text: str) -> bytes:
    """Return the digest of a text (with its prompt)."""
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST).digest()


class Space:
    """The vectors of one model revision."""

    def __init__(self, root: Path, *, model: str, revision: str, max_length: int, dtype: str) -> None:
        """Open a space, which need not exist yet.

        Args:
            root: Folder of all spaces.
            model: Name of the model, for display.
            revision: Revision of the model.
            max_length: Tokens after which texts are cut.
            dtype: Precision of the model.
        """
        self.folder = root / _name(revision=revision, max_length=max_length, dtype=dtype)
        self._identity = (model, revision, max_length, dtype)
        self._rows: dict[bytes, int] = {}
        self._records = 0
        self._file: tuple[int, int] | None = None
        self._dimensions: int | None = None
        self.refresh()
        if self.folder.is_dir():
            with contextlib.suppress(OSError):  # when it was last used; a store that is only read doesn't take it
                self._card_path.touch()

    @property
    def dimensions(self) -> int | None:
        """Length of the vectors; None if there are none."""
        return self._dimensions

    @property
    def records(self) -> int:
        """Number of vectors in the files, those of damaged records included."""
        return self._records

    def __len__(self) -> int:
        """Return the number of texts with a vector."""
        return len(self._rows)

    def digests(self) -> list[bytes]:
        """Return the digests of all texts with a vector, in the order in which they were added."""
        return list(self._rows)

    def refresh(self) -> None:
        """Take notice of what other processes have added or removed."""
        try:
            status = self._index_path.stat()
        except FileNotFoundError:
            self._rows, self._records, self._file, self._dimensions = {}, 0, None, None
            return
        identity = (status.st_dev, status.st_ino)
        if identity != self._file or self._dimensions is None:
            self._rows, self._records, self._file = {}, 0, identity
            card = _read_card(self._card_path)
            self._dimensions = None if card is None else card.dimensions
        whole = self._whole_records()
        if whole <= self._records:
            return
        with self._index_path.open("rb") as file:
            file.seek(self._records * _RECORD)
            data = file.read((whole - self._records) * _RECORD)
        for place in range(len(data) // _RECORD):
            start = place * _RECORD
            self._rows[data[start : start + _DIGEST]] = self._records + place
        self._records += len(data) // _RECORD

    def get(self, digests: Sequence[bytes]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Return which texts have a valid vector, and these vectors, in the order of the digests."""
        found = np.array([self._rows.get(name, -1) for name in digests], dtype=np.int64)
        asked = np.flatnonzero(found >= 0)
        if not asked.size or self._dimensions is None:
            return np.zeros(len(digests), dtype=np.bool_), np.zeros((0, self._dimensions or 0), dtype=np.float32)
        rows = found[asked]
        vectors = np.empty((asked.size, self._dimensions), dtype=np.float32)
        try:
            stated = self._stated(rows)
            sound = self._read(rows, [digests[place] for place in asked.tolist()], stated, vectors)
        except (FileNotFoundError, ValueError):  # another process has removed the space, or begun a shorter one
            self.refresh()
            return np.zeros(len(digests), dtype=np.bool_), np.zeros((0, vectors.shape[1]), dtype=np.float32)
        present = np.zeros(len(digests), dtype=np.bool_)
        present[asked[sound]] = True
        if sound.all():
            return present, vectors
        logger.error("%s: %d damaged vectors are encoded again", self.folder, np.count_nonzero(~sound))
        for place in asked[~sound].tolist():
            del self._rows[digests[place]]
        return present, vectors[sound]

    def _stated(self, rows: NDArray[np.int64]) -> list[int]:
        """Return the checksums in the records of some rows.

        Raises:
            ValueError: The file has fewer records than it had.
        """
        table = np.memmap(self._index_path, dtype=np.uint8, mode="r", shape=(self._records, _RECORD))
        stated: list[int] = np.ascontiguousarray(table[rows, _DIGEST:]).view("<u4")[:, 0].tolist()
        return stated

    def _read(
        self, rows: NDArray[np.int64], names: Sequence[bytes], stated: Sequence[int], vectors: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Read rows into `vectors` and return which of them agree with their checksums.

        In the order of the file, through a small buffer: each number is copied once, while the processor's cache
        still holds it from the comparison, and no page of the file stays resident as with a memory map.

        Raises:
            ValueError: The file has fewer rows than it had.
        """
        size = 4 * vectors.shape[1]
        sound = np.zeros(len(rows), dtype=np.bool_)
        with self._vectors_path.open("rb", buffering=0) as file:
            for run in runs(rows, most=max(1, _BUFFER // size)):
                first, last = int(rows[run[0]]), int(rows[run[-1]])
                file.seek(first * size)
                buffer = exactly(file, (last + 1 - first) * size)
                starts = (rows[run] - first) * size
                for place, start in zip(run.tolist(), starts.tolist(), strict=True):
                    sound[place] = zlib.crc32(buffer[start : start + size], zlib.crc32(names[place])) == stated[place]
                vectors[run] = np.frombuffer(buffer, dtype="<f4").reshape(-1, vectors.shape[1])[rows[run] - first]
        return sound

    def add(self, digests: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Append the vectors of new texts; those that another process has added meanwhile are skipped.

        Raises:
            StoreError: The vectors have another length than those there, or the lock stays taken.
        """
        if not len(digests):
            return
        with _locked(self.folder), disk.writing(self.folder / _CARD):
            self._make(int(vectors.shape[1]))
            self.refresh()
            if vectors.shape != (len(digests), self._dimensions):
                raise StoreError(
                    f"{self.folder}: holds vectors of {self._dimensions} numbers, but the model gave "
                    f"{vectors.shape} for {len(digests)} texts. Its revision must change when its output does; "
                    "delete the folder if this one is a leftover."
                )
            new = {name: place for place, name in enumerate(digests) if name not in self._rows}
            rows = np.ascontiguousarray(vectors[list(new.values())], dtype="<f4")
            records = b"".join(
                name + _checksum(name, row).to_bytes(4, "little") for name, row in zip(new, rows, strict=True)
            )
            self._append(rows, records)
            self.refresh()

    def cut_back(self, records: int) -> None:
        """Remove all vectors after the first ones: those of a server that turned out to serve another model.

        Vectors that other processes have added meanwhile go with them.

        Args:
            records: Number of vectors that stay, as `records` was.
        """
        with _locked(self.folder), disk.writing(self.folder / _CARD):
            self.refresh()
            if self._dimensions is None or self._records <= records:
                return
            with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=".removed.", suffix=".part") as name:
                # Another folder, not a shorter file: readers then notice that rows have moved.
                part = Path(name) / "part"
                part.mkdir()
                (part / _CARD).write_bytes(self._card_path.read_bytes())
                for path, size in ((self._vectors_path, 4 * self._dimensions), (self._index_path, _RECORD)):
                    with path.open("rb") as source:
                        (part / path.name).write_bytes(source.read(records * size))
                self.folder.rename(f"{name}/{self.folder.name}")
                part.rename(self.folder)
            self.refresh()

    @contextlib.contextmanager
    def claim(self, name: bytes, *, seconds: float) -> Iterator[bool]:
        """Claim the encoding of a batch, identified by its first text, so that two processes don't both do it.

        Yields whether the claim succeeded within `seconds`. A claim ends with its process. It only saves time, so on a
        system without byte locks every claim succeeds.
        """
        if fcntl is None:
            yield True
            return
        place = int.from_bytes(name[:4], "little") >> 1
        claims = self.folder.with_name(f".{self.folder.name}.claims")
        with disk.writing(claims):
            claims.parent.mkdir(parents=True, exist_ok=True)
            file = claims.open("ab")
        with file:
            end = time.monotonic() + seconds
            while not (mine := _byte_locked(file.fileno(), place)) and time.monotonic() < end:
                time.sleep(_CLAIM_PAUSE)
            yield mine

    @property
    def _index_path(self) -> Path:
        return self.folder / "index.bin"

    @property
    def _vectors_path(self) -> Path:
        return self.folder / "vectors.f32"

    @property
    def _card_path(self) -> Path:
        return self.folder / _CARD

    def _whole_records(self) -> int:
        """Return the number of records whose rows are complete."""
        if not self._dimensions:
            return 0
        try:
            rows = self._vectors_path.stat().st_size // (4 * self._dimensions)
            return int(min(self._index_path.stat().st_size // _RECORD, rows))
        except FileNotFoundError:
            return 0

    def _make(self, dimensions: int) -> None:
        """Make the folder if it is not there (any more); one that lacks a file, or whose card is damaged, gives way."""
        has_files = self._index_path.is_file() and self._vectors_path.is_file()
        if has_files and _read_card(self._card_path) is not None:
            return
        if self.folder.exists():
            with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=".removed.", suffix=".part") as grave:
                self.folder.rename(f"{grave}/{self.folder.name}")
        self.folder.mkdir(parents=True, exist_ok=True)
        model, revision, max_length, dtype = self._identity
        card = SpaceCard(model=model, revision=revision, max_length=max_length, dtype=dtype, dimensions=dimensions)
        write_checked(self._card_path, card.model_dump(mode="json"))
        self._vectors_path.touch()
        self._index_path.touch()

    def _append(self, rows: NDArray[np.float32], records: bytes) -> None:
        """Write rows, then records, over an incomplete tail of a killed process."""
        with self._vectors_path.open("r+b") as file:
            file.truncate(self._records * rows.shape[1] * 4)
            file.seek(0, 2)
            file.write(rows.tobytes())
        with self._index_path.open("r+b") as file:
            file.truncate(self._records * _RECORD)
            file.seek(0, 2)
            file.write(records)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a space; it lies beside the folder, so that it outlives it."""
    taken = f"{folder}: another process has been writing for over {_LOCK_SECONDS:g} seconds"
    with locked(folder.with_name(f".{folder.name}.lock"), timeout=_LOCK_SECONDS, taken=taken):
        yield


def _byte_locked(descriptor: int, place: int) -> bool:
    """Lock a byte, also beyond the file's end, until the file is closed; return False if another process has it."""
    if fcntl is None:
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except OSError:
        return False
    return True


def _checksum(name: bytes, row: NDArray[np.float32]) -> int:
    """Return the CRC-32 of a record and its row."""
    return zlib.crc32(row.tobytes(), zlib.crc32(name))


def _name(*, revision: str, max_length: int, dtype: str) -> str:
    return key(_STAGE, {"revision": revision, "max_length": max_length, "dtype": dtype})


def damaged(folder: Path) -> dict[Path, DamagedArtefact]:
    """Return the folder of a space with what is wrong with it; empty where nothing is."""
    try:
        dimensions = _card(folder / "space.json").dimensions
    except DamagedArtefact as error:
        return {folder: error}
    index, vectors = folder / "index.bin", folder / "vectors.f32"
    for path in (index, vectors):
        if not path.is_file():
            return {folder: DamagedArtefact(path, what="it is missing")}
    count = min(index.stat().st_size // _RECORD, vectors.stat().st_size // (4 * dimensions))
    wrong = 0
    with index.open("rb") as records, vectors.open("rb") as rows:
        for _ in range(count):
            record, row = records.read(_RECORD), rows.read(4 * dimensions)
            wrong += zlib.crc32(row, zlib.crc32(record[:_DIGEST])) != int.from_bytes(record[_DIGEST:], "little")
    what = f"{wrong} of {count} vectors differ from their checksums"
    return {folder: DamagedArtefact(vectors, what=what)} if wrong else {}


def _read_card(path: Path) -> SpaceCard | None:
    """Return what space.json says; None where it is damaged or another space's, so that its vectors don't count."""
    try:
        return _card(path)
    except DamagedArtefact as error:
        logger.error("%s: %s. Its vectors are encoded again.", error.path, error.what)
        return None


def _card(path: Path) -> SpaceCard:
    """Return what space.json says; that of an earlier version has no checksum.

    Raises:
        DamagedArtefact: It is not as it was written, or another space's.
    """
    try:
        value = strict_json.loads(path.read_text(encoding="utf-8"))
        card = SpaceCard.model_validate(without_sha256(value) if "sha256" in value else value)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DamagedArtefact(path, what=f"expected what tcmbench wrote about these vectors, but: {error}") from error
    whose = _name(revision=card.revision, max_length=card.max_length, dtype=card.dtype)
    if whose != path.parent.name:
        raise DamagedArtefact(path, what=f"it is that of the vectors in {whose}")
    return card
