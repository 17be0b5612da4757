"""`tcmbench vocabulary`: what the Chinese part of a vocabulary keeps, and what it changes on a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_main import called
from tests.models.adapters import MINI

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def place(workspace_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a base that is derived from a bundled one, without Latin words."""
    (workspace_dir / "models/bases/small.toml").write_text(
        'kind = "embedding"\nderive = { base = "mini-zh-static", vocabulary = "zh", latin_pieces = 0 }\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(workspace_dir)
    monkeypatch.setenv("TCMBENCH_CACHE", str(workspace_dir / "store"))
    return workspace_dir


def test_it_reports_what_changes_on_a_text(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Chinese text stays as it is, Latin words are split, and nothing is built for the report."""
    (place / "notes.txt").write_text("咳嗽三日，痰黄\n\nthe cough and the fever\n", encoding="utf-8")
    assert called("vocabulary", "small", "--text", "notes.txt") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("14,989 of 16,000 pieces of mini-zh-static")
    assert said[1].startswith("notes.txt: 3 lines, ")
    assert said[3].strip() == "0 (0.00%) of the tokens with Chinese characters"
    assert said[4].strip() == "1 (33.33%) of the lines"
    assert "Ġthe 1" in said[5]
    assert not (place / "store/derived").exists()


@pytest.mark.parametrize("model", ["mini-zh", str(MINI)], ids=["base", "folder"])
def test_a_base_need_not_be_declared_first(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a model with the whole vocabulary it reports what deriving from it would keep."""
    assert called("vocabulary", model) == 0
    assert " of 10,240 pieces of mini-zh" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bm25",), "base bm25: it has no weights"),
        (("small", "--text", "nowhere.txt"), r"nowhere.txt: expected a text file, but: No such file"),
        (("small", "--text", "latin.txt"), r"latin.txt: expected a text file in UTF-8"),
    ],
)
def test_mistakes_are_named(
    arguments: tuple[str, ...], message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2."""
    (place / "latin.txt").write_bytes("fièvre".encode("latin-1"))
    assert called("vocabulary", *arguments) == 2
    assert message in capsys.readouterr().err
