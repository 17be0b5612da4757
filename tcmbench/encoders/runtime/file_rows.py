"""Reads rows of a file in the order of the file, neighbours at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import io

    from numpy.typing import NDArray


def runs(rows: NDArray[np.int64], *, most: int) -> list[NDArray[np.intp]]:
    """Return the places of rows in the order of the file, in runs that are read at once: neighbours, `most` at most."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    ends = np.flatnonzero((np.diff(ordered) > 1) | (np.diff(ordered // most) > 0)) + 1
    return np.split(order, ends)


def exactly(file: io.FileIO, size: int) -> memoryview:
    """Return the next bytes of a file.

    Raises:
        ValueError: There are fewer.
    """
    data = memoryview(bytearray(size))
    filled = 0
    while filled < size:
        count = file.readinto(data[filled:])
        if not count:
            raise ValueError(f"{file.name}: ends {size - filled} bytes early")
        filled += count
    return data
