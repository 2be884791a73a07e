# SPDX-License-Identifier: BSD-2-Clause
"""The compiler's table of control flow, `__sancov_cfs`: the basic blocks of every function.

A record for each block: its address, its successors' addresses, 0, the functions that it calls (-1
through a pointer), 0. A function's blocks follow each other, the one that it begins with first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim._errors import ToolError
from raceshim.cover._elf import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECTION = "__sancov_cfs"
#: Stands for a block that the compiler has removed later.
REMOVED = 1


@dataclass(frozen=True, slots=True)
class Block:
    """A basic block."""

    address: int
    successors: tuple[int, ...]
    #: Whether it calls anything, so that it may be left, or be entered again, in its middle.
    calls: bool


def functions(words: Sequence[int], ends: Mapping[int, int], of: str) -> list[list[Block]]:
    """Return the blocks of each function; `ends` has where those that begin at an address end."""
    found: list[list[Block]] = []
    place = 0
    while place < len(words):
        try:
            function = _Function(words, place, ends, has_null=False)
        except _DamagedError:
            try:
                function = _Function(words, place, ends, has_null=True)
            except _DamagedError as error:
                raise ToolError(
                    f"{of}: the table of control flow ({SECTION}) is damaged, in the function at "
                    f"entry {place}: {error}"
                ) from None
        found.append(function.blocks)
        place = function.place
    return found


class _DamagedError(Exception):
    """What follows is no function."""


class _Function:
    """A function, while it is read.

    Among the functions that a block calls there may be a 0, although one also ends the list: one
    that was declared weak and is nowhere, in a program that is loaded where it was linked to be.
    With `has_null` a list ends where a block of this function or another function begins.
    """

    def __init__(
        self, words: Sequence[int], place: int, ends: Mapping[int, int], *, has_null: bool
    ) -> None:
        self.place = place
        self.blocks: list[Block] = []
        self._words = words
        self._ends = ends
        self._has_null = has_null
        self._begin = words[place]
        if self._begin not in ends:
            raise _DamagedError("it does not begin where one is counted")
        self._seen: set[int] = set()
        self._awaited: set[int] = set()
        self._read()

    def _read(self) -> None:
        self._block()
        while self.place < len(self._words) and not self._is_over():
            self._block()
        if self._awaited:
            raise _DamagedError(f"there is no block at {min(self._awaited):#x}")
        known = {self._begin, REMOVED}
        known.update(successor for block in self.blocks for successor in block.successors)
        for block in self.blocks:
            if block.address not in known and not self._is_inside(block.address):
                raise _DamagedError(f"nothing leads to the block at {block.address:#x}")

    def _is_over(self) -> bool:
        """Whether what stands here is another function's: all of this one's are there by then.

        The address that a function begins at can also be that of the end of the one before, where
        the labels of blocks are that are no longer there.
        """
        return not self._awaited and self._words[self.place] in self._ends

    def _block(self) -> None:
        address = self._words[self.place]
        if address in (0, FOREIGN):
            raise _DamagedError("an address is missing")
        self.place += 1
        successors = tuple(dict.fromkeys(self._list()))
        if FOREIGN in successors:
            raise _DamagedError("a block is followed by another file's")
        self._seen.add(address)
        self._awaited.discard(address)
        self._awaited.update(s for s in successors if s not in self._seen and s != REMOVED)
        calls = bool(self._list())
        while self._has_null and self.place < len(self._words) and not self._begins_block():
            calls = True
            self._list()
        self.blocks.append(Block(address, successors, calls))

    def _begins_block(self) -> bool:
        word = self._words[self.place]
        if word in self._ends and word != self._begin:
            return word in self._awaited or self._is_over()
        return word in self._awaited or word == REMOVED or self._is_inside(word)

    def _is_inside(self, address: int) -> bool:
        return self._begin < address <= self._ends[self._begin]

    def _list(self) -> list[int]:
        """Return the words from here on to a 0, and go on behind that."""
        begin = end = self.place
        words = self._words
        while end < len(words) and words[end]:
            end += 1
        if end == len(words):
            raise _DamagedError("the table is cut off")
        self.place = end + 1
        return list(words[begin:end])
