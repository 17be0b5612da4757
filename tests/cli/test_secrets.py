"""Secrets are planted wherever a user can put one; then all that commands write or print is searched for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow.parquet as pq
import pytest

from tcmbench import cli, models, redaction, tasks
from tcmbench.runs import gather
from tcmbench.specs.model_set import ModelSet
from tcmbench.workspace import Workspace, find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLANT = "pl4nted"
"""Every secret begins with it."""

SET = 'suite = "small"\nreference = "works"\nmodels = ["works", "refused", "page", "gone", "moved", "unset"]\n'
BASES = {
    "works": 'url = "http://{p}user:{p}-pass@127.0.0.1:{port}/works?api_key={p}-query&v=1#{p}-fragment"\n'
    'body = {{api_key = "{p}-body", headers = {{Authorization = "Bearer {p}-header"}}, dimensions = 4}}\n',
    "refused": 'url = "http://127.0.0.1:{port}/echo?sig={p}-signature"\napi_key_env = "PLANTED_KEY"\n',
    "page": 'url = "http://u:{p}-pass2@127.0.0.1:{port}/page"\nbody = {{token = "{p}-token", password = "{p}-pw"}}\n',
    "gone": 'url = "http://{p}-lone@127.0.0.1:1/v1?X-Amz-Signature={p}-amz&access_token={p}-access"\n',
    "moved": 'url = "http://127.0.0.1:{port}/moved"\napi_key_env = "PLANTED_KEY"\n',
    "unset": 'url = "http://127.0.0.1:{port}/v1?key={p}-key"\napi_key_env = "NOT_SET_HERE"\n',
    "unused": 'url = "{p}-user:{p}-pass@host/v1"\napi_key_env = "sk-{p}-000000000000000"\n',
}  # fmt: skip


class Done(NamedTuple):
    """A command that ended."""

    code: int
    said: str
    """Both streams."""


class Planted(NamedTuple):
    """A workspace with secrets in its specs."""

    root: Path
    heard: list[str]
    """Heads and bodies of the requests that its server got."""

    @property
    def variables(self) -> dict[str, str]:
        """What commands get beside the environment of the tests."""
        return {
            "TCMBENCH_CACHE": str(self.root / "store"), "TCMBENCH_LOG": "DEBUG", "PLANTED_KEY": f"{PLANT}-env",
            "HF_TOKEN": f"{PLANT}-hub", "NO_PROXY": "*", "no_proxy": "*",
        }  # fmt: skip

    def call(self, *words: str) -> Done:
        """Run a command there, as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "tcmbench", *words], cwd=self.root, env={**os.environ, **self.variables},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout + done.stderr)

    def files(self) -> Iterator[Path]:
        """Yield what commands wrote; the specs hold the secrets, as they must."""
        specs = {self.root / "tasks", self.root / "models"}
        return (p for p in self.root.rglob("*") if p.is_file() and specs.isdisjoint(p.parents))


