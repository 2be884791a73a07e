# SPDX-License-Identifier: BSD-2-Clause
"""What a test gets of a program that ran under the profiler: `race.build(…).profile()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim._errors import ToolError
from raceshim.prof import _leaks, _top
from raceshim.prof._model import merge
from raceshim.prof._names import Namer
from raceshim.prof._record import collect
from raceshim.prof._select import Selection
from raceshim.prof._tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raceshim._lab import Observed
    from raceshim.prof._leaks import Leak
    from raceshim.prof._model import Profile
    from raceshim.prof._record import Plan

_ROWS = 15


@dataclass(frozen=True, slots=True)
class Profiled:
    """A run and its profile, that of all its processes together."""

    observed: Observed
    profile: Profile
    #: The profiles of the run by what they are of: cpu, heap, locks.
    kinds: Mapping[str, Profile]

    def of(self, kind: str) -> Profiled:
        """Return one of several profiles of a run: `of("heap")`."""
        return Profiled(self.observed, self.kinds[kind], self.kinds)

    @property
    def samples(self) -> int:
        """How many samples there are, lost ones too; of memory blocks, of locks events."""
        return self.total(self.profile.types[0].type)

    @property
    def lost(self) -> dict[str, int]:
        """How many samples were lost, by class."""
        return self.profile.lost(0)

    def total(self, kind: str | None = None) -> int:
        """Return the sum of a value: `total("alloc_space")`."""
        return sum(value for _, value in self.profile.values(self.profile.index(kind)))

    def leaks(self) -> list[Leak]:
        """Return what memory was in use at the end, by stack, the most bytes first."""
        return _leaks.leaks(self.profile)

    def assert_leaks(self, *, at_most: int = 0, ignore: str | None = None) -> Profiled:
        """Fail if more bytes were in use at the end, but for stacks in which `ignore` is found."""
        __tracebackhide__ = True
        found = _leaks.leaks(Selection(ignore=ignore).of(self.profile))
        space = sum(leak.space for leak in found)
        if space > at_most:
            namer = Namer("function", self.profile)
            lines = "\n".join(_leaks.text(self.profile, found, namer, _ROWS))
            raise AssertionError(f"{space} bytes in use at the end, not {at_most}\n\n{lines}")
        return self

    def only(self, **labels: str | int) -> Profiled:
        """Return the part that has all these labels, as in `only(thread="worker")`."""
        wanted = tuple(f"{key}={value}" for key, value in labels.items())
        part = Selection(labels=wanted)
        return Profiled(
            self.observed,
            part.of(self.profile),
            {kind: part.of(profile) for kind, profile in self.kinds.items()},
        )

    def share(self, function: str, *, flat: bool = False, type: str | None = None) -> float:  # noqa: A002
        """Return the per cent that went into a function and all that it called, or only into it.

        `type` is which of the values counts, as `prof top --type`.
        """
        namer = Namer("function", self.profile)
        counted = table(self.profile, self.profile.index(type), namer)
        spent = sum(
            row.flat if flat else row.cum for row in counted.rows if row.entity.name == function
        )
        return 100 * spent / counted.total if counted.total else 0.0

    def assert_share(
        self, function: str, at_least: float = 0, at_most: float = 100, *, flat: bool = False
    ) -> Profiled:
        """Fail unless the function's share, in per cent, is between the two."""
        __tracebackhide__ = True
        share = self.share(function, flat=flat)
        if not at_least <= share <= at_most:
            kind = "flat" if flat else "cum"
            raise AssertionError(
                f"{function}: {kind} {share:.1f} %, not between {at_least:g} and {at_most:g}\n\n"
                + self.text()
            )
        return self

    def text(self) -> str:
        """Return the profile's first rows, as `raceshim prof top --cum` prints them."""
        index = self.profile.index(None)
        namer = Namer("function", self.profile)
        rows = table(self.profile, index, namer).by_cum()
        lines = _top.head(self.profile, index, rows.total)
        lines += _top.top(rows, self.profile.types[index].unit, namer, _ROWS)
        return "\n".join(lines)


def profiled(observed: Observed, plan: Plan) -> Profiled:
    """Return what the processes of a run have left; a ToolError if that is nothing."""
    kinds: dict[str, Profile] = {}
    for wish in plan.wishes:
        profiles, damaged = collect(plan, wish)
        if not profiles:
            raise ToolError(
                "; ".join(damaged)
                or f"no process has left a profile; the program ended with status {observed.status}"
                + (f":\n{observed.stderr}" if observed.stderr else "")
            )
        kinds[wish.kind] = merge(profiles)
    return Profiled(observed, kinds[plan.wishes[0].kind], kinds)
