# SPDX-License-Identifier: BSD-2-Clause
"""The tree of calls: from the roots of the stacks down, or from the leaves up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.prof._model import Profile
    from raceshim.prof._names import Entity, Namer


@dataclass(slots=True)
class Node:
    """A place in the tree: everything that was called the same way."""

    entity: Entity | None
    depth: int
    cum: int = 0
    flat: int = 0
    children: dict[Entity, Node] = field(default_factory=dict)

    def sorted(self) -> list[Node]:
        """Return the children, the heaviest first."""
        return sorted(self.children.values(), key=lambda node: (-abs(node.cum), node.entity or ()))


def tree(profile: Profile, index: int, namer: Namer, *, callers: bool = False) -> Node:
    """Return the node that stands for all samples.

    With `callers` the leaves are below it, and below each function are those that called it.
    """
    root = Node(None, 0)
    for sample, value in profile.values(index):
        node = root
        node.cum += value
        for frame in sample.stack if callers else reversed(sample.stack):
            entity = namer.entity(frame)
            child = node.children.get(entity)
            if child is None:
                child = node.children[entity] = Node(entity, node.depth + 1)
            node = child
            node.cum += value
        if node is not root:
            # Seen from the leaves, what was spent in itself is what the first node has.
            node.flat += value
    return root


def walk(root: Node, least: float = 0, depth: int | None = None) -> Iterator[Node]:
    """Return the nodes above `least`, each before its children; stacks may be deep."""
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        if depth is None or node.depth < depth:
            pending += reversed([n for n in node.sorted() if abs(n.cum) >= least])
