"""Public data sets: fetched from a server on loopback, checked, converted and placed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tcmbench.cli import app
from tcmbench.data.formats import beir
from tcmbench.data.public import get as public
from tcmbench.data.public.layouts import LAYOUTS
from tcmbench.errors import BadLines, DataAbsent, DataError, SpecError
from tcmbench.specs import toml
from tcmbench.specs.data_set import DataSet
from tcmbench.specs.task import TaskSpec
from tcmbench.workspace import Workspace, find
from tests.hub.server import Hub, Repository, served

PAIRS = "甲句\t乙句\t1\n丙句\t\t丁句\t0\n"
CONVERTED = (
    '{"sentence1": "甲句", "sentence2": "乙句", "score": 1}\n{"sentence1": "丙句", "sentence2": "丁句", "score": 0}\n'
)
BUNDLED = find(Path(__file__).parents[3])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Hub]:
    """A server with one file."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "dev.txt").write_text(PAIRS, encoding="utf-8")
    with served(Hub({"files": Repository(files, "a" * 40)})) as hub:
        yield hub


@pytest.fixture
def place(workspace_dir: Path, server: Hub) -> Workspace:
    """A workspace with one data set of that server."""
    (workspace_dir / "tasks/datasets").mkdir()
    (workspace_dir / "data").mkdir()
    write(workspace_dir, server)
    return find(workspace_dir, cache=workspace_dir / "store")


def write(root: Path, server: Hub, *, extra: str = "", licence: str = "MIT", largest: int = 1000) -> None:
    """Write the data set's file."""
    (root / "tasks/datasets/pairs.toml").write_text(
        f'description = "Pairs."\nlicense = "{licence}"\nhomepage = "https://example.org/pairs"\n'
        f'path = "general/pairs.jsonl"\nlayout = "scored_pairs"\n[[files]]\nname = "dev.txt"\n'
        f'url = "{server.url}/files/resolve/main/dev.txt"\nlargest = {largest}\n{extra}',
        encoding="utf-8",
    )


def fetch(place: Workspace, *, again: bool = False, local: tuple[Path, ...] = (), mirror: str = "") -> Path:
    """Agree and fetch."""
    data_set = place.spec(DataSet, "pairs")
    public.accept(place, data_set)
    return public.get(place, data_set, again=again, local=local, mirror=mirror)


def test_a_data_set_is_fetched_and_converted(place: Workspace) -> None:
    """Nothing but the data and its record is left; the record has the checksums of what came and what was written."""
    target = fetch(place)
    assert target.read_text(encoding="utf-8") == CONVERTED
    assert public.state(place, place.spec(DataSet, "pairs")) == "present"
    record = json.loads((place.data_root / "general/pairs.jsonl.source.json").read_text(encoding="utf-8"))
    assert record["fetched"] == {"dev.txt": hashlib.sha256(PAIRS.encode()).hexdigest()}
    assert record["written"] == {"pairs.jsonl": hashlib.sha256(CONVERTED.encode()).hexdigest()}
    left = {path.name for path in place.data_root.rglob("*") if path.is_file()}
    assert left == {".accepted-licences.json", "pairs.jsonl", "pairs.jsonl.source.json"}


def test_a_download_goes_on_where_it_stopped(place: Workspace, server: Hub) -> None:
    """The second request asks for the rest of the same version only."""
    server.cut = 10
    with pytest.raises(DataAbsent, match=r"ended after 10 of \d+ bytes.*goes on where it stopped"):
        fetch(place)
    assert not (place.data_root / "general/pairs.jsonl").exists()
    server.cut = 0
    assert fetch(place).read_text(encoding="utf-8") == CONVERTED
    assert server.ranges == ["", "bytes=10-"]


def test_a_part_of_another_version_is_not_continued(place: Workspace, server: Hub, tmp_path: Path) -> None:
    """Two halves of two versions would be neither."""
    server.cut = 10
    with pytest.raises(DataAbsent):
        fetch(place)
    server.cut = 0
    (tmp_path / "files/dev.txt").write_text("戊句\t己句\t1\n", encoding="utf-8")
    assert json.loads(fetch(place).read_text(encoding="utf-8"))["sentence1"] == "戊句"


def test_another_checksum(place: Workspace, server: Hub) -> None:
    """Of a file with a known one nothing is written, and the download is not kept."""
    actual = hashlib.sha256(PAIRS.encode()).hexdigest()
    write(place.root, server, extra=f'sha256 = "{"0" * 64}"\n')
    with pytest.raises(DataError, match=rf"dev\.txt: expected sha256 0{{64}}, got {actual}"):
        fetch(place)
    assert [path.name for path in place.data_root.rglob("*") if path.is_file()] == [".accepted-licences.json"]


