# SPDX-License-Identifier: BSD-2-Clause
"""What a frame is called in a report, by function, line, file, module or address; and amounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from raceshim.formats._plain import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raceshim.prof._model import Frame, Module, Profile

BY = ("function", "line", "file", "module", "address")
_UNKNOWN = "?"


class Entity(NamedTuple):
    """What samples are put together by; parts that play no role are empty."""

    name: str
    module: str = ""
    file: str = ""
    line: int = 0
    #: Whether it stands for samples that were lost.
    lost: bool = False


def _function(frame: Frame) -> Entity:
    return Entity(frame.name, frame.module.name, lost=frame.lost)


def _line(frame: Frame) -> Entity:
    return Entity(frame.name, frame.module.name, frame.file, frame.line, lost=frame.lost)


def _file(frame: Frame) -> Entity:
    return _function(frame) if frame.lost else Entity(frame.file or _UNKNOWN, file=frame.file)


def _module(frame: Frame) -> Entity:
    path = frame.module.path
    return _function(frame) if frame.lost else Entity(path or _UNKNOWN, frame.module.name)


def _address(frame: Frame) -> Entity:
    if frame.lost:
        return _function(frame)
    place = f"{frame.module.name or _UNKNOWN}+{frame.offset:#x}"
    name = f"{place} {frame.function}" if frame.function else place
    return Entity(name, frame.module.name, frame.file, frame.line)


_MAKERS: dict[str, Callable[[Frame], Entity]] = {
    "function": _function,
    "line": _line,
    "file": _file,
    "module": _module,
    "address": _address,
}


class Namer:
    """Names the frames of profiles that are shown together."""

    def __init__(self, by: str, *profiles: Profile) -> None:
        """Name by one of `BY`."""
        self.by = by
        self._make = _MAKERS[by]
        self._known: dict[Frame, Entity] = {}
        programs = {program for profile in profiles for program in profile.programs}
        self._obvious = _names(programs) if len(_names(programs)) == 1 else set()

    def entity(self, frame: Frame) -> Entity:
        """Return what a frame counts for."""
        found = self._known.get(frame)
        if found is None:
            found = self._known[frame] = self._make(frame)
        return found

    def text(self, entity: Entity) -> str:
        """Return an entity's name for people; the program itself needs no mention."""
        parts = [entity.name]
        if self.by == "line" and entity.file:
            parts.append(f"{entity.file}:{entity.line}")
        if self.by in ("function", "line") and entity.module not in {"", *self._obvious}:
            parts.append(f"[{entity.module}]")
        return one_line(" ".join(parts))


def _names(modules: set[Module]) -> set[str]:
    return {module.name for module in modules}


#: Seconds also for hours: they are what runs are compared in.
_TIMES = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns"))
_BYTES = ((1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"), (1, "B"))
_FACTORS = {"nanoseconds": 1, "microseconds": 1_000, "milliseconds": 1_000_000, "seconds": 10**9}


def amount(value: int, unit: str) -> str:
    """Return a value with a unit that suits it: 3.21s, 40ms, 1.5MB, 17."""
    if value == 0:
        return "0"
    if unit in _FACTORS:
        value *= _FACTORS[unit]
        steps: Sequence[tuple[int, str]] = _TIMES
    elif unit == "bytes":
        steps = _BYTES
    else:
        return str(value)
    for size, name in steps:
        if abs(value) >= size:
            return f"{value / size:.2f}".rstrip("0").rstrip(".") + name
    return str(value)


def share(value: int, total: int) -> str:
    """Return a share in per cent."""
    return f"{100 * value / total:.1f}%" if total else "-"
