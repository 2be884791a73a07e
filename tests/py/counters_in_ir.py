# SPDX-License-Identifier: BSD-2-Clause
"""What ThreadSanitizer would see of coverage's counters, read off LLVM's assembly.

Running a program shows the increments that two threads happened to make; this shows all. An access
is one of a counter if its address is the counter's symbol or was made from it, on any path: through
a phi or a select of several counters, as optimisers put them together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COUNTER = re.compile(r'@"?(__profc_|__profbm_|__sancov_gen_)')
_NAME = re.compile(r'%[\w.$-]+|%"[^"]+"')
_MADE = re.compile(
    r"\s+(%\S+) = (?:phi|select|getelementptr|bitcast|inttoptr|ptrtoint|add|freeze|extractelement"
    r"|insertelement)\b(.*)"
)
_CALL = re.compile(r"call .*@(__tsan_(?:unaligned_)?(?:read|write|vptr)\w*)\((.*)\)")


def seen_accesses(assembly: Path) -> list[str]:
    """Return each plain access to a counter that is told to ThreadSanitizer."""
    return [
        f"{function}: {line.strip()}"
        for function, body in _functions(assembly)
        for line in _accesses(body)
    ]


def instrumented(assembly: Path) -> int:
    """Return how many plain accesses are told to ThreadSanitizer at all."""
    return sum(1 for line in assembly.read_text().splitlines() if _CALL.search(line))


def _functions(assembly: Path) -> Iterator[tuple[str, list[str]]]:
    name, body = "", []
    for line in assembly.read_text().splitlines():
        if line.startswith("define"):
            name, body = line.partition("@")[2].partition("(")[0], []
        elif line.startswith("}"):
            yield name, body
        else:
            body.append(line)


def _accesses(body: list[str]) -> list[str]:
    made = [(match[1], match[2]) for line in body if (match := _MADE.match(line))]
    addresses: set[str] = set()
    while True:
        more = {name for name, operands in made if _is_counter(operands, addresses)} - addresses
        if not more:
            break
        addresses |= more
    calls = ((line, match[2]) for line in body if (match := _CALL.search(line)))
    return [line for line, arguments in calls if _is_counter(arguments, addresses)]


def _is_counter(operands: str, addresses: set[str]) -> bool:
    return bool(_COUNTER.search(operands)) or not addresses.isdisjoint(_NAME.findall(operands))
