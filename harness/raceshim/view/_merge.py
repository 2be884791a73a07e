# SPDX-License-Identifier: BSD-2-Clause
"""The findings of several results, each once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from raceshim._errors import ToolError
from raceshim.report._model import Access, Frame, Stack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raceshim.formats._documents import Document

Json = dict[str, Any]

#: What a finding is in one result and not in another: the worst counts.
_STATES = ("open", "tolerated", "suppressed")


@dataclass(slots=True)
class Item:
    """A finding. `seen` says in which results, by their place, and how often each has shown it.

    `told` is the finding as that result tells it which tells most.
    """

    fingerprint: str
    told: Json
    root: str
    state: str
    count: int = 0
    seen: dict[int, Json | None] = field(default_factory=dict)
    programs: dict[str, None] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The detector's word for what it is."""
        return str(self.told["kind"])


def merge(documents: Sequence[Document]) -> list[Item]:
    """Return the findings of results of commands, those first that shut the gate."""
    items: dict[str, Item] = {}
    for place, document in enumerate(documents):
        if document.of_programs:
            continue
        try:
            for told in document.content["findings"]:
                _add(items, place, told, str(document.content["root"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ToolError(f"{document.where}: damaged: {error!r}") from None
    return sorted(items.values(), key=lambda item: _STATES.index(item.state))


def _add(items: dict[str, Item], place: int, told: Json, root: str) -> None:
    name, state = str(told["fingerprint"]), str(told["state"])
    item = items.get(name)
    if item is None:
        item = items[name] = Item(name, told, root, state)
    elif told["complete"] and not item.told["complete"]:
        item.told, item.root = told, root
    item.state = min(item.state, state, key=_STATES.index)
    item.count += int(told["count"])
    item.seen[place] = told["rate"]
    item.programs |= dict.fromkeys(map(str, told["programs"]))


def stacks(told: Json) -> tuple[Stack, ...]:
    """Return the stacks that a finding has in JSON."""
    return tuple(_stack(one) for one in told["stacks"])


def sides(found: Iterable[Stack]) -> tuple[list[Stack], list[Stack]]:
    """Part the stacks: those of the accesses, or else the first, and the others."""
    every = list(found)
    first = [one for one in every if one.role in ("access", "previous")] or every[:1]
    return first, [one for one in every if one not in first]


def _stack(value: Json) -> Stack:
    access = value["access"]
    return Stack(
        label=str(value["label"]),
        role=str(value["role"]),
        frames=tuple(Frame(**frame) for frame in value["frames"]),
        access=None if access is None else _access(access),
        restored=bool(value["restored"]),
    )


def _access(value: Json) -> Access:
    return Access(
        operation=str(value["operation"]),
        atomic=bool(value["atomic"]),
        size=int(value["size"]),
        address=int(value["address"], 16),
        thread=str(value["thread"]),
        mutexes=tuple(map(str, value["mutexes"])),
    )
