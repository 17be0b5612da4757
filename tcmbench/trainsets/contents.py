"""The hash of the contents of a folder of records, independent of its file format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.store import key

if TYPE_CHECKING:
    from tcmbench.data.tcm_sd import Folder
    from tcmbench.store import Json


def contents_sha256(folder: Folder) -> str:
    """Return the hash of a folder's contents in their order, on which draws and samples depend."""
    records: dict[str, Json] = {split: [record.record_id for record in rows] for split, rows in folder.splits.items()}
    entries: list[Json] = [syndrome.doc_id for syndrome in folder.knowledge]
    return key("data", {"contents": folder.sha256, "records": records, "knowledge": entries})
