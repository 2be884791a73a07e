# SPDX-License-Identifier: BSD-2-Clause
"""Every release names its acquire and the other way round.

Ordering comments drift when nothing holds them: a tag such as
`[W1] release, pairs with [R1]: publishes the record` is checked against the comment that carries
`[R1] acquire, pairs with [W1]`.
"""

from __future__ import annotations

import re
from pathlib import Path

SOURCES = sorted(Path(__file__).parents[2].glob("shim/**/*.[ch]"))
TAG = re.compile(
    r"\[([A-Z]+\d+)\][^\[\]]*?pairs with((?:,?\s*(?:\*\s*)?(?:and\s+)?\[[A-Z]+\d+\])+)"
)
ORDERED = re.compile(
    r"memory_order_(acquire|release|acq_rel|seq_cst)|__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)"
)
FENCE = re.compile(r"\batomic_thread_fence\b|__atomic_thread_fence\b")
TAG_DISTANCE = 6


def unpaired(text: str) -> set[tuple[str, str]]:
    """Return the pairs (tag, partner) whose partner does not name the tag."""
    pairs = {
        (tag, partner)
        for tag, partners in TAG.findall(text)
        for partner in re.findall(r"\[([A-Z]+\d+)\]", partners)
    }
    return {(a, b) for a, b in pairs if (b, a) not in pairs}


def untagged(text: str) -> list[int]:
    """Return the lines with an ordered atomic access and no tag within a few lines of it."""
    lines = text.splitlines()
    return [
        number
        for number, line in enumerate(lines, 1)
        if ORDERED.search(line)
        and not re.search(
            r"\[[A-Z]+\d+\]", "\n".join(lines[max(0, number - TAG_DISTANCE) : number + 1])
        )
    ]


def test_every_tag_is_named_by_its_partner() -> None:
    assert unpaired("\n".join(p.read_text() for p in SOURCES)) == set()


def test_every_ordered_access_carries_a_tag() -> None:
    assert {p.name: n for p in SOURCES if (n := untagged(p.read_text()))} == {}


def test_no_standalone_fence_where_a_detector_looks() -> None:
    """What runs in handlers is never instrumented; a header may be included by what is."""
    seen = [p for p in SOURCES if not p.name.endswith("_sig.c")]
    assert [p.name for p in seen if FENCE.search(p.read_text())] == []


def test_a_drifted_tag_is_seen() -> None:
    paired = "/* [W1] release, pairs with [R1] */ /* [R1] acquire, pairs with [W1] and [W2] */"
    assert unpaired(paired) == {("R1", "W2")}
    assert untagged("x = atomic_load_explicit(&p, memory_order_acquire);") == [1]
