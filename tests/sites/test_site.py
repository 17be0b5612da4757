"""A site shows the boards of a folder as they are, and only those that may be seen."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench.boards import document, render
from tcmbench.boards.build import build
from tcmbench.boards.files import PUBLISHED
from tcmbench.boards.options import Options
from tcmbench.cli import main
from tcmbench.errors import DataError, SpecError, StorageError
from tcmbench.searches.publish import as_json
from tcmbench.sites import card, publish
from tcmbench.sites.dates import last_changed
from tcmbench.sites.page import MARK
from tcmbench.workspace import find
from tests.boards.conftest import chromium  # noqa: F401 - a fixture
from tests.boards.fake import POLICIES, Shape, make
from tests.boards.test_search import fake, search  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from tcmbench.boards.table import Table
    from tcmbench.records.search import SearchOutcome
    from tests.boards.fake import Fake

ROOT = Path(__file__).parents[2]
PUBLIC = ROOT / "docs" / "boards"
HOSTILE = '<img src=x onerror="document.title=1">"\''


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """A board of invented scores, whose first variant has a hostile name."""
    invented = make(
        tmp_path_factory.mktemp("scores"),
        Shape(variants=3, columns=4, items=30, seeds=1, labels={0: HOSTILE}, broken=False),
    )
    return build(invented.model_set, invented.suite, invented.entries, options=Options(policies=POLICIES))


@pytest.fixture
def folder(table: Table, tmp_path: Path) -> Path:
    """A folder with one board of data that may not be published, and one of generated data."""
    put(replace(table, name="private", synthetic=False), tmp_path / "boards" / "private")
    put(replace(table, name="generated", synthetic=True), tmp_path / "boards" / "generated")
    return tmp_path / "boards"


def put(table: Table, folder: Path) -> None:
    """Write a board, with a page that only names its scores: drawing the whole one takes seconds."""
    render.write(table, folder, names=("scores.csv", "scores.json"))
    (folder / "index.html").write_text(f"<p>{table.digest}</p>", encoding="utf-8")


def site(folder: Path, **options: Any) -> publish.Site:
    """Write the site of a folder."""
    return publish.write(folder, workspace=find(folder), **options)


def text_of(site: publish.Site) -> str:
    """Return its page."""
    return site.page.read_text(encoding="utf-8")


def test_the_published_boards_are_a_site(tmp_path: Path) -> None:
    """All of them, each with its answer in both languages, its day, a link that leads to a page, and its picture.

    Sets without variants have gained and forgotten nothing that could be drawn; the trials of a search were selected by
    what would be drawn.
    """
    names = {path.parent.name for path in PUBLIC.glob("*/scores.json")}
    written = publish.write(PUBLIC, workspace=find(ROOT), target=tmp_path / "site", public=True)
    page = text_of(written)
    assert {board.table.name for board in written.boards} == names
    assert (written.left_out, written.unread) == ((), ())
    links = re.findall(r'class="board-link" href="([^"]+)"', page)
    assert {link.partition("/")[0] for link in links} == names
    assert all((tmp_path / "site" / link).is_file() for link in links)
    drawn = [
        board
        for board in written.boards
        if any(row.kind == "variant" for row in board.table.rows) and board.table.search is None
    ]
    assert {"demo", "e5-cures"} <= {board.table.name for board in drawn}
    assert page.count('<svg class="stamp"') == len(drawn)
    for said in ("demo-static-3e-3", "建议发布", "tcmbench 演示", "Gain in domain", "域内增益"):
        assert said in page
    if all(board.changed for board in written.boards):
        assert page.count("<time ") == len(names)


def test_it_requests_nothing(folder: Path) -> None:
    """No address, no file besides the boards, and a policy that forbids both."""
    page = text_of(site(folder))
    assert "default-src 'none'" in page
    assert (
        re.findall(r"https?://|url\(|@import|<(?:img|iframe|object|link(?! rel=\"icon\" href=\"data:,\"))", page) == []
    )
    assert set(re.findall(r'(?:src|href)="([^"]+)"', page)) == {
        "data:,", "#boards", *(f"{board}/{name}" for board in ("private", "generated") for name in PUBLISHED),
    }  # fmt: skip


def test_names_are_text(folder: Path) -> None:
    """A hostile name is shown, and is no markup."""
    page = text_of(site(folder))
    assert HOSTILE in unescape(page)
    assert "<img" not in page


def test_a_board_reads_back_as_it_was_written(table: Table, tmp_path: Path) -> None:
    """All that the file has, with its texts in English."""
    path = render.write(table, tmp_path, names=["scores.json"])[0]
    assert document.to_json(document.read(path)) == path.read_text(encoding="utf-8")


def test_a_public_site_has_public_boards_only(folder: Path, tmp_path: Path, table: Table) -> None:
    """Others are neither named nor copied; what isn't a board's own file is not copied either."""
    (folder / "generated" / "notes.txt").write_text("private", encoding="utf-8")
    written = site(folder, public=True, target=tmp_path / "site")
    assert [board.table.name for board in written.boards] == ["generated"]
    assert [board.table.name for board in written.left_out] == ["private"]
    assert "private" not in text_of(written)
    files = {str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*") if path.is_file()}
    assert files == {"index.html", *(f"generated/{name}" for name in PUBLISHED)}
    shutil.rmtree(folder / "generated")
    with pytest.raises(DataError, match=r"no board for publication among private.*--public"):
        site(folder, public=True, target=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_search_is_shown_by_its_confirmed_figures(
    fake: Fake,  # noqa: F811 - a fixture
    search: SearchOutcome,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Those of the selection are too large: neither figures nor picture show them."""
    found = build(fake.model_set, fake.suite, fake.entries, options=Options(policies=POLICIES, search=search))
    put(found, tmp_path / "search-fake")
    (tmp_path / "search-fake" / "search.json").write_text(json.dumps(as_json(search)), encoding="utf-8")
    (board,) = site(tmp_path).boards
    assert [(figure.key, figure.value) for figure in card.figures(board.table)] == [
        ("in_domain", "+4.5"), ("general", "−0.1"),
    ]  # fmt: skip
    assert card.picture(board.table) is None
    assert card.picture(replace(board.table, search=None)) is not None


