"""A public data set, fetched, checked, converted and placed; the licence is agreed to once.

Beside the data, `NAME.source.json` records the source, the licence and the checksums of the files that were fetched and
of those that were written. Where a source publishes no checksum, the first download is trusted, and every later one
compared with it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal, cast

from tcmbench.checksums import file_sha256
from tcmbench.data import reading
from tcmbench.data.location import locate
from tcmbench.data.public import download
from tcmbench.data.public.layouts import LAYOUTS
from tcmbench.errors import DataAbsent, DataError, SpecError, UnknownName
from tcmbench.store import placed, read_checked, write_checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tcmbench.specs.data_set import DataSet, SourceFile
    from tcmbench.store import Json
    from tcmbench.workspace import Workspace

State = Literal["present", "absent", "changed", "own copy"]

_ACCEPTED = ".accepted-licences.json"


def state(workspace: Workspace, data_set: DataSet) -> State:
    """Return whether the data is there, and whether it is as it was written."""
    target = locate(workspace, data_set.path)
    if not reading.exists(target) or (target.is_dir() and not any(target.iterdir())):
        return "absent"
    record = _record(workspace, data_set)
    if not record:
        return "own copy"
    return "present" if _hashes(target) == record["written"] else "changed"


def accepted(workspace: Workspace, data_set: DataSet) -> bool:
    """Return whether the licence, as it reads now, was agreed to before."""
    return _accepted(workspace).get(data_set.name) == _terms_sha256(data_set)


def accept(workspace: Workspace, data_set: DataSet) -> None:
    """Remember that the licence was agreed to."""
    workspace.data_root.mkdir(parents=True, exist_ok=True)
    agreed = {**_accepted(workspace), data_set.name: _terms_sha256(data_set)}
    write_checked(workspace.data_root / _ACCEPTED, agreed)


def get(
    workspace: Workspace,
    data_set: DataSet,
    *,
    local: Sequence[Path] = (),
    mirror: str = "",
    again: bool = False,
) -> Path:
    """Fetch a data set whose licence was agreed to, and return its place: in the nearest data root, if in none yet.

    Args:
        workspace: Where it goes.
        data_set: What is fetched.
        local: Files in place of downloads, in the order of the data set's.
        mirror: Address in place of the source's scheme and host.
        again: Whether data of an earlier `get` is fetched and written again.

    Raises:
        DataAbsent: A file can't be downloaded, or has no address; the message says what to do by hand.
        DataError: The licence wasn't agreed to; the data is there already, or was changed; a file differs from its
            checksum or from the first download, is too large, or can't be converted. The old data is unchanged.
    """
    target = locate(workspace, data_set.path)
    if not accepted(workspace, data_set):
        raise DataError(f"{data_set.name}: its licence has not been agreed to: {data_set.terms}.")
    sources = obtainable(workspace, data_set, local=local, again=again)
    record = _record(workspace, data_set)
    folder = workspace.data_root / ".downloads" / data_set.name
    fetched: dict[str, str] = {}
    for source, given in sources:
        path = folder / source.name
        if given is not None:
            download.copy(source, given, path)
        else:
            download.fetch(source, path, mirror=mirror)
        fetched[source.name] = file_sha256(path)
    earlier = cast("Mapping[str, str]", record.get("fetched", {}))
    changed = [name for name, sha256 in fetched.items() if earlier.get(name, sha256) != sha256]
    if changed:
        for source, _ in sources:
            (folder / source.name).unlink()
        raise DataError(
            f"{data_set.name}: {' and '.join(changed)} of {data_set.homepage} differs from the first download. The "
            f"data is unchanged. If the new version is wanted, move {target} and {_record_path(workspace, data_set)} "
            "away and run again."
        )
    _convert(data_set, [folder / source.name for source, _ in sources], target)
    write_checked(
        _record_path(workspace, data_set),
        {
            "name": data_set.name,
            "homepage": data_set.homepage,
            "license": data_set.terms,
            "urls": {source.name: source.url for source, _ in sources},
            "fetched": {**fetched},
            "written": {**_hashes(target)},
        },
    )
    for source, _ in sources:
        (folder / source.name).unlink()
    return target


def obtainable(
    workspace: Workspace, data_set: DataSet, *, local: Sequence[Path] = (), again: bool = False
) -> list[tuple[SourceFile, Path | None]]:
    """Return the files of a data set that `get` may fetch, with their local copies, if any.

    Raises:
        DataAbsent: Files without an address and without a copy; the message says what to do by hand.
        DataError: The data is there already, or was changed.
        SpecError: Another number of copies than of files.
    """
    _require_free(workspace, data_set, again=again)
    if local and len(local) != len(data_set.files):
        names = ", ".join(file.name for file in data_set.files) or "none"
        raise SpecError(f"{data_set.name}: expected {len(data_set.files)} --file ({names}), got {len(local)}.")
    if not local and (not data_set.files or not all(file.url for file in data_set.files)):
        how = f"{data_set.manual} Source: {data_set.homepage} Licence: {data_set.terms}"
        raise DataAbsent(locate(workspace, data_set.path), what=f"Data set {data_set.name}", how=how)
    copies: Sequence[Path | None] = local or [None] * len(data_set.files)
    return list(zip(data_set.files, copies, strict=True))


def _require_free(workspace: Workspace, data_set: DataSet, *, again: bool) -> None:
    """Check that no data is replaced that `get` didn't write.

    Raises:
        DataError: There is some, or the data of an earlier `get` without `again`.
    """
    target, now = locate(workspace, data_set.path), state(workspace, data_set)
    if now != "absent" and not data_set.files:
        raise DataError(f"{target}: {data_set.name} is there; it is placed by hand, so there is nothing to fetch.")
    if now == "present" and not again:
        raise DataError(
            f"{target}: {data_set.name} is there, unchanged since it was fetched. --again fetches it again."
        )
    if now not in {"absent", "present"}:
        raise DataError(f"{target}: {now}; data that `tcmbench data get` didn't write is not replaced. Move it away.")


def _convert(data_set: DataSet, files: Sequence[Path], target: Path) -> None:
    if data_set.layout not in LAYOUTS:
        raise UnknownName.of("layout", data_set.layout, LAYOUTS, where=f"data set {data_set.name}")
    convert = LAYOUTS[data_set.layout]
    if target.suffix:
        convert(files, target)
        return
    with placed(target) as part:
        convert(files, part)


def _record_path(workspace: Workspace, data_set: DataSet) -> Path:
    target = locate(workspace, data_set.path)
    return target.with_name(f"{target.name}.source.json")


def _record(workspace: Workspace, data_set: DataSet) -> dict[str, Json]:
    try:
        return read_checked(_record_path(workspace, data_set))
    except FileNotFoundError:
        return {}


def _hashes(target: Path) -> dict[str, str]:
    """Return file → sha256 of a file, or of the files of a folder."""
    if target.is_file():
        return {target.name: file_sha256(target)}
    files = sorted(path for path in target.rglob("*") if path.is_file())
    return {path.relative_to(target).as_posix(): file_sha256(path) for path in files}


def _accepted(workspace: Workspace) -> dict[str, Json]:
    try:
        return read_checked(workspace.data_root / _ACCEPTED)
    except FileNotFoundError:
        return {}


def _terms_sha256(data_set: DataSet) -> str:
    return hashlib.sha256(data_set.terms.encode()).hexdigest()
