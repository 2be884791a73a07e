# SPDX-License-Identifier: BSD-2-Clause
"""One function: everything that it calls, and what is known where it does.

All its blocks are executed on what may be known of values, until nothing new is learnt. Blocks that
only a table leads to begin with what is known at the jumps through tables.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim.audit._values import UNKNOWN, State, argument, frame

if TYPE_CHECKING:
    from raceshim.audit._image import Function, Image
    from raceshim.audit._machines import Instruction, Machine, Step

#: A block is executed so many times at most; loops that count end before.
_ROUNDS = 40
#: So much of a table is looked at.
_ENTRIES = 64
_COPIES = frozenset(("memcpy", "memmove", "__memcpy_chk", "__memmove_chk", "__tsan_memcpy"))


@dataclass(frozen=True, slots=True)
class Call:
    """A call, or a jump to another function.

    `targets` are the addresses that it may lead to; `is_sure` tells that there are no others.
    """

    address: int
    is_jump: bool
    targets: tuple[int, ...]
    is_sure: bool
    state: State


class Flow:
    """A function's code, executed."""

    def __init__(self, image: Image, machine: Machine, function: Function) -> None:
        """Execute it."""
        self._image = image
        self._machine = machine
        self._function = function
        code = image.code(function.address, function.end)
        self._code: list[Instruction] = list(machine.decode(code, function.address))
        self._addresses = [one.address for one in self._code]
        self._leaders = {function.address}
        self._before: dict[int, State] = {}
        self._rounds: dict[int, int] = {}
        self._tables: State | None = None
        self._calls: dict[int, Call] = {}
        self._find_leaders()
        self._run(function.address, self._entry())
        for leader in sorted(self._leaders):
            if leader not in self._before:
                known = self._tables or State(image.word)
                self._run(leader, known.copy())

    def calls(self) -> list[Call]:
        """Return its calls, by address."""
        return [self._calls[address] for address in sorted(self._calls)]

    def _entry(self) -> State:
        state = State(self._image.word)
        state.put(self._machine.stack, frame(0))
        for index, register in enumerate(self._machine.arguments):
            state.put(register, argument(index))
        return state

    def _find_leaders(self) -> None:
        """Find where blocks begin; what is not a number here is known only when executed."""
        blank = State(self._image.word)
        ends = False
        for instruction in self._code:
            if ends:
                self._leaders.add(instruction.address)
            step = self._machine.execute(instruction, blank)
            blank.registers.clear()
            blank.memory.clear()
            ends = step is not None and step.kind != "call"
            if step is not None and step.kind in ("jump", "branch"):
                self._leaders |= set(self._within(step))

    def _within(self, step: Step) -> list[int]:
        return [
            atom.number
            for atom in step.targets
            if atom.kind == "number" and atom.number in self._function
        ]

    def _run(self, leader: int, state: State) -> None:
        """Execute from here on, as long as it is new what is known."""
        work = [(leader, state)]
        while work:
            start, state = work.pop()
            before = self._before.get(start)
            if before is None:
                self._before[start] = state.copy()
            elif not before.join(state) or self._rounds.get(start, 0) > _ROUNDS:
                continue
            self._rounds[start] = self._rounds.get(start, 0) + 1
            work += self._block(start, self._before[start].copy())

    def _block(self, start: int, state: State) -> list[tuple[int, State]]:
        place = bisect_left(self._addresses, start)
        following: list[tuple[int, State]] = []
        for instruction in self._code[place:]:
            if instruction.address != start and instruction.address in self._leaders:
                return [*following, (instruction.address, state)]
            step = self._machine.execute(instruction, state)
            if step is None:
                continue
            if step.kind in ("return", "trap"):
                return following
            inside = [] if step.kind == "call" else self._within(step)
            following += [(target, state.copy()) for target in inside]
            self._note(instruction, step, state)
            if step.kind == "call":
                self._copy(step, state)
                self._machine.after_call(state)
            elif step.kind == "jump":
                return following
        return following

    def _copy(self, step: Step, state: State) -> None:
        """Do what a call of memcpy does to the first word."""
        for atom in step.targets:
            if atom.kind == "number" and _COPIES & set(self._image.names_at(atom.number)):
                to, source = (state.get(name) for name in self._machine.arguments[:2])
                state.store(to, state.load(source))

    def _entries(self, step: Step) -> set[int]:
        """Return the addresses of code that a table begins with, as far as it is constant."""
        entries: set[int] = set()
        for start in (atom.number for atom in step.table if atom.kind == "number"):
            for place in range(start, start + 8 * _ENTRIES, 8):
                word = self._image.word(place)
                found = {atom.number for atom in word if atom.kind == "number"}
                if word - UNKNOWN != word or not all(map(self._is_code, found)):
                    break
                entries |= found
        return entries

    def _is_code(self, address: int) -> bool:
        function = self._image.function_at(address)
        is_start = function is not None and function.address == address
        return is_start or address in self._function or bool(self._image.imported(address))

    def _note(self, instruction: Instruction, step: Step, state: State) -> None:
        """Remember a call; a jump through a table stays in the function."""
        numbers = {atom.number for atom in step.targets if atom.kind == "number"}
        numbers |= (entries := self._entries(step))
        if step.is_table or (step.kind != "call" and entries & set(self._addresses)):
            if self._tables is None:
                self._tables = state.copy()
            else:
                self._tables.join(state)
            return
        outside = tuple(
            sorted(n for n in numbers if step.kind == "call" or n not in self._function)
        )
        is_sure = all(atom.kind == "number" for atom in step.targets)
        if outside or not is_sure:
            self._calls[instruction.address] = Call(
                instruction.address, step.kind != "call", outside, is_sure, state.copy()
            )
