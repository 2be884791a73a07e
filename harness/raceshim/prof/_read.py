# SPDX-License-Identifier: BSD-2-Clause
"""Read files of profile.proto, with gzip or without.

Anybody may have written a file, and disks fill up: whatever is in it, the outcome is a profile that
refers to nothing that is not there, or an error that names the file and what is wrong with it.
"""

from __future__ import annotations

import itertools
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from google.protobuf.message import DecodeError

from raceshim._errors import ToolError, UsageError
from raceshim.prof._model import (
    NOWHERE,
    Frame,
    Label,
    Mapping,
    Module,
    Profile,
    Sample,
    ValueType,
    merge,
)
from raceshim.prof._schema import profile_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_GZIP = b"\x1f\x8b"
#: A profile is smaller by far; what unpacks to more was made to fill memories.
_LIMIT = 1 << 30
#: A file of a megabyte can name a location of 100,000 inlined functions 100,000 times.
_FRAMES = 1 << 26
#: Written by gperftools: words of 8 bytes 0, 3, 0, period.
_LEGACY = bytes(8) + (3).to_bytes(8, "little") + bytes(8)


class ProfileError(ToolError):
    """A file is no profile, or a damaged one."""


def read(places: Sequence[str]) -> Profile:
    """Return the sum of the profiles in these files, and in all files of these directories."""
    if not places:
        raise UsageError("no input: name files that RACESHIM_CPUPROFILE or `prof record` has left")
    return merge([read_file(path) for path in _files(places)])


