# SPDX-License-Identifier: BSD-2-Clause
"""Control flow graphs: random ones, and which of their blocks clang leaves without a counter."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from raceshim.cover._graph import Block

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

FIRST = 0x1000
STEP = 16


def program(random: Random, size: int) -> list[Block]:
    """Return a function: any graph in which all is reached and can end, critical edges split."""
    while True:
        after = [
            random.sample(range(1, size), min(size - 1, random.choice((1, 1, 2, 2, 2, 3))))
            for _ in range(size)
        ]
        for end in random.sample(range(1, size), min(size - 1, random.randint(1, 3))):
            after[end] = []
        kept = sorted(_reached(after, 0))
        numbers = {old: new for new, old in enumerate(kept)}
        after = [[numbers[to] for to in after[old]] for old in kept]
        ends = [number for number, to in enumerate(after) if not to]
        if len(kept) >= size // 2 and len(_reached(_turned(after), *ends)) == len(after):
            return _blocks(_split(after), random)


def pruned(blocks: Sequence[Block]) -> set[int]:
    """Return the addresses of blocks without a counter, by the rule of clang's SanitizerCoverage.

    These are full dominators, which dominate all that follow them, and full postdominators, which
    postdominate all of the several that lead to them. A function's first block has a counter.
    """
    at = {block.address: number for number, block in enumerate(blocks)}
    after = [[at[to] for to in block.successors] for block in blocks]
    before = _turned(after)
    last = len(blocks)
    dominators = _dominators(after, 0)
    backwards = [*before, [n for n, to in enumerate(after) if not to]]
    postdominators = _dominators(backwards, last)
    found = set()
    for number in range(1, last):
        to, of = after[number], before[number]
        full = to and all(number in dominators[n] for n in to)
        full_post = len(of) > 1 and all(number in postdominators[n] for n in of)
        if full or full_post:
            found.add(blocks[number].address)
    return found


def walk(random: Random, blocks: Sequence[Block], times: int) -> Counter[int]:
    """Return how often each block is executed when the function is called so often."""
    by_address = {block.address: block for block in blocks}
    counts: Counter[int] = Counter()
    for _ in range(times):
        block = blocks[0]
        while True:
            counts[block.address] += 1
            if not block.successors:
                break
            block = by_address[random.choice(block.successors)]
    return counts


def _reached(after: Sequence[Sequence[int]], *begin: int) -> set[int]:
    found: set[int] = set()
    todo = list(begin)
    while todo:
        number = todo.pop()
        if number not in found:
            found.add(number)
            todo += after[number]
    return found


def _turned(after: Sequence[Sequence[int]]) -> list[list[int]]:
    before: list[list[int]] = [[] for _ in after]
    for number, to in enumerate(after):
        for end in to:
            before[end].append(number)
    return before


def _split(after: list[list[int]]) -> list[list[int]]:
    """Put a block on each edge from one of several to one of several."""
    before = _turned(after)
    found = [list(to) for to in after]
    for number, to in enumerate(after):
        for place, end in enumerate(to):
            if len(to) > 1 and len(before[end]) > 1:
                found[number][place] = len(found)
                found.append([end])
    return found


def _blocks(after: list[list[int]], random: Random) -> list[Block]:
    return [
        Block(FIRST + STEP * n, tuple(FIRST + STEP * end for end in to), random.random() < 0.5)
        for n, to in enumerate(after)
    ]


def _dominators(after: Sequence[Sequence[int]], root: int) -> list[set[int]]:
    """Return for each block those on every way to it, itself included."""
    before = _turned(after)
    everything = set(range(len(after)))
    found = [{root} if number == root else everything for number in range(len(after))]
    changed = True
    while changed:
        changed = False
        for number in everything - {root}:
            new = set.intersection(everything, *(found[n] for n in before[number])) | {number}
            if new != found[number]:
                found[number] = new
                changed = True
    return found
