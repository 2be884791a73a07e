# SPDX-License-Identifier: BSD-2-Clause
"""ThreadSanitizer's warnings: sections of a label and its frames between two rules.

WARNING: ThreadSanitizer: KIND (pid=N)        KIND may hold parentheses, or any text at all
  Write of size 4 at 0x1 by thread T1 (mutexes: write M0, read M1):
    #0 ...
  Previous atomic write of ... / Modifying access of TAG at ... / Location is ... /
  Mutex M0 (0x2) created at: / Thread T1 'name' (tid=2, running) created by main thread at:
SUMMARY: ThreadSanitizer: KIND ...
==================
"""

from __future__ import annotations

import re

from raceshim.report._model import Access
from raceshim.report._open import OpenReport

_HEADER = re.compile(r"WARNING: ThreadSanitizer\b:? ?(.*)$")
_PID = re.compile(r" \(pid=(\d{1,10})\)$")
_RULE = re.compile(r"(?<!=)={18}$")
_SUMMARY = "SUMMARY: ThreadSanitizer: "
_UNRESTORED = "    [failed to restore the stack]"
_LOCATION = "  Location is "
_ACCESS = re.compile(
    r"  (previous )?(atomic )?(read|write) of size (\d{1,9}) at 0x([0-9a-f]{1,16}) by (.*):$",
    re.IGNORECASE,
)
_EXTERNAL = re.compile(r"  (previous )?(modifying|read-only) access of .* at 0x", re.IGNORECASE)
_EXTERNAL_TAIL = re.compile(r"([0-9a-f]{1,16}) by (.*):$")
_MUTEXES = re.compile(r"(.*?) ?\(mutexes: ([^()]*)\)$")
#: Kinds that mean two accesses; an access in any other kind means two as well.
_PAIRS = ("data race", "heap-use-after-free", "race on ")


class TsanReport(OpenReport):
    """A warning being read, from its header line on."""

    def __init__(self, line: str) -> None:
        header = _HEADER.search(line)
        text = header[1] if header else line
        pid = _PID.search(text)
        kind = text[: pid.start()] if pid else text
        super().__init__("ThreadSanitizer", kind, int(pid[1]) if pid else None, line)
        self.sound = pid is not None
        self._unknown = ""  # a line that may be a label
        self._ended_early = False

    def _feed(self, line: str) -> bool:
        # A rule before the summary is a banner of the program, or another report's opening.
        if self.summary is not None and _RULE.search(line):
            self.closed = True
            return True
        taken = self.take_frame(line) or self._take_label(line) or self._take_rest(line)
        if taken and self._ended_early:
            self.sound = False  # a summary is followed by nothing but a rule
        self._ended_early = self.summary is not None
        return taken

    def _take_rest(self, line: str) -> bool:
        if line == _UNRESTORED:
            self.end_stack(restored=False)
            return True
        if line.startswith(_SUMMARY):
            self.summary = line.removeprefix(_SUMMARY).rstrip()
            self.sound = self.sound and self.summary.startswith(self.kind)
            return True
        return False

    def _whole(self) -> bool:
        roles = [stack.role for stack in self.stacks if stack.access is not None]
        paired = roles == ["access", "previous"]
        if (roles and not paired) or (not roles and self.kind.startswith(_PAIRS)):
            return False
        return super()._whole() and bool(self.stacks)

    def begin_unlabelled(self) -> None:
        """Begin a stack below a label of unknown wording, or the first one of most kinds."""
        if self._unknown:
            self.begin_stack(self._unknown, "other", None)
            self._unknown = ""
        elif self.stacks:
            self.sound = False  # its label has been lost, or it is another report's
        else:
            self.begin_stack("", "access", None)

    def _take_label(self, line: str) -> bool:
        if not line.startswith("  ") or line.startswith("   "):
            return False
        if line.startswith(_LOCATION):
            # A place on the stack is told twice, the second time as a global of `[stack]`.
            self.location = self.location or line.removeprefix(_LOCATION).rstrip(":.")
        if not line.endswith(":"):
            return line.startswith(_LOCATION)
        label = line[2:-1]
        access = _parse_access(line)
        if access is not None:
            first = line[2:11].lower() != "previous "
            self.begin_stack(label, "access" if first else "previous", access)
            return True
        role = _role(label)
        if role is None:
            self._unknown = label  # or output of the program
            return False
        self.begin_stack(label, role, None)
        return True


def is_header(line: str) -> bool:
    """Tell whether a warning begins on this line, behind other output or not."""
    return "WARNING: ThreadSanitizer" in line


def is_evidence(line: str) -> bool:
    """Tell whether a line outside of any report can only come from a report that is lost."""
    return line.startswith(_SUMMARY) or _parse_access(line) is not None


def _parse_access(line: str) -> Access | None:
    match = _ACCESS.match(line)
    if match is not None:
        _, atomic, operation, size, address, by = match.groups()
    elif _EXTERNAL.match(line):
        operation = "modifying" if "modifying" in line[:20].lower() else "read-only"
        tail = _EXTERNAL_TAIL.match(line, line.rfind(" at 0x") + 6)
        if tail is None:
            return None
        atomic, size = None, "0"
        address, by = tail.groups()
    else:
        return None
    mutexes: list[str] = []
    held = _MUTEXES.match(by)
    if held is not None:
        by = held[1]
        mutexes = [name.strip() for name in held[2].split(",")]
    return Access(operation.lower(), bool(atomic), int(size), int(address, 16), by, tuple(mutexes))


def _role(label: str) -> str | None:
    if label.startswith("Location is "):
        return "allocation"
    if label.startswith("Thread T") and label.endswith(" at"):
        return "thread"
    if label.startswith("Mutex M"):
        if label.endswith(" created at"):
            return "mutex"
        return "access" if " acquired here while holding mutex " in label else "other"
    if label.startswith("Signal ") and label.endswith(" handler invoked at"):
        return "access"
    return "other" if label in ("As if synchronized via sleep", "and") else None
