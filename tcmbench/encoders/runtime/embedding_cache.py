"""Cache of vectors on disk, so that no text is encoded twice by the same model.

One folder (a *space*) per model revision, max length, precision and versions of the packages that encode, with a card
that describes it and one or more segments (`embedding_segment.py`), each with one writer. A row is valid once its
record exists. Records are written after rows, so a killed process leaves an incomplete tail, which readers ignore and
the next writer truncates. A row that fails its checksum is treated as absent. Readers need no lock, since valid rows
never change.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tcmbench import disk, strict_json
from tcmbench.encoders.runtime.embedding_segment import DIGEST, Segment, WritingRight, numbers, own
from tcmbench.errors import DamagedArtefact, StoreError
from tcmbench.records.provenance import encoding_versions
from tcmbench.store import key, locked, without_sha256, write_checked

try:
    import fcntl
except ImportError:  # Windows has no locks on bytes of a file
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tcmbench.store import Json

logger = logging.getLogger(__name__)

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

    packages: dict[str, str] = Field(default_factory=dict)
    """Package → version that encoded; none of a server, and in spaces of an earlier version."""


def digest(text: str) -> bytes:
    """Return the digest of a text (with its prompt)."""
    return hashlib.blake2b(text.encode(), digest_size=DIGEST).digest()


class Space:
    """The vectors of one model revision."""

    def __init__(
        self,
        root: Path,
        *,
        model: str,
        revision: str,
        max_length: int,
        dtype: str,
        packages: Mapping[str, str] | None = None,
    ) -> None:
        """Open a space, which need not exist yet.

        Args:
            root: Folder of all spaces.
            model: Name of the model, for display.
            revision: Revision of the model.
            max_length: Tokens after which texts are cut.
            dtype: Precision of the model.
            packages: Package → version that encodes; None for those of sentence-transformers, empty for a server.
        """
        self._packages = encoding_versions() if packages is None else dict(packages)
        self.folder = root / _name(revision=revision, max_length=max_length, dtype=dtype, packages=self._packages)
        self._identity = (model, revision, max_length, dtype)
        self._segments: dict[int, Segment] = {}
        self._place: WritingRight | None = None
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

    def __len__(self) -> int:
        """Return the number of texts with a vector."""
        return len(set().union(*(segment.rows for segment in self._segments.values())))

    def digests(self) -> list[bytes]:
        """Return the digests of all texts with a vector, segment by segment, in the order in which they were added."""
        return list(dict.fromkeys(name for segment in self._segments.values() for name in segment.rows))

    def refresh(self) -> None:
        """Take notice of what other processes have added or removed."""
        try:
            status = self._card_path.stat()
        except FileNotFoundError:
            self._segments, self._file, self._dimensions = {}, None, None
            return
        identity = (status.st_dev, status.st_ino)
        if identity != self._file or self._dimensions is None:
            self._segments, self._file = {}, identity
            card = _read_card(self._card_path)
            self._dimensions = None if card is None else card.dimensions
        if self._dimensions is None:
            return
        here = numbers(self.folder)
        self._segments = {number: self._segment(number, self._dimensions) for number in here}
        for segment in self._segments.values():
            segment.refresh()

    def _segment(self, number: int, dimensions: int) -> Segment:
        return self._segments.get(number) or Segment(self.folder, number, dimensions=dimensions)

    def get(self, digests: Sequence[bytes]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Return which texts have a valid vector, and these vectors, in the order of the digests."""
        present = np.zeros(len(digests), dtype=np.bool_)
        vectors = np.empty((0, self._dimensions or 0), dtype=np.float32)
        damaged = 0
        for segment in tuple(self._segments.values()):
            rows = np.array(
                [
                    -1 if known else segment.rows.get(name, -1)
                    for name, known in zip(digests, present.tolist(), strict=True)
                ],
                dtype=np.int64,
            )
            asked = np.flatnonzero(rows >= 0)
            if not asked.size:
                continue
            more = np.empty((asked.size, vectors.shape[1]), dtype=np.float32)
            try:
                sound = segment.read([digests[place] for place in asked.tolist()], rows[asked], more)
            except (FileNotFoundError, ValueError):  # another process has removed the space, or begun a shorter one
                self.refresh()
                return np.zeros(len(digests), dtype=np.bool_), np.zeros((0, more.shape[1]), dtype=np.float32)
            damaged += int(np.count_nonzero(~sound))
            for place in asked[~sound].tolist():
                del segment.rows[digests[place]]
            vectors = _merged(present, vectors, asked[sound], more if sound.all() else more[sound])
            present[asked[sound]] = True
        if damaged:
            logger.error("%s: %d damaged vectors are encoded again", self.folder, damaged)
        return present, vectors

    def add(self, digests: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Append the vectors of new texts; those that another process has added meanwhile are skipped.

        Raises:
            StoreError: The vectors have another length than those there, or the lock stays taken.
        """
        if not len(digests):
            return
        self._place = own(self.folder)
        with disk.writing(self.folder / _CARD):
            dimensions = int(vectors.shape[1])
            self._make(dimensions)
            self.refresh()
            if vectors.shape != (len(digests), self._dimensions):
                raise StoreError(
                    f"{self.folder}: holds vectors of {self._dimensions} numbers, but the model gave "
                    f"{vectors.shape} for {len(digests)} texts. Its revision must change when its output does; "
                    "delete the folder if this one is a leftover."
                )
            known = [segment.rows for segment in self._segments.values()]
            new = {name: row for row, name in enumerate(digests) if not any(name in rows for rows in known)}
            number = self._place.number
            segment = self._segments[number] = self._segment(number, dimensions)
            segment.append(list(new), vectors[list(new.values())])

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
    def _card_path(self) -> Path:
        return self.folder / _CARD

    def _make(self, dimensions: int) -> None:
        """Make the folder if it is not there (any more); one whose card is missing or damaged gives way."""
        if self._card_path.is_file() and _read_card(self._card_path) is not None:
            return
        with _locked(self.folder):
            if not (self._card_path.is_file() and _read_card(self._card_path) is not None):
                self._make_anew(dimensions)

    def _make_anew(self, dimensions: int) -> None:
        if self.folder.exists():
            with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=".removed.", suffix=".part") as grave:
                self.folder.rename(f"{grave}/{self.folder.name}")
        self.folder.mkdir(parents=True, exist_ok=True)
        model, revision, max_length, dtype = self._identity
        card = SpaceCard(
            model=model,
            revision=revision,
            max_length=max_length,
            dtype=dtype,
            dimensions=dimensions,
            packages=self._packages,
        )
        write_checked(self._card_path, card.model_dump(mode="json"))


def _merged(
    present: NDArray[np.bool_], vectors: NDArray[np.float32], places: NDArray[np.intp], more: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the vectors of present texts and those of further places together, in the order of the texts."""
    if not len(vectors):
        return more
    order = np.argsort(np.concatenate([np.flatnonzero(present), places]), kind="stable")
    return np.concatenate([vectors, more])[order]


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


def _name(*, revision: str, max_length: int, dtype: str, packages: Mapping[str, str]) -> str:
    parts: dict[str, Json] = {"revision": revision, "max_length": max_length, "dtype": dtype}
    if packages:
        parts["packages"] = dict(packages)
    return key(_STAGE, parts)


def damaged(folder: Path) -> dict[Path, DamagedArtefact]:
    """Return the folder of a space with what is wrong with it; empty where nothing is."""
    try:
        dimensions = _card(folder / "space.json").dimensions
    except DamagedArtefact as error:
        return {folder: error}
    wrong: dict[Path, DamagedArtefact] = {}
    for number in numbers(folder):
        segment = Segment(folder, number, dimensions=dimensions)
        if not segment.vectors.is_file():
            return {folder: DamagedArtefact(segment.vectors, what="it is missing")}
        differing, count = segment.damaged()
        if differing:
            what = f"{differing} of {count} vectors differ from their checksums"
            wrong[folder] = DamagedArtefact(segment.vectors, what=what)
    return wrong


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
    whose = _name(revision=card.revision, max_length=card.max_length, dtype=card.dtype, packages=card.packages)
    if whose != path.parent.name:
        raise DamagedArtefact(path, what=f"it is that of the vectors in {whose}")
    return card
