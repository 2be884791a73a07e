# SPDX-License-Identifier: BSD-2-Clause
"""ThreadSanitizer's reports.

A report is a header with the kind and the pid, then sections of a two-space indented label
and its frames, a SUMMARY, and a closing rule. The runtime writes it line by line, a label even
in pieces, so that other output may stand anywhere in between: unknown lines are skipped, and
the numbers of the frames tell whether one is missing.
"""

from __future__ import annotations

import re

from raceshim._report_frames import parse_frame
from raceshim._report_model import Access, Frame, Report, Stack

RULE = "=" * 18
HEADER = "WARNING: ThreadSanitizer: "
_PID = re.compile(r" \(pid=(\d{1,10})\)")
_UNRESTORED = "[failed to restore the stack]"
_SUMMARY = "SUMMARY: ThreadSanitizer: "
_LABEL = re.compile(r"  \S")
_ACCESS = re.compile(
    r"  (?P<previous>Previous )?(?P<operation>atomic read|atomic write|read|write) "
    r"of size (?P<size>\d{1,20}) at 0x(?P<address>[0-9a-f]{1,16}) by (?P<by>[^()]*)"
    r"(?:\(mutexes: (?P<mutexes>[^()]*)\))?:$",
    re.IGNORECASE,
)
_EXTERNAL = re.compile(
    r"  (?P<previous>Previous )?(?P<operation>modifying|read-only) "
    r"access of (?P<tag>.*) at 0x(?P<address>[0-9a-f]{1,16}) by (?P<by>[^()]*)"
    r"(?:\(mutexes: (?P<mutexes>[^()]*)\))?:$",
    re.IGNORECASE,
)
_PAIRS = ("data race", "heap-use-after-free", "race on ")
_ROLES = (
    (re.compile(r"Location is "), "allocation"),
    (re.compile(r"Mutex M\d+ acquired here while holding mutex "), "access"),
    (re.compile(r"Mutex M\d+ \(.*\) created at"), "mutex"),
    (re.compile(r"Thread T\d+ .*created by .* at$"), "thread"),
)


class TsanReport:
    """A report being read. Feed it lines until `closed`."""

    detector = "ThreadSanitizer"

    def __init__(self, header: str) -> None:
        rest = header[header.index(HEADER) + len(HEADER) :].rstrip()
        pids = list(_PID.finditer(rest))
        self.kind = rest[: pids[-1].start()] if pids else rest
        self.pid = int(pids[-1][1]) if pids else None
        self.closed = False
        self.sound = bool(pids)  # nothing torn or missing so far
        self._lines = [header]
        self._stacks: list[Stack] = []
        self._label = ""
        self._access: Access | None = None
        self._role = "access"
        self._frames: list[Frame] = []
        self._open = False  # a label waits for its frames
        self._location: str | None = None
        self._summary: str | None = None
        self._ruled = False  # a rule was seen that may be the end

    def feed(self, line: str) -> None:
        """Take the next line of the log."""
        self._lines.append(line)
        if line.endswith(RULE):
            # Without a SUMMARY, a rule may be a banner of the program, or the next opening.
            self.closed = self._summary is not None or self._ruled
            self._ruled = True
            return
        frame = parse_frame(line)
        if frame is not None:
            self._take_frame(*frame)
        elif _UNRESTORED in line:
            self._flush(restored=False)
        elif line.startswith(_SUMMARY):
            self._summary = line[len(_SUMMARY) :]
        elif _LABEL.match(line):
            self._take_label(line)

    def finish(self, *, cut: bool) -> Report:
        """Give the report; `cut`: the log went on to something else before the end of it."""
        self._flush()
        ended = self.closed or (self._ruled and not cut)
        return Report(
            self.detector,
            self.kind,
            self.pid,
            tuple(self._stacks),
            self._location,
            self._summary,
            ended and self.sound and self._whole(),
            "\n".join(self._lines) + "\n",
        )

    def _whole(self) -> bool:
        sides = [stack for stack in self._stacks if stack.access is not None]
        return len(sides) >= 2 or not self.kind.startswith(_PAIRS)

    def _take_frame(self, number: int, frame: Frame) -> None:
        if number == 0 and self._frames:
            self._flush()
        if number != len(self._frames):
            self.sound = False
        self._frames.append(frame)

    def _take_label(self, line: str) -> None:
        if line.startswith("  Location is "):
            self._flush()
            self._location = line[len("  Location is ") :].rstrip(":.")
        if not line.endswith(":"):
            return
        self._flush()
        self._open = True
        self._label = line.strip().rstrip(":")
        match = _ACCESS.match(line) or _EXTERNAL.match(line)
        if match is not None:
            self._access = _access(match)
            self._role = "previous" if match["previous"] else "access"
            return
        self._role = next((role for form, role in _ROLES if form.match(self._label)), "other")

    def _flush(self, *, restored: bool = True) -> None:
        if self._frames or not restored:
            self._stacks.append(
                Stack(self._label, self._role, tuple(self._frames), self._access, restored)
            )
        elif self._open:
            self.sound = False
        self._label, self._role, self._access = "", "other", None
        self._frames = []
        self._open = False


def _access(match: re.Match[str]) -> Access:
    groups = match.groupdict()
    operation = str(groups["operation"]).lower()
    return Access(
        operation.removeprefix("atomic "),
        operation.startswith("atomic "),
        int(groups.get("size") or 0),
        int(groups["address"], 16),
        str(groups["by"]).strip(),
        tuple(name.strip() for name in (groups["mutexes"] or "").split(",") if name.strip()),
    )
