"""The files that the sets recipe-* read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.recipes import seed_formats
from tcmbench.data import synthetic, tcm_sd
from tcmbench.data.formats import pos_neg, rag_json, weighted

if TYPE_CHECKING:
    from pathlib import Path


def test_every_file_holds_the_records_and_no_negative_is_right(tmp_path: Path) -> None:
    """Rows of equal queries are one; the rarer its syndromes, the more a query weighs, within the limits."""
    for seed, name in enumerate(("tcm-pictures", "tcm-tbosd")):
        synthetic.write_tcm_sd(tmp_path / name, records=60, seed=seed)
    seed_formats.write(tmp_path, tmp_path / "recipes")
    folder = tcm_sd.read_folder(tmp_path / "tcm-pictures", splits=["train"])
    text = {entry.doc_id: entry.document() for entry in folder.knowledge}
    right: dict[str, set[str]] = {}
    for record in folder.splits["train"]:
        right.setdefault(record.query(), set()).update(text[label] for label in record.labels)
    given = list(pos_neg.read(tmp_path / "recipes/pictures-pos-neg.jsonl"))
    judged = list(weighted.read(tmp_path / "recipes/pictures-weighted.jsonl"))
    for found, negatives in ((given, 4), (judged, 2)):
        assert {row.query: set(row.positives) for row in found} == right
        assert all(len(row.negatives) == negatives for row in found)
        assert all(right[row.query].isdisjoint(row.negatives) for row in found)
    weights = {weight for row in judged for weight in row.weights}
    assert len(weights) > 1
    assert all(0.5 <= weight <= 1.5 for weight in weights)
    assert len(rag_json.read(tmp_path / "recipes/tbosd.json").queries) == len(
        tcm_sd.read_folder(tmp_path / "tcm-tbosd", splits=["train"]).splits["train"]
    )
