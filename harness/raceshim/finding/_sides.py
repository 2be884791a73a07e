# SPDX-License-Identifier: BSD-2-Clause
"""The sides of a finding: its accesses in the fingerprint's order, each with its stack.

A report says first what was caught first; which thread that is changes from run to run. The
accesses of a finding are sorted, and everything that is shown follows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim.finding._frames import Origin, origin

if TYPE_CHECKING:
    from raceshim.finding._merge import Finding, FindingAccess
    from raceshim.report._model import Frame, Stack


@dataclass(frozen=True, slots=True)
class Side:
    """One side; without a frame when the detector has lost its stack."""

    access: FindingAccess
    stack: Stack | None
    index: int | None

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames of the stack, innermost first."""
        return self.stack.frames if self.stack is not None else ()

    @property
    def frame(self) -> Frame | None:
        """The frame of the access."""
        return None if self.index is None else self.frames[self.index]

    @property
    def what(self) -> str:
        """What happens there: `atomic write of 8 bytes by thread T1, holding M0`."""
        if not self.access.access:
            if self.stack is not None:
                return self.stack.label.rstrip(":") or "here"
            return "an access that the detector has lost"
        words = [self.access.access]
        known = self.stack.access if self.stack is not None else None
        if known is not None and known.size:
            words.append(f"of {known.size} byte{'' if known.size == 1 else 's'}")
        if self.access.thread:
            words.append(f"by {self.access.thread}")
        held = f", holding {', '.join(known.mutexes)}" if known and known.mutexes else ""
        return " ".join(words) + held


def sides(finding: Finding) -> list[Side]:
    """Return the sides of a finding, one an access."""
    left = list(finding.report.stacks)
    found = []
    for access in finding.accesses:
        at = next((at for at, stack in enumerate(left) if _is_of(access, stack)), None)
        stack = left.pop(at) if at is not None else None
        found.append(Side(access, stack, None if stack is None else _index(access, stack)))
    return found


def main_first(both: list[Side]) -> list[Side]:
    """Put the side in front that a reader is sent to: the first whose source is known."""
    known = next((side for side in both if side.frame is not None and side.frame.file), None)
    if known is None:
        return both
    return [known, *(side for side in both if side is not known)]


def other_stacks(finding: Finding, known: list[Side]) -> list[Stack]:
    """Return the stacks that are no side: where threads, memory and mutexes come from."""
    taken = {id(side.stack) for side in known}
    return [stack for stack in finding.report.stacks if id(stack) not in taken]


def own_index(stack: Stack) -> int:
    """Return the innermost frame that is the program's own; 0 when none is."""
    own = (at for at, frame in enumerate(stack.frames) if origin(frame) is Origin.PROGRAM)
    return next(own, 0)


def _is_of(access: FindingAccess, stack: Stack) -> bool:
    thread = stack.access.thread if stack.access is not None else ""
    if thread != access.thread:
        return False
    if _is_lost(access):
        return bool(access.access) and not stack.frames
    return _index(access, stack) is not None


def _is_lost(access: FindingAccess) -> bool:
    return access.function is None and access.file is None


def _index(access: FindingAccess, stack: Stack) -> int | None:
    wanted = access.function, access.file, access.line, access.column
    for at, frame in enumerate(stack.frames):
        if (frame.function, frame.file, frame.line, frame.column) == wanted:
            return at
    return None
