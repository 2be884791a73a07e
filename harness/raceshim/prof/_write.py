# SPDX-License-Identifier: BSD-2-Clause
"""Write a profile as a file of profile.proto, which `_read` and other tools read."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

from raceshim.prof._model import NOWHERE
from raceshim.prof._schema import profile_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.prof._model import Frame, Label, Module, Profile, ValueType

#: Modules lie apart in an address space of the file's own, each at a multiple of this. What is
#: as far up as the kernel stays where it is.
_ALIGNED, _HIGH, _TOP = 1 << 21, 1 << 60, (1 << 64) - 1


def write(profile: Profile) -> bytes:
    """Return the file: the same samples; where modules were in a process is not in it."""
    return gzip.compress(_Writer(profile).message.SerializeToString(), mtime=0)


class _Writer:
    """Numbers the things that a profile's samples refer to."""

    def __init__(self, profile: Profile) -> None:
        self.message: Any  # its class is made at run time
        self.message = profile_class()()
        self._strings: dict[str, int] = {"": 0}
        self._modules: dict[Module, tuple[int, int]] = {}  # number, begin
        self._functions: dict[tuple[str, str], int] = {}
        self._locations: dict[tuple[Frame, ...], int] = {}
        self._map(profile)
        self._fill(profile)
        strings = (text.encode(errors="replace") for text in self._strings)
        self.message.string_table.extend(strings)

    def _fill(self, profile: Profile) -> None:
        message = self.message
        for kind in profile.types:
            self._type(message.sample_type.add(), kind)
        self._type(message.period_type, profile.period_type)
        message.period = profile.period
        message.time_nanos, message.duration_nanos = profile.time, profile.duration
        message.comment.extend(self._string(comment) for comment in profile.comments)
        message.default_sample_type = self._string(profile.default_type)
        for stack, values, labels in profile.samples:
            sample = message.sample.add()
            sample.location_id.extend(self._location(frames) for frames in _locations(stack))
            sample.value.extend(values)
            for label in labels:
                self._label(sample.label.add(), label)

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))

    def _type(self, to: Any, kind: ValueType) -> None:  # noqa: ANN401 - see above
        to.type, to.unit = self._string(kind.type), self._string(kind.unit)

    def _label(self, to: Any, label: Label) -> None:  # noqa: ANN401
        to.key, to.num_unit = self._string(label.key), self._string(label.unit)
        if isinstance(label.value, int):
            to.num = label.value
        else:
            to.str = self._string(label.value)

    def _map(self, profile: Profile) -> None:
        """Give each module a place; a program comes first, as in the file of a process."""
        ends = dict.fromkeys(sorted(profile.programs), 0)
        for stack, _, _ in profile.samples:
            for frame in stack:
                ends[frame.module] = max(ends.get(frame.module, 0), frame.offset)
        ends.pop(NOWHERE, None)
        free = _ALIGNED
        for number, (module, end) in enumerate(ends.items(), 1):
            begin = free if end < _HIGH else 0
            limit = begin + (end // _ALIGNED + 1) * _ALIGNED
            free = max(free, limit) if begin else free
            self._modules[module] = number, begin
            mapping = self.message.mapping.add(id=number, memory_start=begin)
            mapping.memory_limit = min(limit, _TOP)
            mapping.filename = self._string(module.path)
            mapping.build_id = self._string(module.build_id)
            mapping.has_functions = True

    def _location(self, frames: tuple[Frame, ...]) -> int:
        known = self._locations.get(frames)
        if known is not None:
            return known
        number = self._locations[frames] = len(self._locations) + 1
        mapping, begin = self._modules.get(frames[-1].module, (0, 0))
        location = self.message.location.add(
            id=number, mapping_id=mapping, address=begin + frames[-1].offset
        )
        for frame in frames:
            if len(frames) > 1 or frame.function or frame.file or frame.line:
                function = self._function(frame.function, frame.file)
                location.line.add(function_id=function, line=frame.line)
        return number

    def _function(self, name: str, file: str) -> int:
        if (name, file) not in self._functions:
            number = self._functions[name, file] = len(self._functions) + 1
            text = self._string(name)
            self.message.function.add(
                id=number, name=text, system_name=text, filename=self._string(file)
            )
        return self._functions[name, file]


def _locations(stack: Sequence[Frame]) -> Iterator[tuple[Frame, ...]]:
    """Part a stack by places in the code: what is inlined is at the place of its caller."""
    frames: list[Frame] = []
    for frame in stack:
        frames.append(frame)
        if not frame.inlined:
            yield tuple(frames)
            frames.clear()
    if frames:
        yield tuple(frames)
