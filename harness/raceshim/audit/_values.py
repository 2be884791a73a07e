# SPDX-License-Identifier: BSD-2-Clause
"""What is known of values: of each register and word of memory, which ones it may have.

A value is a set of atoms: a number (also an address), a place in the function's frame, one of the
function's arguments, or UNKNOWN (or SUM) for everything else. Where paths meet, sets are united: a
handler that is installed on one of them is a handler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

#: So many atoms are kept apart; loops that count would not end.
_MOST = 8


class Atom(NamedTuple):
    """One thing that a value may be."""

    kind: str
    number: int


UNKNOWN_ATOM = Atom("unknown", 0)
Value = frozenset[Atom]
UNKNOWN: Value = frozenset((UNKNOWN_ATOM,))
#: The sum of two registers: nothing is known of it, but that compilers jump to such in a switch.
SUM: Value = frozenset((Atom("sum", 0),))


def number(value: int) -> Value:
    """Return the value that is this number."""
    return frozenset((Atom("number", value & (1 << 64) - 1),))


def frame(offset: int) -> Value:
    """Return the address at an offset from where the stack pointer was at first."""
    return frozenset((Atom("frame", offset),))


def argument(index: int) -> Value:
    """Return the argument that the function was called with."""
    return frozenset((Atom("argument", index),))


def plus(value: Value, offset: int) -> Value:
    """Add to a value; an argument and something is not that argument."""
    if not offset:
        return value
    return frozenset(_moved(atom, offset) for atom in value)


def _moved(atom: Atom, offset: int) -> Atom:
    if atom.kind == "number":
        return Atom("number", atom.number + offset & (1 << 64) - 1)
    return Atom("frame", atom.number + offset) if atom.kind == "frame" else UNKNOWN_ATOM


def union(*values: Value) -> Value:
    """Return what may be any of these."""
    together = frozenset().union(*values)
    return together if len(together) <= _MOST else UNKNOWN


class State:
    """What is known at one point of a function; `word` reads what the program starts with."""

    __slots__ = ("memory", "registers", "word")

    def __init__(
        self,
        word: Callable[[int], Value],
        registers: dict[str, Value] | None = None,
        memory: dict[Atom, Value] | None = None,
    ) -> None:
        """Begin with this knowledge."""
        self.word = word
        self.registers = registers or {}
        self.memory = memory or {}

    def copy(self) -> State:
        """Return another one that knows the same."""
        return State(self.word, dict(self.registers), dict(self.memory))

    def get(self, register: str) -> Value:
        """Return a register's value."""
        return self.registers.get(register, UNKNOWN)

    def put(self, register: str, value: Value) -> None:
        """Set a register."""
        if value == UNKNOWN:
            self.registers.pop(register, None)
        else:
            self.registers[register] = value

    def load(self, address: Value) -> Value:
        """Return the word at an address."""
        return union(*(self._load(atom) for atom in address))

    def store(self, address: Value, value: Value) -> None:
        """Write a word; one that may go to several places may have gone to none of them."""
        for atom in address:
            if atom.kind in ("frame", "number"):
                old = () if len(address) == 1 else (self._load(atom),)
                self.memory[atom] = union(value, *old)

    def join(self, other: State) -> bool:
        """Know what either knows, as possible; return whether anything is new."""
        changed = False
        mine, theirs = self.registers, other.registers
        for register in mine.keys() | theirs.keys():
            old, new = mine.get(register, UNKNOWN), theirs.get(register, UNKNOWN)
            if not new <= old:
                self.put(register, union(old, new))
                changed |= self.get(register) != old
        for atom in self.memory.keys() | other.memory.keys():
            old, new = self._load(atom), other._load(atom)
            if not new <= old:
                self.memory[atom] = union(old, new)
                changed |= self.memory[atom] != old
        return changed

    def _load(self, atom: Atom) -> Value:
        known = self.memory.get(atom)
        if known is not None:
            return known
        if atom.kind != "number":
            return UNKNOWN
        return self.word(atom.number)
