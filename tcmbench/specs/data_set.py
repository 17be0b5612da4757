"""A public data set in TOML: where its files are, their licence, and the place in the data root that they are for."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tcmbench.specs.names import FileName, Prose, leads_outside
from tcmbench.specs.toml import Spec

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def checked_url(url: str) -> str:
    """Return the address of a file or server.

    Raises:
        ValueError: It is neither https nor on this machine, or contains a user or a password.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("expected an address with https://, or http:// on this machine")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected an address without user and password")
    return url


class SourceFile(BaseModel):
    """A file of a data set as its source publishes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FileName
    """Name in messages, and of a local copy."""

    url: Annotated[str, AfterValidator(checked_url)] | Literal[""] = ""
    """Address, at a commit where the source has them; empty for a file that is passed with --file."""

    sha256: str = Field(default="", pattern=re.compile(r"([0-9a-f]{64})?"))
    """Checksum; empty where it isn't known: then that of the first download is kept beside the data, and compared."""

    largest: int = Field(ge=1, le=1 << 32)
    """Bytes that are downloaded at most."""


class DataSet(Spec):
    """One file of `tasks/datasets/`."""

    description: Prose
    """What it is, in one sentence."""

    license: Prose
    """Name or summary of the licence, shown before the first download."""

    license_url: str = ""
    """Where its text is."""

    homepage: str
    """Page of the source."""

    path: str
    """Folder or file under the data root."""

    layout: str = ""
    """Function of `data/public/layouts.py` that converts the files; empty where the set can't be fetched."""

    files: tuple[SourceFile, ...] = Field(default=(), max_length=100)
    """Files in the order in which the layout reads them."""

    manual: Prose = ""
    """Why files have no address here, and what to do by hand."""

    @model_validator(mode="after")
    def _is_complete(self) -> DataSet:
        if leads_outside(self.path):
            raise ValueError(f"path {self.path!r} leads out of the data root")
        if bool(self.layout) != bool(self.files):
            raise ValueError("expected both layout and files, or neither")
        if not self.manual and not (self.files and all(file.url for file in self.files)):
            raise ValueError("files without an address need manual: why, and what to do")
        return self

    @property
    def terms(self) -> str:
        """The licence as it is shown and agreed to."""
        return f"{self.license} {self.license_url}".strip()