def test_a_source_that_changed_since_the_first_download(place: Workspace, tmp_path: Path) -> None:
    """Where no checksum is published, the first one is kept; the data stays as it is."""
    target = fetch(place)
    (tmp_path / "files/dev.txt").write_text("戊句\t己句\t1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"dev.txt of .* differs from the first download.*source\.json") as caught:
        fetch(place, again=True)
    assert target.read_text(encoding="utf-8") == CONVERTED
    record = target.with_name(f"{target.name}.source.json")
    assert f"move {target} and {record} away" in str(caught.value)
    target.unlink()
    record.unlink()
    assert "戊句" in fetch(place).read_text(encoding="utf-8")
    left = {path.name for path in place.data_root.rglob("*") if path.is_file()}
    assert left == {".accepted-licences.json", "pairs.jsonl", "pairs.jsonl.source.json"}


def test_other_data_is_not_replaced(place: Workspace) -> None:
    """Neither data of the user's, nor data that was changed, nor without being asked that of an earlier time."""
    target = fetch(place)
    with pytest.raises(DataError, match=r"pairs is there, unchanged.*--again"):
        fetch(place)
    assert fetch(place, again=True) == target
    target.write_text("{}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"changed; data that .* didn't write is not replaced"):
        fetch(place, again=True)
    (place.data_root / "general/pairs.jsonl.source.json").unlink()
    with pytest.raises(DataError, match="own copy"):
        fetch(place, again=True)
    assert target.read_text(encoding="utf-8") == "{}\n"


def test_data_in_a_further_root_is_there(place: Workspace, tmp_path: Path) -> None:
    """A second copy would hide it."""
    further = tmp_path / "further/general/pairs.jsonl"
    further.parent.mkdir(parents=True)
    further.write_text("{}\n", encoding="utf-8")
    both = replace(place, further_data_roots=(tmp_path / "further",))
    with pytest.raises(DataError, match=r"further/general/pairs\.jsonl: own copy"):
        fetch(both)


def test_a_file_that_is_too_large(place: Workspace, server: Hub) -> None:
    """It isn't received to its end."""
    write(place.root, server, largest=20)
    with pytest.raises(DataError, match="expected at most 20 bytes"):
        fetch(place)
    assert not list(place.data_root.rglob("*.txt*"))


def test_lines_that_cannot_be_converted(place: Workspace, tmp_path: Path) -> None:
    """All of them are named, and nothing is written."""
    (tmp_path / "files/dev.txt").write_text(f"{PAIRS}甲\t乙\n甲\t乙\t丙\n", encoding="utf-8")
    with pytest.raises(BadLines, match=r"2 bad lines:\n.*dev.txt:3: .* got 2 cells\n.*dev.txt:4: .* got 3 cells"):
        fetch(place)
    assert public.state(place, place.spec(DataSet, "pairs")) == "absent"


@pytest.mark.parametrize("target", ["http://example.org/dev.txt", "ftp://example.org/dev.txt", "file:///etc/hostname"])
def test_redirects_to_other_protocols(place: Workspace, server: Hub, target: str) -> None:
    """They are not followed."""
    server.redirect = target
    with pytest.raises(DataError, match="expected an address with https"):
        fetch(place)


@pytest.mark.parametrize("url", ["http://example.org/x", "file:///etc/hostname", "https://me:hunter2@example.org/x"])
def test_addresses_that_a_data_set_may_not_have(place: Workspace, url: str) -> None:
    """Neither unencrypted ones, nor ones with a password."""
    path = place.root / "tasks/datasets/pairs.toml"
    lines = [f'url = "{url}"' if line.startswith("url") else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SpecError, match="expected an address") as caught:
        place.spec(DataSet, "pairs")
    assert "hunter2" not in str(caught.value)


def test_a_mirror_and_a_local_copy(place: Workspace, server: Hub, tmp_path: Path) -> None:
    """Both give the same data as the source."""
    write(place.root, server)
    path = place.root / "tasks/datasets/pairs.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(server.url, "https://example.org"), encoding="utf-8")
    assert fetch(place, mirror=server.url).read_text(encoding="utf-8") == CONVERTED
    assert fetch(place, again=True, local=(tmp_path / "files/dev.txt",)).read_text(encoding="utf-8") == CONVERTED
    with pytest.raises(SpecError, match=r"expected 1 --file \(dev.txt\), got 2"):
        fetch(place, again=True, local=(path, path))


@pytest.mark.usefixtures("clean_environment")
def test_the_licence_is_agreed_to_once(place: Workspace, server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without agreement nothing is asked of the server; another text of the licence needs a new one."""
    monkeypatch.chdir(place.root)
    run = CliRunner().invoke
    refused = run(app, ["data", "get", "pairs"])
    assert isinstance(refused.exception, DataError)
    assert "Licence: MIT" in refused.output
    assert "--accept-licence" in str(refused.exception)
    assert server.requests == []
    assert run(app, ["data", "get", "pairs", "--accept-licence"]).exit_code == 0
    assert run(app, ["data", "get", "pairs", "--again"]).exit_code == 0
    write(place.root, server, licence="GPL")
    assert isinstance(run(app, ["data", "get", "pairs", "--again"]).exception, DataError)


@pytest.mark.usefixtures("clean_environment")
def test_all_are_listed(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """With state, licence and source; those without an address with what to do."""
    monkeypatch.chdir(place.root)
    output = CliRunner().invoke(app, ["data", "get"]).output
    assert "pairs          absent       at most 0 MB   general/pairs.jsonl" in output
    assert "https://example.org/pairs; licence: MIT" in output
    assert "TCM_SD_with_knowledge" in output


@pytest.mark.usefixtures("clean_environment")
def test_what_cannot_be_fetched_says_why(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the steps by hand, and without a question about the licence; data that is there is left alone."""
    monkeypatch.chdir(place.root)
    refused = CliRunner().invoke(app, ["data", "get", "tcm-sd"])
    assert isinstance(refused.exception, DataAbsent)
    assert f"expected {place.data_root / 'tcm-sd'}. Records of patients" in str(refused.exception)
    assert "TCM_SD_with_knowledge" in str(refused.exception)
    (place.data_root / "tcm-sd").mkdir(parents=True)
    (place.data_root / "tcm-sd/test.json").write_text("[]", encoding="utf-8")
    refused = CliRunner().invoke(app, ["data", "get", "tcm-sd"])
    assert "tcm-sd is there; it is placed by hand" in str(refused.exception)


def test_questions_become_queries_and_contexts_documents(tmp_path: Path) -> None:
    """A question that is asked of two passages is one query with two documents."""
    contexts = [
        {"context_id": "D0", "context_text": "甲文", "qas": [{"query_text": "何?"}, {"query_text": "谁?"}]},
        {"context_id": "D1", "context_text": "乙文", "qas": [{"query_text": "何?"}]},
    ]
    (tmp_path / "dev.json").write_text(json.dumps(contexts), encoding="utf-8")
    LAYOUTS["cmrc"]([tmp_path / "dev.json"], tmp_path / "out")
    read = beir.read(tmp_path / "out")
    assert read.queries == {"q0": "何?", "q1": "谁?"}
    assert read.qrels == {"test": {"q0": {"d0": 1, "d1": 1}, "q1": {"d0": 1}}}


def test_headlines_and_titles(tmp_path: Path) -> None:
    """In the layouts of classification and clustering."""
    row = {"label": "100", "label_desc": "news_story", "sentence": "甲", "keywords": "", "id": 1}
    for split in ("a", "b"):
        (tmp_path / split).write_text(json.dumps(row), encoding="utf-8")
    LAYOUTS["headlines"]([tmp_path / "a", tmp_path / "b"], tmp_path)
    assert json.loads((tmp_path / "test.jsonl").read_text(encoding="utf-8")) == {"text": "甲", "label": "news_story"}
    (tmp_path / "titles").write_text("甲 乙\t3\n" * 5001, encoding="utf-8")
    LAYOUTS["titles"]([tmp_path / "titles"], tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5000
    assert json.loads(lines[0]) == {"text": "甲 乙", "label": 3}


@pytest.mark.parametrize("name", BUNDLED.names(DataSet))
def test_every_data_set_is_for_a_task(name: str) -> None:
    """Its path is that of a task, its layout exists, and what can be fetched is named by a commit."""
    data_set = toml.read(DataSet, BUNDLED.root / f"tasks/datasets/{name}.toml")
    paths = {BUNDLED.spec(TaskSpec, task).path for task in BUNDLED.names(TaskSpec)}
    assert data_set.path in paths
    assert not data_set.layout or data_set.layout in LAYOUTS
    for file in data_set.files:
        assert not file.url or any(len(part) == 40 for part in file.url.split("/")), file.url
