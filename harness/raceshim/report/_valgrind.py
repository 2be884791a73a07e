# SPDX-License-Identifier: BSD-2-Clause
"""Helgrind, DRD and Memcheck: reports from Valgrind's XML (--xml=yes, protocol 4).

The kind is Valgrind's own word (`LockOrder`, `UninitCondition`, ...), but for races, which
Helgrind calls Race and DRD ConflictingAccess: both are "data race" here, as everywhere else. DRD
does not know where the other side's access was: its reports have one access.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

# Valgrind writes no DTD, and what has one is refused before it is parsed.
from xml.etree import ElementTree as ET

from raceshim.report._model import Access, Failure, Frame, ParsedLog, Report, Stack, Start

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DEEPEST = 16  # Valgrind nests elements 5 deep
_DETECTORS = {"helgrind": "Helgrind", "drd": "DRD", "memcheck": "Memcheck"}
_RACES = ("Race", "ConflictingAccess")
_ACCESS = re.compile(
    r"Possible data race during (?P<operation>read|write) of size (?P<size>\d{1,9}) "
    r"at 0x(?P<address>[0-9A-Fa-f]{1,16}) by thread (?P<thread>#\d{1,9})|"
    r"This conflicts with a previous (?P<operation2>read|write) of size (?P<size2>\d{1,9}) "
    r"by thread (?P<thread2>#\d{1,9})|"
    r"Conflicting (?P<operation3>load|store) by thread (?P<thread3>\d{1,9}) "
    r"at 0x(?P<address3>[0-9A-Fa-f]{1,16}) size (?P<size3>\d{1,9})|"
    r"Invalid (?P<operation4>read|write) of size (?P<size4>\d{1,9})|"
    r"(?:Invalid|Mismatched) (?P<operation5>free)\(\)"
)
_ADDRESS = re.compile(r"Address 0x([0-9A-Fa-f]{1,16}) ")
_LOCATIONS = ("Address ", "Location ", "Allocation context: ")
_OPERATIONS = {"load": "read", "store": "write"}


def parse_valgrind_xml(data: bytes) -> ParsedLog:
    """Read the XML of one process, or of several that share a file.

    Whatever stands before a place that is no XML is read; the log is then incomplete.
    """
    # Names of files and functions are written as they are, whatever bytes they have.
    text = _NO_XML.sub("?", data.decode(errors="replace"))
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return ParsedLog((), (), (), complete=False)
    process = _Process()
    for document in re.split(r"(?=<\?xml )", text):
        if document.strip():
            process.read(document)
    whole = process.whole and process.documents > 0
    return ParsedLog(tuple(process.reports), tuple(process.starts), tuple(process.failures), whole)


class _Process:
    """What was read so far, document by document."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.starts: list[Start] = []
        self.failures: list[Failure] = []
        self.whole = True
        self.documents = 0
        self._reset()

    def _reset(self) -> None:
        self._tool = "Valgrind"
        self._pid: int | None = None
        self._threads: dict[str, Stack] = {}

    def read(self, document: str) -> None:
        """Read one document."""
        self.documents += 1
        self._reset()
        ended = finished = False
        try:
            for item in _children(document):
                ended = ended or item.tag == "valgrindoutput"
                finished = finished or item.findtext("state") == "FINISHED"
                self._element(item)
                item.clear()
        except ET.ParseError:
            self.whole = False
        self.whole = self.whole and ended and finished

    def _element(self, item: ET.Element) -> None:
        """Take one child of the document's root."""
        text = (item.text or "").strip()
        if item.tag == "pid":
            self._pid = _number(text)
        elif item.tag == "tool":
            self._tool = _DETECTORS.get(text, text)
            if self._pid is not None:
                self.starts.append(Start(self._tool, self._pid))
        elif item.tag == "announcethread":
            thread = item.findtext("hthreadid") or ""
            frames = _frames(item.find("stack"))
            if frames:  # the main thread has none
                self._threads[thread] = Stack(
                    f"Thread #{thread} was created", "thread", frames, None, restored=True
                )
        elif item.tag == "fatal_signal":
            signal = item.findtext("signame") or "unknown signal"
            self.failures.append(Failure("DEADLYSIGNAL", self._pid, f"{signal}\n{_source(item)}"))
        elif item.tag == "error":
            self.reports.append(self._report(item))

    def _report(self, error: ET.Element) -> Report:
        kind = error.findtext("kind") or "unknown"
        what, label = "", ""
        location: str | None = None
        stacks: list[Stack] = []
        for item in error:
            if item.tag in ("what", "xwhat", "auxwhat", "xauxwhat"):
                label = (item.findtext("text") or item.text or "").strip()
                what = what or label
                if location is None and label.startswith(_LOCATIONS):
                    location = label
            elif item.tag == "stack":
                stacks.append(_stack(label, _frames(item), first=not stacks))
                label = ""
            elif item.tag in ("allocation_context", "other_segment_start", "other_segment_end"):
                frames = _frames(item.find("stack"))
                if frames:
                    role = "allocation" if item.tag == "allocation_context" else "other"
                    stacks.append(
                        Stack(item.tag.replace("_", " "), role, frames, None, restored=True)
                    )
        threads = dict.fromkeys(item.text or "" for item in error.iter("hthreadid"))
        stacks += [self._threads[thread] for thread in threads if thread in self._threads]
        return Report(
            self._tool,
            "data race" if kind in _RACES else kind,
            self._pid,
            tuple(_with_addresses(stacks, location)),
            location,
            what or None,
            bool(stacks),
            _source(error),
        )


