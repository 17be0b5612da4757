"""The lines of `scores.csv` with typed columns, and what they are of in the metadata of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.results import Leaderboard
from tcmbench.store import atomic_write
from tcmbench.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.publishing.exports import StoredBoard

CAN_BE_ONLINE = False


def write(board: StoredBoard, folder: Path, *, is_online: bool) -> list[str]:
    """Write `SET.parquet`; numbers that a row has not got are null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    del is_online
    path, table = folder / f"{board.name}.parquet", board.table
    about = {"set": table.name, "suite": table.suite, "reference": table.reference, "sha256": table.digest}
    rows = pa.Table.from_pandas(Leaderboard(lambda: table).to_pandas(), preserve_index=False)
    rows = rows.replace_schema_metadata({**about, "tcmbench": __version__})
    with atomic_write(path) as part:
        pq.write_table(rows, part, compression="zstd")
    return [str(path)]
