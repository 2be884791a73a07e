# SPDX-License-Identifier: BSD-2-Clause
"""Reports that begin with `==PID==ERROR: XSanitizer:` or `==PID==WARNING: MemorySanitizer:`.

AddressSanitizer, HWAddressSanitizer, LeakSanitizer and MemorySanitizer, and the crashes that any
runtime reports in this form. Every stack stands below a line that says what it is; the summary
ends what matters, though shadow bytes, threads and ABORTING may still follow it.
"""

from __future__ import annotations

import re

from raceshim.report._model import Access
from raceshim.report._open import OpenReport

HEADER = re.compile(r"==(\d{1,10})== ?(?:ERROR|WARNING): (\w{1,32}Sanitizer): ?(.*)$")
_KIND_END = re.compile(
    r" on unknown address| on address 0x| on 0x| \(0x| 0x|: |:$| in thread T\d| \(pc 0x"
)
_SUMMARY = re.compile(r"SUMMARY: (\w{1,32}Sanitizer): (.*)$")
#: What a signal is called in the header, and then in the summary too.
_SIGNALS = ("SEGV", "BUS", "FPE", "ILL", "ABRT", "TRAP", "stack-overflow")
_ACCESS = re.compile(
    r"(READ|WRITE) of size (\d{1,20}) at 0x([0-9a-f]{1,16})(?: tags: \S+ \(ptr/mem\) in)? "
    r"(thread T\d{1,9})"
)
_PREFIX = re.compile(r"^==\d{1,10}==")
_SIGNAL = re.compile(r"(?:==\d{1,10}==)?The signal is caused by a (\w+) memory access")
_ADDRESS = re.compile(r"0x([0-9a-f]{1,16})")
_THREAD = re.compile(r" (T\d{1,9})(?: \([^()]*\))?\)?:?$")
_FREED = re.compile(r"freed by (thread T\d{1,9}\b.*) here:$")
_REGION = re.compile(r"(0x[0-9a-f]{1,16}) is located .* (\d{1,20})-byte region")
_ALLOCATION = ("allocated ", " leak of ", "was created by", " is located in stack of ")
_LABEL = re.compile(
    r"(?:READ|WRITE) of size|The signal is caused|leak of|in stack of thread|freed |allocated |"
    r"created |stored to memory"
)
_AFTER_SUMMARY = re.compile(
    r"$|=>0x|  0x[0-9a-f]+:|Shadow |Memory tags|Tags for|See https|  [A-Z][A-Za-z ]+: +[0-9a-f]|"
    r"Thread T\d+|==\d+==|    #|@\{#|\[0x|HINT"
)


class ErrorReport(OpenReport):
    """A report being read, from its ==PID== header line on."""

    def __init__(self, header: re.Match[str]) -> None:
        pid, detector, text = header.groups()
        end = _KIND_END.search(text)
        kind = text[: end.start()] if end else text
        super().__init__(detector, kind, int(pid), header.string)
        self._text = text
        self._first = True  # no stack has been seen
        self._above = ""  # the line that labels the next stack
        self._size = 0  # of the heap block that was freed
        self._role = "access"

    def _feed(self, line: str) -> bool:
        if self.summary is not None and not _AFTER_SUMMARY.match(line):
            self.closed = True
            return False
        if self.take_frame(line):
            return True
        if line == "    <empty stack>":
            self.begin_unlabelled()
            self.end_stack(restored=False)
            return True
        summary = _SUMMARY.match(line)
        if summary is not None:
            # LeakSanitizer within AddressSanitizer sums up under its name.
            if summary[1] != self.detector and self.detector != "LeakSanitizer":
                return False
            self.end_stack()
            self.summary = summary[2] if self._ended else None
            if self.kind in _SIGNALS and not summary[2].startswith(self.kind):
                self.sound = False
        elif line.endswith("==ABORTING"):
            self.closed = True
        elif line.strip():
            self._take_text(line)
        return True

    def may_end(self) -> bool:
        """Tell whether the summary has been read, after which only details follow."""
        return self.summary is not None

    def _whole(self) -> bool:
        return self.summary is not None and bool(self.stacks)

    def _take_text(self, line: str) -> None:
        if " is located " in line:
            self.location = self.location or line
            region = _REGION.match(line)
            self._size = int(region[2]) if region else self._size
        # Other lines may stand between a label and its frames: a hint, output of the program.
        if _LABEL.search(line) or not _LABEL.search(self._above):
            self._above = line

    def begin_unlabelled(self) -> None:
        """Begin a stack below the last line that may be its label."""
        label = _PREFIX.sub("", self._above.strip()).rstrip(":")
        self._above = ""
        if self._first:
            self._first = False
            leak = " leak of " in label
            access = None if leak else self._first_access(label)
            told = leak or _ACCESS.match(label) or _SIGNAL.match(label)
            self.begin_stack(label if told else "", "allocation" if leak else "access", access)
            return
        freed = _FREED.match(label + ":")
        if freed is not None:
            where = self._address(self.location or "")
            access = Access("free", False, self._size, where, freed[1], ())
            self.begin_stack(label, "previous", access)
        else:
            self.begin_stack(label, _role(label), None)

    def _first_access(self, label: str) -> Access | None:
        found = _ACCESS.match(label)
        if found is not None:
            operation, size, address, thread = found.groups()
            return Access(operation.lower(), False, int(size), int(address, 16), thread, ())
        found = _THREAD.search(self._text)
        # Runtimes without a notion of T0, T1, ... write the system's thread id instead.
        named = found is not None and self.detector.endswith("AddressSanitizer")
        thread = f"thread {found[1]}" if found and named else ""
        signal = _SIGNAL.match(label)
        if signal is not None:
            operation = signal[1].lower()
        elif "free" in self.kind or "delete" in self.kind:
            operation = "free"
        else:
            return None
        return Access(operation, False, 0, self._address(self._text), thread, ())

    @staticmethod
    def _address(text: str) -> int:
        found = _ADDRESS.search(text)
        return int(found[1], 16) if found else 0


def is_evidence(line: str) -> bool:
    """Tell whether a line outside of any report can only come from a report that is lost."""
    return _SUMMARY.match(line) is not None or line.endswith("==ABORTING")


def _role(label: str) -> str:
    if any(words in label for words in _ALLOCATION):
        return "allocation"
    if label.startswith("Thread T"):
        return "thread"
    return "other"