def _children(document: str) -> Iterator[ET.Element]:
    """Give the children of the root one by one, as far as the document goes, then the root."""
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(["start", "end"])
    parser.feed(document)
    depth = 0
    for event in parser.read_events():
        depth += 1 if event[0] == "start" else -1
        if depth > _DEEPEST:
            raise ET.ParseError("nested too deeply")
        if event[0] == "end" and depth <= 1 and isinstance(event[-1], ET.Element):
            yield event[-1]
    parser.close()


def _stack(label: str, frames: tuple[Frame, ...], *, first: bool) -> Stack:
    access = _access(label)
    if label.startswith("This conflicts with a previous "):
        # Helgrind gives an empty stack when it has lost the other side's.
        return Stack(label, "previous", frames, access, restored=bool(frames))
    if first:
        role = "allocation" if " lost in loss record " in label else "access"
    else:
        role = "allocation" if "alloc" in label or "was created by" in label else "other"
    if "block of size" in label and label.endswith("free'd"):
        role = "previous"
        access = Access("free", False, 0, 0, "", ())
    return Stack(label, role, frames, access, restored=bool(frames))


def _access(label: str) -> Access | None:
    match = _ACCESS.match(label)
    if match is None:
        return None
    found = {key.rstrip("2345"): value for key, value in match.groupdict().items() if value}
    thread = found.get("thread", "")
    return Access(
        _OPERATIONS.get(found["operation"], found["operation"]),
        False,
        int(found.get("size", "0")),
        int(found.get("address", "0"), 16),
        f"thread #{thread.lstrip('#')}" if thread else "",
        (),
    )


def _with_addresses(stacks: list[Stack], location: str | None) -> list[Stack]:
    """Give accesses that are told without an address that of the report."""
    known = next((s.access.address for s in stacks if s.access and s.access.address), 0)
    told = _ADDRESS.match(location or "")
    address = known or (int(told[1], 16) if told else 0)
    result = []
    for stack in stacks:
        access = stack.access
        if access is not None and not access.address:
            access = Access(access.operation, False, access.size, address, access.thread, ())
        result.append(Stack(stack.label, stack.role, stack.frames, access, stack.restored))
    return result


def _frames(stack: ET.Element | None) -> tuple[Frame, ...]:
    if stack is None:
        return ()
    return tuple(
        Frame(
            item.findtext("fn"),
            _file(item),
            _number(item.findtext("line")) or 0,
            0,
            item.findtext("obj"),
            None,
        )
        for item in stack.findall("frame")
    )


def _file(frame: ET.Element) -> str | None:
    folder, file = frame.findtext("dir"), frame.findtext("file")
    if file is None or folder is None or folder in (".", "./."):
        return file
    return f"{folder.rstrip('/')}/{file}"


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else None


def _source(item: ET.Element) -> str:
    return ET.tostring(item, encoding="unicode").strip() + "\n"
