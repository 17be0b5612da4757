"""The map from raw to normalised syndrome names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tcmbench.data.label_map import LabelEntry, LabelMap, read_label_map

if TYPE_CHECKING:
    from pathlib import Path

MAP = LabelMap(
    {
        "甲": LabelEntry("甲证", "KEEP"),
        "甲证": LabelEntry("甲证", "KEEP"),
        "旧甲": LabelEntry("甲", "MERGE"),
        "乙": LabelEntry("乙证", "MERGE"),
        "丙": LabelEntry("", "DELETE"),
        "旧丙": LabelEntry("丙", "MERGE"),
        "圈一": LabelEntry("圈二", "MERGE"),
        "圈二": LabelEntry("圈一", "MERGE"),
    }
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("甲证", "甲证"),
        ("甲", "甲证"),
        ("旧甲", "甲证"),
        ("乙", "乙证"),
        ("没听过", "没听过"),
        ("丙", None),
        ("旧丙", "丙"),
        ("圈一", "圈二"),
        ("圈二", "圈一"),
    ],
)
def test_a_name_is_followed_to_the_end_of_its_chain(name: str, expected: str | None) -> None:
    """Chains end, deletions give None, unknown names stay, circles don't hang."""
    assert expected == MAP.normalise(name)


def test_merged_names_know_each_other() -> None:
    """All names of one syndrome are found from any of them."""
    family = frozenset({"甲", "甲证", "旧甲"})

    assert [family] * 3 == [MAP.merged_with(name) for name in sorted(family)]


@pytest.mark.parametrize("name", ["丙", "没听过"])
def test_a_name_merged_with_nothing_stands_alone(name: str) -> None:
    """Deleted and unknown names are merged with themselves only."""
    assert frozenset({name}) == MAP.merged_with(name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_file_is_read_in_either_encoding(tmp_path: Path, encoding: str, line_end: str) -> None:
    """Comments may be missing, blank lines are skipped, NULL is no name."""
    path = tmp_path / "label_map.txt"
    lines = ["甲,甲证,KEEP,备注", "乙,乙证,merge", "", "丙,NULL,DELETE,", "丁,NULL,MERGE,"]
    path.write_bytes(line_end.join(lines).encode(encoding))

    read = read_label_map(path)

    assert read.problems == ()
    assert {
        "甲": LabelEntry("甲证", "KEEP"),
        "乙": LabelEntry("乙证", "MERGE"),
        "丙": LabelEntry("", "DELETE"),
        "丁": LabelEntry("", "MERGE"),
    } == read.entries


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    """Good lines are kept beside the bad ones."""
    path = tmp_path / "label_map.txt"
    path.write_text("甲,甲证,KEEP\n乙,乙证\n,丙证,KEEP\n丁,丁证,JOIN\n戊,,MERGE\n甲,乙证,MERGE\n", "utf-8")

    read = read_label_map(path)

    assert list(read.entries) == ["甲"]
    assert [problem.number for problem in read.problems] == [2, 3, 4, 5, 6]


def test_an_unclosed_quote_takes_no_other_line_with_it(tmp_path: Path) -> None:
    """The line is named, the entries around it stay, whether the quote closes later or never."""
    path = tmp_path / "label_map.txt"
    lines = [
        '旧甲,甲证,MERGE,"旧称',
        "旧乙,乙证,MERGE,",
        '旧丙,丙证,MERGE,"也是"旧称',
        "旧丁,丁证,MERGE,",
        '旧戊,"戊证',
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")

    read = read_label_map(path)

    assert list(read.entries) == ["旧乙", "旧丁"]
    assert [problem.number for problem in read.problems] == [1, 3, 5]
    assert "A quote must close on its line" in read.problems[0].reason


def test_quoted_comments_are_read(tmp_path: Path) -> None:
    """As table tools write them: commas and doubled quotes inside quotes, single ones in the middle of a text."""
    path = tmp_path / "label_map.txt"
    path.write_text('旧甲,甲证,MERGE,"旧称,""甲"""\n"旧乙","乙证","MERGE",\n旧丙,丙证,MERGE,又称"丙"\n', "utf-8")

    read = read_label_map(path)

    assert (list(read.entries), read.problems) == (["旧甲", "旧乙", "旧丙"], ())


def test_the_real_map_is_read_whole(real_data: Path) -> None:
    """The official map has no bad line, and every vocabulary name but one is its own normal form."""
    read = read_label_map(real_data / "tcm-sd" / "label_map_gb18030.txt")

    assert (len(read.entries), read.problems) == (548, ())
