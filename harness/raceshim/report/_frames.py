# SPDX-License-Identifier: BSD-2-Clause
"""Stack frames: the default text of every supported runtime, and a format made for machines.

The default formats are ambiguous by nature: a C++ function may hold spaces, parentheses and
`operator/`, a path may hold spaces and parentheses. The machine format is not: numbers come
first, and the separator `<|>` is no valid sequence in a C++ name and absurd in a path.
"""

from __future__ import annotations

import re
from functools import lru_cache

from raceshim.report._model import Frame

#: Value for the runtimes' option `stack_trace_format`. It holds no quote, colon, comma or
#: space, so it may stand in TSAN_OPTIONS with or without quotes.
MACHINE_STACK_FORMAT = "@{#%n<|>%p<|>%l<|>%c<|>%o<|>%m<|>%s<|>%f}"

_MACHINE = re.compile(
    r"@\{#(\d{1,6})<\|>0x[0-9a-f]*<\|>(\d{1,9})<\|>(\d{1,9})<\|>0x([0-9a-f]{1,16})<\|>(.*)\}$"
)
_HUMAN = re.compile(r" {4}#(\d{1,6}) (?:0x[0-9a-f]+ +(?:in +)?)?(\S?.*)$")
_MODULE_END = re.compile(r"\+0x([0-9a-f]{1,16})\)$")
_POSITION = re.compile(r"(?::(\d{1,9}))?:(\d{1,9})$")


@lru_cache(maxsize=1 << 15)
def parse_frame(line: str) -> tuple[int, Frame] | None:
    """Read a frame line: the number and the frame, or None if it is none.

    Text before the frame (a program's own output without a newline) is skipped.
    """
    if "#" not in line:
        return None
    start = line.find("@{#")
    if start >= 0:
        return _parse_machine(line[start:])
    start = line.find("    #")
    return _parse_human(line[start:]) if start >= 0 else None


def _parse_machine(text: str) -> tuple[int, Frame] | None:
    match = _MACHINE.match(text)
    if match is None:
        return None
    number, line, column, offset, names = match.groups()
    parts = names.split("<|>", 2)
    if len(parts) != 3:
        return None
    module, file, function = (_known(part) for part in parts)
    return int(number), Frame(
        function, file, int(line), int(column), module, int(offset, 16) if module else None
    )


def _parse_human(text: str) -> tuple[int, Frame] | None:
    match = _HUMAN.match(text)
    if match is None:
        return None
    rest = match[2].rstrip()
    build_id = rest.rfind(" (BuildId: ")
    if build_id >= 0 and rest.endswith(")"):
        rest = rest[:build_id]
    rest, module, offset = _split_module(rest)
    function, place = _split_function(rest)
    file, line, column = _split_position(place)
    return int(match[1]), Frame(_known(function), _known(file), line, column, module, offset)


def _split_module(text: str) -> tuple[str, str | None, int | None]:
    """Take `(module+0x12)` off the end. The name of the module may hold parentheses itself."""
    match = _MODULE_END.search(text)
    if match is None:
        return text, None, None
    start = _opening(text)
    if start > 0 and text[start - 1] != " ":
        return text, None, None
    return text[:start].rstrip(), _known(text[start + 1 : match.start()]), int(match[1], 16)


def _opening(text: str) -> int:
    """Find the parenthesis that the last one closes; without balance, the last that opens."""
    depth = 0
    for index in range(len(text) - 1, -1, -1):
        depth += (text[index] == ")") - (text[index] == "(")
        if depth == 0:
            return index
    return text.rfind("(")


def _split_function(text: str) -> tuple[str, str]:
    """Split `function place`. A path is taken to begin at the first ` /` or ` ../`, if any."""
    for mark in (" /", " ../"):
        at = text.find(mark)
        if at >= 0:
            return text[:at], text[at + 1 :]
    head, space, tail = text.rpartition(" ")
    named = "." in tail and "(" not in tail and ")" not in tail
    if space and (tail == "<null>" or named or _POSITION.search(tail) or "(" not in text):
        return head, tail
    return text, ""


def _split_position(place: str) -> tuple[str, int, int]:
    match = _POSITION.search(place)
    if match is None:
        return place, 0, 0
    first, last = match.groups()
    file = place[: match.start()]
    return (file, int(last), 0) if first is None else (file, int(first), int(last))


def _known(text: str) -> str | None:
    return None if text in ("", "<null>", "??") else text
