"""Download of one file: resumed where it stopped, limited in size, and only over https, or from this machine."""

from __future__ import annotations

import http.client
import logging
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, NoReturn
from urllib.parse import urljoin, urlsplit, urlunsplit

from tcmbench import disk, redaction
from tcmbench.checksums import file_sha256
from tcmbench.errors import DataAbsent, DataError
from tcmbench.specs.data_set import checked_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tcmbench.specs.data_set import SourceFile

logger = logging.getLogger(__name__)

_SECONDS = 30.0
"""Longest silence of a server."""

_CHUNK = 1 << 16
_REDIRECTS = 5
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL = 206


class Download(NamedTuple):
    """A download that may be unfinished."""

    path: Path

    @property
    def etag(self) -> Path:
        """File with the server's mark of the version that the part belongs to."""
        return self.path.with_name(f"{self.path.name}.etag")

    def discard(self) -> None:
        """Remove the part."""
        self.path.unlink(missing_ok=True)
        self.etag.unlink(missing_ok=True)


def fetch(source: SourceFile, target: Path, *, mirror: str = "") -> None:
    """Download a file; where the last download stopped, the rest of the same version is requested.

    Args:
        source: The file.
        target: Where it goes, once it is complete and has the checksum of `source`.
        mirror: Scheme and host (and a path before that of the file) in place of the source's.

    Raises:
        DataAbsent: The server doesn't answer, or not with the file. What has arrived is kept.
        DataError: A file that is too large or has another checksum, or a redirect to an address that isn't https.
        StorageError: The folder isn't writable.
    """
    url = _at_mirror(source.url, mirror)
    part = Download(target.with_name(f"{target.name}.part"))
    with disk.writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _receive(source, url, part)
        except urllib.error.HTTPError as error:
            _refused(source, url, f"the answer is {error.code}", error)
        except http.client.HTTPException as error:
            _refused(source, url, str(error) or type(error).__name__, error)
        require_checksum(source, part.path, expected=source.sha256)
        part.etag.unlink(missing_ok=True)
        part.path.replace(target)


def copy(source: SourceFile, given: Path, target: Path) -> None:
    """Take a local copy of a file in place of a download.

    Raises:
        DataAbsent: There is no such file.
        DataError: It is too large or has another checksum.
    """
    if not given.is_file():
        raise DataAbsent(given, what=f"The file {source.name}", how="Correct the path of --file.")
    if given.stat().st_size > source.largest:
        raise _too_large(source, str(given))
    require_checksum(source, given, expected=source.sha256)
    with disk.writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(given, target)


def require_checksum(source: SourceFile, path: Path, *, expected: str) -> None:
    """Check a file; one that was downloaded is removed where it is another one.

    Raises:
        DataError: It has another checksum.
    """
    actual = file_sha256(path)
    if expected and actual != expected:
        if path.suffix == ".part":
            Download(path).discard()
        raise DataError(
            f"{source.name}: expected sha256 {expected}, got {actual}. The source has changed, or the download is "
            "damaged. Nothing was written; try again, and if it stays so, do not use the file."
        )


def _receive(source: SourceFile, url: str, part: Download) -> None:
    have = part.path.stat().st_size if part.path.is_file() else 0
    etag = part.etag.read_text(encoding="utf-8") if have and part.etag.is_file() else ""
    headers = {"User-Agent": "tcmbench"}
    if etag:
        headers |= {"Range": f"bytes={have}-", "If-Range": etag}
    try:
        answer = _opened(url, headers)
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_NOT_SATISFIABLE:  # the part is of another version: from the start the next time
            part.discard()
        raise
    with answer:
        is_rest = bool(etag) and answer.status == _PARTIAL and _start(answer) == have
        if answer.status == _PARTIAL and not is_rest:
            part.discard()
            raise http.client.HTTPException("the server answers with another range than was asked for")
        _write(source, url, answer, part, have=have if is_rest else 0)


def _write(source: SourceFile, url: str, answer: http.client.HTTPResponse, part: Download, *, have: int) -> None:
    """Append what arrives to the part, or start it again."""
    if not have:
        part.discard()
    stated = answer.headers.get("Content-Length", "")
    expected = have + int(stated) if stated.isascii() and stated.isdigit() else None
    if expected is not None and expected > source.largest:
        raise _too_large(source, redaction.address(url))
    tag = answer.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):  # a weak one doesn't promise equal bytes
        part.etag.write_text(tag, encoding="utf-8")
    size = have
    with part.path.open("ab" if have else "wb") as file:
        for chunk in _received(answer):
            size += len(chunk)
            if size > source.largest:
                file.close()
                part.discard()
                raise _too_large(source, redaction.address(url))
            file.write(chunk)
    if expected is not None and size < expected:
        raise http.client.HTTPException(f"the connection ended after {size:,} of {expected:,} bytes")


def _received(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield what arrives; errors of the connection are told apart from those of the disk."""
    try:
        while chunk := answer.read(_CHUNK):
            yield chunk
    except OSError as error:
        raise http.client.HTTPException(f"the connection ended ({error})") from error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Each redirect is checked before it is followed."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str
    ) -> None:
        """Follow nothing."""


def _opened(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """Return the answer, after redirects to addresses that are as safe as the first."""
    opener = urllib.request.build_opener(_NoRedirects)
    for _ in range(_REDIRECTS + 1):
        try:
            answer: http.client.HTTPResponse = opener.open(
                urllib.request.Request(checked_url(url), headers=headers),  # noqa: S310 - the scheme was checked
                timeout=_SECONDS,
            )
            return answer
        except urllib.error.HTTPError as error:
            if error.code not in {301, 302, 303, 307, 308}:
                raise
            url = _redirected(url, error.headers.get("Location", ""))
        except OSError as error:
            raise http.client.HTTPException(f"{getattr(error, 'reason', error)}") from error
    raise http.client.HTTPException(f"more than {_REDIRECTS} redirects")


def _redirected(url: str, location: str) -> str:
    """Return the address of a redirect.

    Raises:
        DataError: It isn't https; only a server on this machine may lead to another one there.
    """
    there = urljoin(url, location)
    reason = "expected https after https" if {urlsplit(url).scheme, urlsplit(there).scheme} == {"http", "https"} else ""
    if not reason:
        try:
            return checked_url(there)
        except ValueError as error:
            reason = str(error)
    raise DataError(f"{redaction.address(url)}: redirects to {redaction.address(there)}: {reason}.")


def _start(answer: http.client.HTTPResponse) -> int:
    first = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isascii() and first.isdigit() else -1


def _at_mirror(url: str, mirror: str) -> str:
    if not mirror:
        return url
    base, parts = urlsplit(mirror), urlsplit(url)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + parts.path, parts.query, ""))


def _refused(source: SourceFile, url: str, reason: str, error: Exception) -> NoReturn:
    raise DataAbsent(
        Path(source.name),
        what=f"{source.name} of {redaction.address(url)}",
        how=f"It can't be downloaded: {redaction.text(reason)}. Run the command again, which goes on where it stopped; "
        "or download the file by other means and pass it with --file; or name a mirror with --mirror.",
    ) from error


def _too_large(source: SourceFile, where: str) -> DataError:
    return DataError(f"{source.name}: expected at most {source.largest:,} bytes, got more from {where}.")
