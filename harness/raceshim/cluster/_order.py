# SPDX-License-Identifier: BSD-2-Clause
"""Put what comes in any order back into its order, in bounded memory.

One slow worker holds up the results of all others: what waits for it goes to a file when it is
more than memory should hold.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: So much may wait in memory.
_MEMORY = 32 << 20


class InOrder:
    """Pieces of a sequence: each has the place of its first element, and how many those are."""

    def __init__(self, memory: int = _MEMORY) -> None:
        """Begin at 0."""
        self._next = 0
        self._memory = memory
        self._held = 0
        self._pieces: dict[int, tuple[int, bytes | tuple[int, int]]] = {}
        self._filed = 0
        self._file = tempfile.TemporaryFile(prefix="raceshim-")  # noqa: SIM115 - closed below

    @property
    def waiting(self) -> int:
        """How many elements wait for others."""
        return sum(count for count, _ in self._pieces.values())

    def close(self) -> None:
        """Give the file up."""
        self._file.close()

    def add(self, place: int, count: int, data: bytes) -> bool:
        """Take a piece, unless it has come before; tell that."""
        if place < self._next or place in self._pieces:
            return False
        if place != self._next and self._held + len(data) > self._memory:
            self._file.seek(0, 2)
            self._pieces[place] = count, (self._file.tell(), len(data))
            self._file.write(data)
            self._filed += 1
        else:
            self._pieces[place] = count, data
            self._held += len(data)
        return True

    def ready(self) -> Iterator[bytes]:
        """Give what no earlier piece is missing of."""
        while self._next in self._pieces:
            count, data = self._take(self._next)
            self._next += count
            yield data

    def rest(self) -> Iterator[bytes]:
        """Give everything that there is, whatever is missing between."""
        for place in sorted(self._pieces):
            yield self._take(place)[1]

    def _take(self, place: int) -> tuple[int, bytes]:
        count, data = self._pieces.pop(place)
        if isinstance(data, bytes):
            self._held -= len(data)
            return count, data
        self._file.seek(data[0])
        found = self._file.read(data[1])
        self._filed -= 1
        if not self._filed:
            self._file.truncate(0)
        return count, found