def _answer(path: str, head: str, body: str) -> tuple[int, str]:
    """Return what the server answers; where it refuses, all that it was sent is in its words."""
    if "/echo" in path:
        return 401, json.dumps({"error": f"no such key: {path} {head} {body}"})
    if "/page" in path:
        return 400, f"<html><title>400</title><pre>{path}\n{head}\n{body}</pre></html>"
    if "/moved" in path:
        return 302, ""
    rows = [{"index": n, "embedding": [len(text), 1, 2, 3]} for n, text in enumerate(json.loads(body)["input"])]
    return 200, json.dumps({"data": rows})


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """The workspace, with a server that repeats what it is sent."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.append(f"{self.path}\n{self.headers}\n{body}")
            code, said = _answer(self.path, str(self.headers), body)
            self.send_response(code)
            self.send_header("Location", f"http://localhost:{http.server_port}/v1?{PLANT}-env")
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    root = tmp_path_factory.mktemp("planted")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        _write(root, port=http.server_port)
        yield Planted(root, heard)
        http.shutdown()


def _write(root: Path, *, port: int) -> None:
    for folder in ("tasks/suites", "models/bases", "models/variants", "models/sets", "data/qa/qrels"):
        (root / folder).mkdir(parents=True)
    texts = [(f"d{n}", "证" * (n + 1)) for n in range(6)]
    for name, prefix in (("corpus", "d"), ("queries", "q")):
        rows = (json.dumps({"_id": f"{prefix}{i[1:]}", "text": f"{prefix}{text}"}) for i, text in texts)
        (root / f"data/qa/{name}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    judged = "".join(f"q{n}\td{n}\t1\n" for n in range(6))
    (root / "data/qa/qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}", encoding="utf-8")
    source = f'source = "https://u:{PLANT}-task@host/data.zip?Signature={PLANT}-signed"\n'
    for name, path in (("Here", "qa"), ("Absent", "nowhere")):
        (root / f"tasks/{name}.toml").write_text(f'type = "retrieval"\npath = "{path}"\n{source}', encoding="utf-8")
    columns = "".join(f'[[tasks]]\ntask = "{name}"\nrole = "general"\n' for name in ("Here", "Absent"))
    (root / "tasks/suites/small.toml").write_text(columns, encoding="utf-8")
    (root / "tasks/suites/here.toml").write_text(columns.partition('[[tasks]]\ntask = "Absent')[0], encoding="utf-8")
    (root / "models/sets/small.toml").write_text(
        f'{SET}description = "See https://host/?token={PLANT}-described"\n', encoding="utf-8"
    )
    (root / "models/sets/few.toml").write_text(
        'suite = "small"\nreference = "works"\nmodels = ["works", "refused"]\n', encoding="utf-8"
    )
    for name, options in BASES.items():
        (root / f"models/bases/{name}.toml").write_text(
            'kind = "embedding"\nencoder = "endpoint"\nmax_length = 64\n'
            f'description = "password={PLANT}-prose"\n'
            '[options]\nmodel = "m"\nrevision = "1"\npatience = 0.2\npause = 0.0\n'
            + options.format(p=PLANT, port=port),
            encoding="utf-8",
        )


def clean(done: Done) -> Done:
    """Return what ended, after a look at what it said."""
    at = done.said.find(PLANT)
    assert at < 0, done.said[max(0, at - 200) : at + 200]
    return done


@pytest.fixture
def called(
    planted: Planted, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs a command there, in this process."""
    monkeypatch.chdir(planted.root)
    monkeypatch.setattr(redaction, "_learned", set())
    for name, value in planted.variables.items():
        monkeypatch.setenv(name, value)

    def call(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["tcmbench", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main(list(words))
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, "".join(capsys.readouterr()))

    return call


@pytest.fixture(scope="module")
def ran(planted: Planted) -> Done:
    """The run of the set: one model is measured, the others fail in their ways."""
    return planted.call("run", "small")


def test_a_run_prints_and_writes_no_secret(planted: Planted, ran: Done) -> None:
    """Nor does its log at DEBUG, its store, its board, its notes of failures."""
    assert clean(ran).code == 2
    written = list(planted.files())
    names = {path.name for path in written}
    assert {"score.json", "index.html", "scores.json", "scores.md", "scores.tex"} <= names
    for path in written:
        assert PLANT.encode() not in path.read_bytes(), path
        if path.suffix == ".parquet":
            assert PLANT not in str(pq.read_table(path).to_pylist()), path


def test_the_server_got_what_the_user_gave(planted: Planted, ran: Done) -> None:
    """Hidden, not lost; and nobody got a key that wasn't theirs."""
    works = next(request for request in planted.heard if request.startswith("/works"))
    parts = ("query&v=1", "body", "header")
    assert all(f"{PLANT}-{part}" in works for part in parts)
    assert "Authorization: Basic cGw0bnRlZHVzZXI6cGw0bnRlZC1wYXNz" in works
    assert any(f"Bearer {PLANT}-env" in request for request in planted.heard if request.startswith("/echo"))
    assert not any(request.startswith("/v1") for request in planted.heard)


def test_the_reasons_say_what_went_wrong(planted: Planted, ran: Done) -> None:
    """Without secrets they are still of use."""
    for words in ("refuses the key in $PLANTED_KEY: 401", "refuses the request: 400 <html>", "no answer", "redirects"):
        assert words in ran.said
    assert "127.0.0.1:1/v1/embeddings" in ran.said


def test_the_rows_of_a_board_have_no_secret(planted: Planted, ran: Done) -> None:
    """Recipe, reasons and provenance, which a page may hold packed."""
    place = find(planted.root, data=planted.root / "data", cache=planted.root / "store")
    model_set = place.spec(ModelSet, "small")
    told = repr(gather.entries(place, model_set, tasks.plan_set(place, model_set)))
    assert PLANT not in told
    assert "'options.body.dimensions': 4" in told
    assert "'options.body.api_key': '***'" in told


@pytest.mark.parametrize(
    "words",
    [
        ("board", "small", "--format", "json"), ("list", "tasks"), ("list", "sets"),
        ("list", "bases"), ("doctor",), ("compare", "works", "refused"), ("eval", "unused", "--suite", "small"),
        ("eval", f"https://u:{PLANT}@host", "--suite", "small"), ("check", "small"),
        ("check", "small", "--update-baseline"), ("cache", "show"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_other_command_prints_a_secret(
    planted: Planted, ran: Done, called: Callable[..., Done], words: tuple[str, ...]
) -> None:
    """Those that fail included, and those whose arguments hold one."""
    clean(called(*words))
    for path in planted.files():
        assert PLANT.encode() not in path.read_bytes(), path


def test_reports_and_baselines_have_no_secret(planted: Planted, ran: Done, called: Callable[..., Done]) -> None:
    """Every output of the gate, with the reason of a model that fails since."""
    base = (planted.root / "models/bases/works.toml").read_text(encoding="utf-8")
    (planted.root / "models/sets/kept.toml").write_text(
        'suite = "here"\nreference = "turns"\nmodels = ["turns"]\n', encoding="utf-8"
    )
    path = planted.root / "models/bases/turns.toml"
    path.write_text(base, encoding="utf-8")
    assert clean(called("run", "kept")).code == 0
    assert clean(called("check", "kept", "--update-baseline")).code == 0
    path.write_text(base.replace("/works", "/echo").replace('"m"', '"n"'), encoding="utf-8")
    assert clean(called("run", "kept")).code == 2
    assert clean(called("check", "kept", "--output-dir", "out")).code == 2
    written = {file.name: file.read_text(encoding="utf-8") for file in (planted.root / "out").iterdir()}
    assert len(written) >= 5
    assert [name for name, text in written.items() if "401" not in text or PLANT in text] == []
    assert PLANT not in (planted.root / "leaderboards/kept/baseline.json").read_text(encoding="utf-8")


@pytest.mark.slow
def test_workers_keep_secrets_too(planted: Planted, ran: Done) -> None:
    """What failed is tried again, in processes that have logs of their own."""
    assert "refuses the key in $PLANTED_KEY" in clean(planted.call("run", "few", "--jobs", "2")).said
    for path in planted.files():
        assert PLANT.encode() not in path.read_bytes(), path


def test_only_what_is_computed_is_in_a_key(planted: Planted) -> None:
    """Another secret is the same model; another field of the request is another."""
    path = planted.root / "models/bases/works.toml"
    text = path.read_text(encoding="utf-8")

    def revision(text: str) -> str:
        path.write_text(text, encoding="utf-8")
        return models.base_model(_fresh(planted), "works").revision

    first, secrets = revision(text), revision(text.replace(PLANT, "0ther"))
    others = {revision(text.replace(*pair)) for pair in (("dimensions = 4", "dimensions = 8"), ('"m"', '"n"'))}
    assert first == secrets
    assert len({first, *others}) == 3
    path.write_text(text, encoding="utf-8")


def _fresh(planted: Planted) -> Workspace:
    return find(planted.root, data=planted.root / "data", cache=planted.root / "store")


def test_a_revision_is_a_name_and_no_file(
    planted: Planted, called: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What stands in a file elsewhere comes into no message, whatever a base calls its revision."""
    (tmp_path / "hub/models--org--m/refs").mkdir(parents=True)
    (tmp_path / "secret").write_text(f"{PLANT}-file", encoding="utf-8")
    (tmp_path / "hub/models--org--m/refs/odd").write_text(f"{PLANT} file", encoding="utf-8")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for revision in ("../../../secret", f"{tmp_path}/secret", "refs/../../../../secret", "--flag", "odd"):
        base = f'kind = "embedding"\nhub_id = "org/m"\nrevision = "{revision}"\n'
        (planted.root / "models/bases/hub.toml").write_text(base, encoding="utf-8")
        done = clean(called("eval", "hub", "--suite", "small"))
        assert done.code == 2
        assert "expected" in done.said
    (planted.root / "models/bases/hub.toml").unlink()
