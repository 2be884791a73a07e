# SPDX-License-Identifier: BSD-2-Clause
"""Go from the roots along all calls, and judge what is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim.audit._names import INSTRUMENTED, problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.audit._allow import Allowed, Entry
    from raceshim.audit._flow import Call
    from raceshim.audit._program import Place, Program, Target
    from raceshim.audit._roots import Root, Site


@dataclass(frozen=True, slots=True)
class Hop:
    """A function on a path; `offset` is where the one before calls it, None for a root."""

    name: str
    where: str
    offset: int | None


@dataclass(frozen=True, slots=True)
class Violation:
    """A call that no handler may make: the way there from the nearest root, and why."""

    root: Root
    path: tuple[Hop, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Indirect:
    """A call of nobody knows what; `path` ends with the function that makes it."""

    root: Root
    path: tuple[Hop, ...]
    offset: int
    is_jump: bool


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found."""

    roots: tuple[Root, ...]
    sites: tuple[Site, ...]
    walked: int
    violations: tuple[Violation, ...]
    indirect: tuple[Indirect, ...]
    allowed: int
    unused: tuple[Entry, ...]


_Key = tuple[int, int]


class Walk:
    """The way through a program, nearest functions first, each one once."""

    def __init__(self, program: Program, allowed: Allowed) -> None:
        """Begin nowhere."""
        self._program = program
        self._allowed = allowed
        self._used: set[Entry] = set()
        self._answered = 0
        #: Who has called a function first, and where; nobody a root.
        self._from: dict[_Key, tuple[Place, int] | None] = {}
        self._roots: dict[_Key, Root] = {}
        self._violations: dict[tuple[_Key, tuple[str, ...]], Violation] = {}
        self._indirect: list[Indirect] = []

    def run(self, roots: Sequence[Root], sites: Sequence[Site]) -> Audit:
        """Walk; return everything that was found."""
        front = []
        for root in roots:
            self._from[_key(root.place)] = None
            self._roots[_key(root.place)] = root
            front.append(root.place)
        while front:
            following: list[Place] = []
            for place in front:
                for call in self._program.calls(place):
                    following += self._follow(place, call)
            front = following
        return Audit(
            tuple(roots),
            tuple(sites),
            len(self._from),
            tuple(self._violations.values()),
            tuple(self._indirect),
            self._answered,
            tuple(entry for entry in self._allowed.entries if entry not in self._used),
        )

    def _follow(self, place: Place, call: Call) -> list[Place]:
        """Judge a call; return the functions that were not known yet."""
        targets = [self._program.target(place.image, address) for address in call.targets]
        fresh = []
        for target in targets:
            if target is None:
                continue
            if target.place is not None and _key(target.place) in self._from:
                continue
            if self._judge(place, call, target) and target.place is not None:
                key = _key(target.place)
                self._from[key] = (place, call.address)
                self._roots[key] = self._roots[_key(place)]
                fresh.append(target.place)
        if not call.is_sure or None in targets:
            self._indirect.append(
                Indirect(
                    self._roots[_key(place)],
                    self._path(place),
                    call.address - place.function.address,
                    call.is_jump,
                )
            )
        return fresh

    def _judge(self, place: Place, call: Call, target: Target) -> bool:
        """Whether to go on in the function that is called."""
        known = target.place
        is_own = known is not None and not known.function.is_global
        kinds = () if is_own else problems(target.names, is_defined=known is not None)
        if not kinds:
            return True
        left = [kind for kind in kinds if not self._is_allowed(kind, place, target)]
        if not left:
            self._answered += 1
            return False
        offset = call.address - place.function.address
        last = Hop(target.names[0], known.function.where if known else "", offset)
        # One hook stands for all that a compiler has put into a function.
        what = tuple(left) if INSTRUMENTED in left else target.names
        self._violations.setdefault(
            (_key(place), what),
            Violation(self._roots[_key(place)], (*self._path(place), last), tuple(left)),
        )
        return False

    def _is_allowed(self, kind: str, place: Place, target: Target) -> bool:
        found = [
            entry
            for entry in self._allowed.entries
            if kind in entry.kinds and entry.matches(target.names, place.names)
        ]
        self._used |= set(found)
        return bool(found)

    def _path(self, place: Place) -> tuple[Hop, ...]:
        hops = []
        step: Place | None = place
        while step is not None:
            before = self._from[_key(step)]
            offset = None if before is None else before[1] - before[0].function.address
            hops.append(Hop(step.function.name, step.function.where, offset))
            step = None if before is None else before[0]
        return tuple(reversed(hops))


def _key(place: Place) -> _Key:
    return place.image, place.function.address
