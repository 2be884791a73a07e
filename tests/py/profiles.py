# SPDX-License-Identifier: BSD-2-Clause
"""Profiles for the tests, encoded by protobuf from the table that the reader decodes with."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING, Any

from raceshim.prof import _read
from raceshim.prof._schema import profile_class

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim.prof._model import Profile

#: Stacks, root first, and how many samples there are of each, of 10 ms.
CALLS = {
    "main worker hot75": 60,
    "main worker hot75 libc:memcpy": 15,
    "main worker hot25": 25,
}
PERIOD = 10_000_000
CPU = (("samples", "count"), ("cpu", "nanoseconds"))
HEAP = (
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
)


class Builder:
    """Makes the message; what is damaged on purpose is done to `message`."""

    def __init__(
        self,
        program: str = "/bin/prog",
        shift: int = 0,
        types: tuple[tuple[str, str], ...] = CPU,
    ) -> None:
        """Begin; `shift` is where the loader has put the program this time."""
        self.message: Any = profile_class()()
        self._shift = shift
        self._strings: dict[str, int] = {}
        self._locations: dict[str, int] = {}
        self.string("")
        for kind, unit in types:
            self.message.sample_type.add(type=self.string(kind), unit=self.string(unit))
        self.message.period_type.type = self.string("cpu")
        self.message.period_type.unit = self.string("nanoseconds")
        self.message.period = PERIOD
        self.message.time_nanos = 1_700_000_000_000_000_000
        self.message.duration_nanos = 2_000_000_000
        self._modules = {"prog": 1, "libc": 2}
        for number, name in ((1, program), (2, "/lib/libc.so.6")):
            self.message.mapping.add(
                id=number,
                memory_start=0x10000 * number + shift,
                memory_limit=0x10000 * number + 0x8000 + shift,
                file_offset=0x1000,
                filename=self.string(name),
                build_id=self.string(f"{number:040x}"),
                has_functions=True,
            )

    def string(self, text: str) -> int:
        """Return a string's number."""
        if text not in self._strings:
            self._strings[text] = len(self.message.string_table)
            self.message.string_table.append(text.encode())
        return self._strings[text]

    def comment(self, text: str) -> Builder:
        """Add a comment."""
        self.message.comment.append(self.string(text))
        return self

    def location(self, text: str) -> int:
        """Return the location `[module:]function[@file:line]`; of `_Lost…` without an address."""
        if text in self._locations:
            return self._locations[text]
        number = self._locations[text] = len(self._locations) + 1
        where, _, place = text.partition("@")
        module, _, name = where.rpartition(":")
        function = self.message.function.add(id=number, name=self.string(name))
        line = 0
        if place:
            file, _, row = place.partition(":")
            function.filename, line = self.string(file), int(row)
        location = self.message.location.add(id=number)
        if not name.startswith("_Lost"):
            location.mapping_id = self._modules[module or "prog"]
            # The same in every profile, whatever else is in it.
            offset = sum(ord(letter) * (i + 1) for i, letter in enumerate(text)) % 0x7000
            location.address = 0x10000 * location.mapping_id + self._shift + offset
        location.line.add(function_id=number, line=line)
        return number

    def sample(self, calls: str, count: int, **labels: str | int) -> Builder:
        """Add a stack, root first, of a CPU profile."""
        return self.stack(calls, (count, count * PERIOD), **labels)

    def stack(self, calls: str, values: tuple[int, ...], **labels: str | int) -> Builder:
        """Add a stack, root first."""
        sample = self.message.sample.add(value=values)
        sample.location_id.extend(reversed([self.location(text) for text in calls.split()]))
        for key, value in labels.items():
            label = sample.label.add(key=self.string(key))
            if isinstance(value, int):
                label.num = value
            else:
                label.str = self.string(value)
        return self

    def samples(self, calls: dict[str, int]) -> Builder:
        """Add stacks."""
        for text, count in calls.items():
            self.sample(text, count)
        return self

    def bytes(self) -> bytes:
        """Return the file."""
        return gzip.compress(self.message.SerializeToString(), mtime=0)

    def write(self, path: Path) -> Path:
        """Write the file."""
        path.write_bytes(self.bytes())
        return path

    def profile(self) -> Profile:
        """Return what the reader makes of it."""
        return _read.parse(self.bytes(), "built")


def usual() -> Builder:
    """Return a profile of `CALLS`."""
    return Builder().samples(CALLS).comment("clock: perf_event cpu-clock 100 Hz")


def rows(text: str) -> dict[str, list[str]]:
    """Return a printed table's rows by their last column."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    return {cells[-1]: cells[:-1] for cells in lines if len(cells) > 3}
