# SPDX-License-Identifier: BSD-2-Clause
"""The counts of blocks that have no counter, from those of the others and the control flow.

clang leaves the counter out of a block that leads only to blocks which are reached through it, and
of one that all blocks before it end in. As often as a block begins, one of those before it has gone
on to it; as often as it goes on, one of those behind it begins. From what is known this gives
what is not, for one edge between two blocks after the other, until nothing is left.

A call may not come back (`exit`, `longjmp`, an exception, a thread that still runs), or come back
twice (`setjmp`). Then the block of the call has begun and not gone on, and which of two blocks
around it that have no counters it was, no counter says. So what needs no such assumption is
concluded first, sums before differences, which threads that count meanwhile make wrong; then that
calls come back. Last, what was executed was reached: through blocks that were executed.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from raceshim.cover._graph import REMOVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from raceshim.cover._graph import Block

#: What a conclusion rests on, best first.
_CERTAIN, _DIFFERENCE, _CAME_BACK, _WILL_COME_BACK, _DIFFERENCE_IF_BACK = range(5)


@dataclass(slots=True)
class Counts:
    """The counts of a function's blocks by address."""

    of: dict[int, int]
    #: Where a count is only known to be at least so much.
    at_least: set[int] = field(default_factory=set)


def infer(blocks: Sequence[Block], counted: Mapping[int, int]) -> Counts:
    """Return how often each block of a function was executed; `counted` has all counters."""
    flow = _Flow(blocks, counted)
    flow.conclude()
    flow.reach()
    return flow.counts()


@dataclass(slots=True)
class _Node:
    """A block, or several that have become one place in the code."""

    address: int
    calls: bool
    count: int | None = None
    measured: bool = False
    #: Numbers of edges, and how many of them are not known yet.
    ins: list[int] = field(default_factory=list)
    outs: list[int] = field(default_factory=list)
    unknown_ins: int = 0
    unknown_outs: int = 0
    #: How many blocks lead to it.
    before: int = 0