def read_file(path: Path) -> Profile:
    """Return the profile in a file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ProfileError(f"{path}: {error.strerror}") from None
    return parse(data, str(path))


def parse(data: bytes, where: str) -> Profile:
    """Return the profile in these bytes; `where` names them in errors."""
    if not data:
        raise ProfileError(f"{where}: empty")
    if data.startswith(_LEGACY):
        raise ProfileError(
            f"{where}: written by gperftools in its own format; convert it: "
            f"go tool pprof -proto PROGRAM {where} > FILE"
        )
    message: Any = profile_class()()
    try:
        message.ParseFromString(_unpacked(data, where))
    except DecodeError:
        raise ProfileError(f"{where}: no profile.proto, or a truncated one") from None
    return _Reader(message, where).profile()


def _files(places: Iterable[str]) -> list[Path]:
    found: dict[Path, None] = {}
    for place in places:
        path = Path(place)
        if path.is_dir():
            inside = sorted(path.glob("*.pb.gz"))
            if not inside:
                raise UsageError(f"no profiles (*.pb.gz) in {path}")
            found.update(dict.fromkeys(inside))
        elif path.exists():
            found[path] = None
        else:
            raise UsageError(f"no such file or directory: {path}")
    return list(found)


def _unpacked(data: bytes, where: str) -> bytes:
    if not data.startswith(_GZIP):
        return data
    parts: list[bytes] = []
    room = _LIMIT
    while data:  # gzip files may be put one after the other
        engine = zlib.decompressobj(wbits=31)
        try:
            part = engine.decompress(data, room + 1)
        except zlib.error as error:
            reason = str(error).rpartition(": ")[2]
            raise ProfileError(f"{where}: damaged: gzip says {reason}") from None
        room -= len(part)
        if room < 0:
            raise ProfileError(f"{where}: unpacks to more than {_LIMIT >> 20} MiB")
        if not engine.eof:
            raise ProfileError(f"{where}: truncated: the compressed data is cut off")
        parts.append(part)
        data = engine.unused_data
    return b"".join(parts)


class _Reader:
    """Resolves what the message refers to by number."""

    def __init__(self, message: Any, where: str) -> None:  # noqa: ANN401 - made at run time
        self._message = message
        self._where = where
        self._strings: list[str] = [text.decode(errors="replace") for text in message.string_table]
        if self._strings[:1] != [""]:
            self._fail("no profile.proto: its strings do not begin with an empty one")
        self._mappings: dict[int, Mapping] = {}
        self._functions: dict[int, tuple[str, str]] = {}
        self._locations: dict[int, tuple[Frame, ...]] = {}
        self._stacks: dict[tuple[int, ...], tuple[Frame, ...]] = {}
        self._room = _FRAMES

    def profile(self) -> Profile:
        message = self._message
        types = tuple(self._type(kind) for kind in message.sample_type)
        if not types:
            self._fail("no profile.proto: it does not say what its samples count")
        for mapping in message.mapping:
            module = Module(self._string(mapping.filename), self._string(mapping.build_id))
            place = (mapping.memory_start, mapping.memory_limit, mapping.file_offset)
            self._add(self._mappings, "mapping", mapping.id, Mapping(*place, module))
        for function in message.function:
            names = self._string(function.name) or self._string(function.system_name)
            value = (names, self._string(function.filename))
            self._add(self._functions, "function", function.id, value)
        for location in message.location:
            self._add(self._locations, "location", location.id, self._frames(location))
        first = next(iter(self._mappings.values()), None)
        return Profile(
            types=types,
            samples=tuple(self._sample(sample, len(types)) for sample in message.sample),
            period_type=self._type(message.period_type),
            period=message.period,
            time=message.time_nanos,
            duration=message.duration_nanos,
            comments=tuple(self._string(number) for number in message.comment),
            mappings=tuple(self._mappings.values()),
            default_type=self._string(message.default_sample_type),
            files=(self._where,),
            programs=frozenset([first.module] if first else ()),
        )

    def _fail(self, what: str) -> NoReturn:
        raise ProfileError(f"{self._where}: {what}")

    def _string(self, number: int) -> str:
        if not 0 <= number < len(self._strings):
            self._fail(f"damaged: string {number} of {len(self._strings)}")
        return self._strings[number]

    def _type(self, kind: Any) -> ValueType:  # noqa: ANN401
        return ValueType(self._string(kind.type), self._string(kind.unit))

    def _add(self, table: dict[int, Any], what: str, number: int, value: object) -> None:
        if number == 0 or number in table:
            self._fail(f"damaged: {what} {number} {'twice' if number else 'has no number'}")
        table[number] = value

    def _frames(self, location: Any) -> tuple[Frame, ...]:  # noqa: ANN401
        module, offset = NOWHERE, location.address
        if location.mapping_id:
            mapping = self._mappings.get(location.mapping_id)
            if mapping is None:
                self._fail(f"damaged: location {location.id} in no mapping")
            module = mapping.module
            if mapping.start <= offset:
                offset = offset - mapping.start + mapping.offset
        frames = []
        last = len(location.line) - 1
        for place, line in enumerate(location.line):
            function, file = "", ""
            if line.function_id:
                if line.function_id not in self._functions:
                    self._fail(f"damaged: location {location.id} of no function")
                function, file = self._functions[line.function_id]
            row = max(line.line, 0)
            frames.append(Frame(function, file, row, module, offset, inlined=place < last))
        return tuple(frames) or (Frame("", "", 0, module, offset),)

    def _sample(self, sample: Any, count: int) -> Sample:  # noqa: ANN401
        if len(sample.value) != count:
            self._fail(f"damaged: a sample of {len(sample.value)} values instead of {count}")
        ids = tuple(sample.location_id)
        stack = self._stacks.get(ids)
        if stack is None:
            stack = self._stacks[ids] = self._stack(ids)
        return Sample(stack, tuple(sample.value), tuple(self._label(x) for x in sample.label))

    def _stack(self, ids: tuple[int, ...]) -> tuple[Frame, ...]:
        try:
            parts = [self._locations[number] for number in ids]
        except KeyError as error:
            self._fail(f"damaged: a sample at location {error}, which is missing")
        self._room -= sum(map(len, parts))
        if self._room < 0:
            self._fail(f"damaged: stacks of more than {_FRAMES} frames together")
        return tuple(itertools.chain.from_iterable(parts))

    def _label(self, label: Any) -> Label:  # noqa: ANN401
        text = self._string(label.str)
        value = text if label.str else label.num
        return Label(self._string(label.key), value, self._string(label.num_unit))
