"""The READMEs quote the report of `make bench` and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("readme", "heading"), [("README.md", "## Speed"), ("README.zh-CN.md", "## 速度")])
def test_every_figure_stands_in_the_report(readme: str, heading: str) -> None:
    """Rival, ours and ratio of each row are those of one row of the report."""
    section = (ROOT / readme).read_text(encoding="utf-8").split(heading)[1].split("\n## ")[0]
    report = [line for line in (ROOT / "reports/benchmarks.md").read_text(encoding="utf-8").splitlines() if "|" in line]
    rows = [re.split(r"\s*\|\s*", line)[2:5] for line in section.splitlines() if line.endswith("× |")]
    assert len(rows) == 5
    for rival, ours, ratio in rows:
        figure = re.split(r"[:：]\s*~?", rival)[1]
        assert any(f": {figure} | {ours} | {ratio} |" in line for line in report), (rival, ours, ratio)
    again = re.search(r"`tcmbench run demo`\D*([\d.]+)", section)
    assert again is not None
    measured = [line.split("|")[4] for line in report if "tcmbench run demo, nothing changed" in line]
    assert [f"{float(seconds):.1f}" for seconds in measured] == [again[1]]