def test_the_picture_places_points(table: Table) -> None:
    """More gain is higher, less forgetting further right, and everything is inside."""
    drawn = card.picture(table)
    assert drawn is not None
    sums = {row.title: row.aggregates for row in table.rows}
    dots = {dot.title.rpartition(": ")[0]: dot for dot in drawn.dots}
    assert len(dots) > 1
    by_gain = sorted(dots, key=lambda name: sums[name].gain.value)  # type: ignore[union-attr]
    by_general = sorted(dots, key=lambda name: sums[name].general.value)  # type: ignore[union-attr]
    assert sorted(dots, key=lambda name: -dots[name].y) == by_gain
    assert sorted(dots, key=lambda name: dots[name].x) == by_general
    places = [place for dot in drawn.dots for place in (dot.x, dot.left, dot.right)]
    assert 0 <= min(places) <= max(places) <= card.WIDTH
    assert drawn.margin < drawn.zero[0]


def test_a_set_of_bases_has_its_mean(table: Table) -> None:
    """It has no variants, so neither changes nor a picture."""
    rows = tuple(replace(row, kind="base") for row in table.rows if row.mean is not None)
    answer = replace(table.recommendation, outcome="tied", row=rows[0].name, ties=())
    bases = replace(table, rows=rows, recommendation=answer)
    assert card.figures(bases) == [card.CardFigure("mean", f"{rows[0].mean:.1f}", "", "")]
    assert card.picture(bases) is None


def _other_version(board: Path) -> None:
    path = board / "scores.json"
    path.write_text(path.read_text("utf-8").replace("tcmbench-board/", "tcmbench-board/0"), encoding="utf-8")


def _no_row(board: Path) -> None:
    content = json.loads((board / "scores.json").read_text("utf-8"))
    content["recommendation"]["row"] = "nobody"
    (board / "scores.json").write_text(json.dumps(content), encoding="utf-8")


def _cut(board: Path) -> None:
    path = board / "scores.json"
    path.write_text(path.read_text("utf-8")[:-200], encoding="utf-8")


def _unknown_field(board: Path) -> None:
    content = json.loads((board / "scores.json").read_text("utf-8"))
    (board / "scores.json").write_text(json.dumps({**content, "more": 1}), encoding="utf-8")


def _other_page(board: Path) -> None:
    (board / "index.html").write_text("<p>of other scores</p>", encoding="utf-8")


