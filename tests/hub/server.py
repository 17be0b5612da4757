"""A stand-in for the Hugging Face hub on loopback: it serves folders as repositories, as HF_ENDPOINT."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit."""

    folder: Path
    """Its files."""

    commit: str
    """40 digits."""

    revisions: tuple[str, ...] = ("main",)
    """Other names of the commit: branches and shortened hashes."""


@dataclass
class Hub:
    """What is served, and what was asked for."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    """`datasets/owner/name` or `owner/name` → repository."""

    requests: list[str] = field(default_factory=list)
    """Method and path of every request."""

    ranges: list[str] = field(default_factory=list)
    """Range that each download asks for, "" for the whole file."""

    failing: int = 0
    """Status that every request gets; 0 answers it."""

    cut: int = 0
    """Bytes after which the connection of a download ends; 0 sends all of it."""

    redirect: str = ""
    """Address that every request is sent to; empty for none."""

    url: str = ""
    """Address, for HF_ENDPOINT."""


@contextlib.contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    """Serve a hub until the block ends; its `url` is set."""

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """The part of the hub's interface that `datasets` and `huggingface_hub` use to read."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: object) -> None:
        """Write no line per request."""

    def do_HEAD(self) -> None:
        """Answer as GET does, without the content."""
        self._answer()

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_POST(self) -> None:
        """Answer."""
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.hub.requests.append(f"{self.command} {self.path}")
        if self.hub.failing:
            self._send(self.hub.failing, b"busy")
            return
        if self.hub.redirect:
            self._send(302, b"", {"Location": self.hub.redirect})
            return
        path = unquote(urlsplit(self.path).path).strip("/")
        for name, repository in self.hub.repositories.items():
            api = f"api/{name}" if name.startswith("datasets/") else f"api/models/{name}"
            if path == api or path.startswith(f"{api}/"):
                self._api(repository, name, path.removeprefix(api).strip("/"), body)
                return
            if path.startswith(f"{name}/resolve/"):
                self._file(repository, path.removeprefix(f"{name}/resolve/"))
                return
        self._missing("RepoNotFound")

    def _api(self, repository: Repository, name: str, rest: str, body: bytes) -> None:
        operation, _, rest = rest.partition("/")
        revision, _, path = rest.partition("/")
        if operation and revision not in (repository.commit, *repository.revisions):
            self._missing("RevisionNotFound")
        elif operation in {"", "revision"}:
            siblings = [{"rfilename": entry["path"]} for entry in _entries(repository) if entry["type"] == "file"]
            plain = name.removeprefix("datasets/")
            self._json({"_id": "0" * 24, "id": plain, "sha": repository.commit, "private": False, "gated": False,
                        "disabled": False, "tags": [], "downloads": 0, "likes": 0, "siblings": siblings})  # fmt: skip
        elif operation == "tree":
            recursive = "recursive=true" in self.path.lower()
            inside = [e for e in _entries(repository) if e["path"].startswith(f"{path}/" if path else "")]
            here = [e for e in inside if "/" not in e["path"].removeprefix(f"{path}/" if path else "")]
            if path and not inside:
                self._missing("EntryNotFound")
            else:
                self._json(inside if recursive else here)
        elif operation == "paths-info":
            try:
                wanted = json.loads(body)["paths"]
            except ValueError:
                wanted = parse_qs(body.decode())["paths"]
            self._json([e for e in _entries(repository) if e["path"] in wanted])
        else:
            self._missing("EntryNotFound")

    def _file(self, repository: Repository, rest: str) -> None:
        revision, _, name = rest.partition("/")
        file = repository.folder / name
        if revision not in (repository.commit, *repository.revisions):
            self._missing("RevisionNotFound", commit=repository.commit)
        elif not file.is_file():
            self._missing("EntryNotFound", commit=repository.commit)
        else:
            content = file.read_bytes()
            headers = {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
            self.hub.ranges.append(self.headers.get("Range", ""))
            first, _, last = self.hub.ranges[-1].removeprefix("bytes=").partition("-")
            if first and self.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
                part = content[int(first) : int(last) + 1 if last else None]
                headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
                self._send(206, part, headers)
            else:
                self._send(200, content, headers)

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _missing(self, code: str, *, commit: str = "") -> None:
        self._send(404, b"", {"X-Error-Code": code, "X-Error-Message": code, "X-Repo-Commit": commit})

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: self.hub.cut or None])
            self.close_connection = bool(self.hub.cut)


def _entries(repository: Repository) -> list[dict[str, Any]]:
    """Return the files and folders of a repository, as its tree lists them."""
    found: list[dict[str, Any]] = []
    for path in sorted(repository.folder.rglob("*")):
        name = path.relative_to(repository.folder).as_posix()
        if path.is_dir():
            found.append({"type": "directory", "oid": _oid(name.encode()), "size": 0, "path": name})
        else:
            found.append({"type": "file", "oid": _oid(path.read_bytes()), "size": path.stat().st_size, "path": name})
    return found


def _oid(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
