# SPDX-License-Identifier: BSD-2-Clause
"""A report that is being read: what the readers of all text formats have in common.

Logs are read in one pass, line by line. Runtimes write a report in many small pieces, so other
output may stand between any two of them: a reader takes the lines that are its own, says so, and
leaves the rest. Nothing is trusted to be there; what is missing makes the report incomplete.
"""

from __future__ import annotations

from raceshim.report._frames import parse_frame
from raceshim.report._model import Access, Frame, Report, Stack


class OpenReport:
    """Common state of a report being read: its header, the stacks so far, and its soundness."""

    def __init__(self, detector: str, kind: str, pid: int | None, header: str) -> None:
        self.detector = detector
        self.kind = kind
        self.pid = pid
        self.closed = False  # its last line has been read
        self.sound = True  # nothing has been seen that is torn, missing or mixed up
        self.location: str | None = None
        self.summary: str | None = None
        self.stacks: list[Stack] = []
        self.covered = False  # another report has begun, and no line has come since
        self._lines = [header]
        self._ended = True  # the line being read has its newline
        self._label: str | None = None
        self._role = "other"
        self._access: Access | None = None
        self._frames: list[Frame] = []

    def feed(self, line: str, *, ended: bool) -> bool:
        """Take the next line of the log; say whether it belonged to the report.

        `ended` is False for a last line without a newline, which may be cut.
        """
        self._lines.append(line)
        self._ended = ended
        return self._feed(line)

    def report(self) -> Report:
        """Give what was read. Call it once, at the end."""
        self.end_stack()
        return Report(
            self.detector,
            self.kind,
            self.pid,
            tuple(self.stacks),
            self.location,
            self.summary,
            self.sound and self._whole(),
            "\n".join(self._lines) + "\n",
        )

    def _feed(self, line: str) -> bool:
        raise NotImplementedError

    def may_end(self) -> bool:
        """Tell whether nothing need follow, though something may."""
        return self.closed

    def _whole(self) -> bool:
        """Tell whether all that such a report must have has been read."""
        return self.closed and self.summary is not None

    def begin_stack(self, label: str, role: str, access: Access | None) -> None:
        """Begin a labelled stack, whose frames must follow."""
        self.end_stack()
        self._label, self._role, self._access = label, role, access

    def begin_unlabelled(self) -> None:
        """Begin a stack whose first frame has come without a label."""

    def take_frame(self, line: str) -> bool:
        """Take the line if it is a frame. A gap in the numbers means that frames are missing."""
        found = parse_frame(line)
        if found is None:
            return False
        number, frame = found
        if number == 0 and self._frames:
            self.end_stack()
        if number == 0 and self._label is None:
            self.begin_unlabelled()
        if number != len(self._frames):
            self.sound = False
        self._frames.append(frame)
        return True

    def end_stack(self, *, restored: bool = True) -> None:
        """End the stack being read, if any; `restored` is False if its frames were lost."""
        if self._frames or not restored:
            stack = Stack(
                self._label or "", self._role, tuple(self._frames), self._access, restored
            )
            self.stacks.append(stack)
            self._frames = []
        elif self._label is not None:
            self.sound = False
        self._label, self._role, self._access = None, "other", None