@pytest.mark.parametrize("broken", [_other_version, _no_row, _cut, _unknown_field, _other_page])
def test_a_board_that_cannot_be_read_is_named(
    broken: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the page and in the error (exit code 2), with what to do; the others are shown."""
    broken(folder / "private")
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as ended:
        main(["site", str(folder)])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert "site of 1 boards" in said.out
    assert re.search(r"private/\S+: .*Write (it again|both): tcmbench board ", said.err)
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "<li><bdi>private</bdi></li>" in page
    assert 'href="private/' not in page


def test_nothing_of_others_is_overwritten(folder: Path, tmp_path: Path) -> None:
    """Neither another page beside the boards nor a folder with files; a site is written again."""
    first = text_of(site(folder))
    assert text_of(site(folder)) == first
    (folder / "index.html").write_text("my page", encoding="utf-8")
    with pytest.raises(StorageError, match="got another page"):
        site(folder)
    assert (folder / "index.html").read_text(encoding="utf-8") == "my page"
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").touch()
    with pytest.raises(StorageError, match="new or empty"):
        site(folder, target=tmp_path / "taken")
    with pytest.raises(SpecError, match="outside"):
        site(folder, target=folder / "site")
    with pytest.raises(SpecError, match="--output"):
        site(folder, public=True)
    with pytest.raises(DataError, match="tcmbench run SET"):
        site(tmp_path / "taken")


def _commit(folder: Path, git: str, day: str) -> None:
    environment = {**os.environ, "GIT_AUTHOR_DATE": day, "GIT_COMMITTER_DATE": day}
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
    for command in (["add", "."], [*identity, "commit", "-qm", "change"]):
        subprocess.run([git, *command], cwd=folder, env=environment, check=True)


def test_the_day_of_a_board_is_that_of_its_last_commit(tmp_path: Path, git: str) -> None:
    """Outside git and with changes it is the file's own; in a shallow clone it is unknown, not the day of the clone."""
    (tmp_path / "all").mkdir()
    path = tmp_path / "all" / "scores.json"
    path.write_text("1", encoding="utf-8")
    os.utime(path, (86400 * 365, 86400 * 365))
    assert str(last_changed(path)) == "1971-01-01"
    subprocess.run([git, "init", "-q"], cwd=path.parent, check=True)
    _commit(path.parent, git, "2024-02-03T12:00:00Z")
    assert str(last_changed(path)) == "2024-02-03"
    (path.parent / "other").write_text("", encoding="utf-8")
    _commit(path.parent, git, "2025-01-01T12:00:00Z")
    assert str(last_changed(path)) == "2024-02-03"
    clone = ["clone", "-q", "--depth", "1", path.parent.as_uri(), str(tmp_path / "shallow")]
    subprocess.run([git, *clone], check=True)
    assert last_changed(tmp_path / "shallow" / "scores.json") is None
    path.write_text("22", encoding="utf-8")  # of another size, as git may see no other difference within a second
    os.utime(path, (86400 * 365, 86400 * 365))
    assert str(last_changed(path)) == "1971-01-01"


def test_the_page_in_a_browser(folder: Path, chromium: Any) -> None:  # noqa: F811 - a fixture
    """It searches names of models, changes its language and that of its links, and logs no error."""
    written = site(folder, title="Ours")
    chromium.get(written.page.as_uri())
    chromium.execute_script("setLanguage('en')")

    def shown() -> list[str]:
        script = "return [...document.querySelectorAll('.board:not([hidden]) .label')].map(e => e.innerText)"
        return [str(label).partition("-")[0] for label in chromium.execute_script(script)]

    def type_in(words: str) -> None:
        chromium.execute_script(
            "const f = document.querySelector('#search'); f.value = arguments[0]; f.dispatchEvent(new Event('input'))",
            words,
        )

    assert sorted(shown()) == ["generated", "private"]
    type_in("SYNTHETIC reference")
    assert shown() == ["generated"]
    assert chromium.execute_script("return document.querySelector('#found').textContent") == "1 of 2 boards"
    type_in("no such model")
    assert shown() == []
    type_in("")
    chromium.execute_script("document.querySelector('#language').click()")
    assert chromium.execute_script("return document.documentElement.lang") == "zh-Hans"
    links = chromium.execute_script("return [...document.querySelectorAll('.board-link')].map(a => a.hash)")
    assert links == ["#lang=zh", "#lang=zh"]
    assert "lang=zh" in chromium.current_url
    assert [entry for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"] == []
    chromium.execute_script("try { localStorage.clear() } catch {}")


def test_the_mark_is_in_the_page_once(folder: Path) -> None:
    """A site is recognised by it."""
    assert text_of(site(folder)).count(MARK) == 1