class _Flow:
    """What is known of a function's blocks and of the edges between them."""

    def __init__(self, blocks: Sequence[Block], counted: Mapping[int, int]) -> None:
        self._nodes: list[_Node] = []
        #: Edges: from a node, to a node, and how often it was taken.
        self._edges: list[tuple[int, int]] = []
        self._taken: list[int | None] = []
        self._heap: list[tuple[int, int]] = []
        self._connect(blocks, counted)
        for number, node in enumerate(self._nodes):
            if node.count is None and not node.outs and self._is_unreachable(number):
                node.count = 0
        for number in range(len(self._nodes)):
            self._offer(number)

    def _connect(self, blocks: Sequence[Block], counted: Mapping[int, int]) -> None:
        places = _Places(blocks)
        stand = sorted({places.of(index) for index in range(len(blocks))})
        numbers = {place: n for n, place in enumerate(stand)}
        for place in numbers:
            block = blocks[place]
            count = counted.get(block.address)
            self._nodes.append(_Node(block.address, block.calls, count, count is not None))
        edges: dict[tuple[int, int], None] = {}
        for index, block in enumerate(blocks):
            begin = numbers[places.of(index)]
            self._nodes[begin].calls |= block.calls
            for successor in block.successors:
                to = places.target(index, successor)
                if to is None:
                    continue
                self._nodes[numbers[to]].before += 1
                edges[begin, numbers[to]] = None
        for begin, end in edges:
            number = len(self._edges)
            self._edges.append((begin, end))
            self._nodes[begin].outs.append(number)
            self._nodes[end].ins.append(number)
        self._taken = [None] * len(self._edges)
        for node in self._nodes:
            node.unknown_ins, node.unknown_outs = len(node.ins), len(node.outs)

    def _is_unreachable(self, number: int) -> bool:
        """Whether an end without a counter is one that the compiler takes to be never reached.

        Other ends have none only if several blocks lead to them, and none of those elsewhere.
        """
        node = self._nodes[number]
        if node.calls:
            return False
        if node.before < 2:
            return True
        elsewhere: set[int] = set()
        todo = [n for n, end in enumerate(self._nodes) if not end.outs and n != number]
        while todo:
            place = todo.pop()
            if place not in elsewhere:
                elsewhere.add(place)
                todo += [self._edges[edge][0] for edge in self._nodes[place].ins]
        return any(self._edges[edge][0] in elsewhere for edge in node.ins)

    def conclude(self) -> None:
        """Conclude what can be concluded, the most certain first."""
        while self._heap:
            rank, number = heapq.heappop(self._heap)
            for possible, rule in self._rules(self._nodes[number]):
                if possible == rank:
                    rule(self, number)
                    break

    def reach(self) -> None:
        """Count what everything that leads to an executed block goes through.

        It has no counter, and behind it a call has not come back: so it seems not to have gone on.
        """
        executed = {n for n, node in enumerate(self._nodes) if node.count}
        if 0 not in executed or executed <= self._reached(executed):
            return
        can_be = {n for n, node in enumerate(self._nodes) if node.count or not node.measured}
        possible = self._reached(can_be)
        for number in sorted(can_be - executed):
            if executed & possible - self._reached(can_be - {number}):
                node = self._nodes[number]
                before = {self._edges[edge][0] for edge in node.ins}
                rest = 1
                if len(before) == 1:
                    (leads,) = (self._nodes[n] for n in before)
                    rest = (leads.count or 0) - self._sum(leads.outs)
                node.count = max(1, rest)
                for edge in node.ins if len(before) == 1 else ():
                    self._taken[edge] = node.count

    def _reached(self, through: set[int]) -> set[int]:
        """Return what is reached from the first block through these alone."""
        found: set[int] = set()
        todo = [0]
        while todo:
            number = todo.pop()
            if number not in found and number in through:
                found.add(number)
                todo += [self._edges[edge][1] for edge in self._nodes[number].outs]
        return found

    def counts(self) -> Counts:
        """Return what is known; of a block that is not, what is known to go through it."""
        found = Counts({})
        for node in self._nodes:
            count = node.count
            if count is None:
                count = max(self._sum(node.ins), self._sum(node.outs))
                found.at_least.add(node.address)
            found.of[node.address] = max(count, found.of.get(node.address, 0))
        return found

    def _sum(self, edges: Sequence[int]) -> int:
        return sum(self._taken[edge] or 0 for edge in edges)

    def _offer(self, number: int) -> None:
        for rank, _ in self._rules(self._nodes[number]):
            heapq.heappush(self._heap, (rank, number))

    @staticmethod
    def _rules(node: _Node) -> Iterator[tuple[int, Callable[[_Flow, int], None]]]:
        """Return what can be concluded at a node now, and what each conclusion rests on."""
        if node.count is None:
            if node.ins and not node.unknown_ins:
                yield _CERTAIN, _Flow._count_ins
            if node.outs and not node.unknown_outs:
                yield _WILL_COME_BACK if node.calls else _CERTAIN, _Flow._count_outs
            return
        if node.unknown_ins == 1:
            yield _CERTAIN if len(node.ins) == 1 else _DIFFERENCE, _Flow._last_in
        if node.unknown_outs == 1:
            if len(node.outs) == 1:
                yield _CAME_BACK if node.calls else _CERTAIN, _Flow._last_out
            else:
                yield _DIFFERENCE_IF_BACK if node.calls else _DIFFERENCE, _Flow._last_out

    def _count_ins(self, number: int) -> None:
        self._nodes[number].count = self._sum(self._nodes[number].ins)
        self._offer(number)

    def _count_outs(self, number: int) -> None:
        self._nodes[number].count = self._sum(self._nodes[number].outs)
        self._offer(number)

    def _last_in(self, number: int) -> None:
        self._take_rest(self._nodes[number], self._nodes[number].ins)

    def _last_out(self, number: int) -> None:
        self._take_rest(self._nodes[number], self._nodes[number].outs)

    def _take_rest(self, node: _Node, edges: Sequence[int]) -> None:
        """Know how often the last edge was taken: as often as is left over."""
        (edge,) = (e for e in edges if self._taken[e] is None)
        self._taken[edge] = max(0, (node.count or 0) - self._sum(edges))
        begin, end = self._edges[edge]
        self._nodes[begin].unknown_outs -= 1
        self._nodes[end].unknown_ins -= 1
        self._offer(begin)
        self._offer(end)


class _Places:
    """Which blocks have become one, by address, and which of several at one address is meant.

    A block that only goes on may have no code: then it is where the next one is. Blocks that are
    gone altogether have labels at the function's end; of these, one leads to the one that was made
    beside it, and where that leaves no doubt they are kept apart.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._of: dict[int, int] = {}
        self._first: dict[int, int] = {}
        self._meant: dict[tuple[int, int], int] = {}
        self._blocks = blocks
        self._shared: set[int] = set()
        at: dict[int, list[int]] = defaultdict(list)
        before: dict[int, list[int]] = defaultdict(list)
        for index, block in enumerate(blocks):
            at[block.address].append(index)
            for successor in block.successors:
                if successor != block.address:
                    before[successor].append(index)
        for address, here in at.items():
            own = [i for i in here if set(blocks[i].successors) != {address}] or here[:1]
            self._first[address] = own[0]
            if len(here) > 1:
                self._shared.add(address)
            self._of.update(dict.fromkeys(here, own[0]))
            if len(own) > 1:
                self._tell_apart(address, own, before[address])

    def _tell_apart(self, address: int, own: list[int], before: list[int]) -> None:
        if len(own) != len(before):
            return
        meant = {i - 1: i for i in own if i - 1 in before}
        rest = [i for i in own if i - 1 not in meant]
        if len(rest) > 1:
            return
        meant.update(zip([i for i in before if i not in meant], rest, strict=True))
        self._of.update((i, i) for i in own)
        self._meant.update(((i, address), place) for i, place in meant.items())

    def of(self, index: int) -> int:
        """Return the block that stands for this one."""
        return self._of[index]

    def target(self, index: int, successor: int) -> int | None:
        """Return the block that this one goes on to; None where nothing is left to be counted."""
        goes_on = successor == self._blocks[index].address and successor in self._shared
        if successor == REMOVED or goes_on:
            return None
        return self._meant.get((index, successor), self._first[successor])
