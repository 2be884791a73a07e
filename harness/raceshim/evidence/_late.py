# SPDX-License-Identifier: BSD-2-Clause
"""Give names to a log that ThreadSanitizer has written with symbolize=0.

Frames then tell module and offset, and no name. `Names.complete` writes into the log what the
runtime would have written itself, so that whoever reads it need not know: inlined functions as
frames of their own, no frame below main() or a thread's start, and the global variable that a
race is on. clang 19's runtime leaves that line out without names, the others write a 0 into it.

A module that has changed since, or is gone, keeps its offsets; `Names.notes` tell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from raceshim.evidence._symbolizer import Symbolizer, stamp_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.evidence._symbolizer import Place

#: ThreadSanitizer's options that do something with names while the program runs.
_NEED_NAMES = re.compile(
    r"\b(?:suppressions|strip_path_prefix|symbolize|demangle|external_symbolizer_path"
    r"|print_suppressions)="
)
_FRAME = re.compile(
    r"(.*?)@\{#(\d+)<\|>0x([0-9a-f]+)<\|>0<\|>0<\|>0x([0-9a-f]+)<\|>(.*?)<\|><null><\|><null>\}$"
)
_HEADER = "WARNING: ThreadSanitizer: "
_ACCESS = re.compile(
    r"  (?:previous )?(?:atomic )?(?:read|write) of size \d+ at 0x([0-9a-f]+) by ", re.IGNORECASE
)
_NAMELESS = re.compile(r"  Location is global '<null>' at 0x0+ \((.*)\+0x([0-9a-f]+)\)$")
_LOCATION = "  Location is "
#: What comes after the place where the location stands.
_AFTER = ("  Mutex M", "  Thread T", "SUMMARY: ")
_SUMMARY = re.compile(
    r"(SUMMARY: ThreadSanitizer: .*?) \((/.*)\+0x([0-9a-f]+)\)( \(BuildId: [0-9a-f]+\))? ?$"
)
_MAPPING = re.compile(r"\t0x([0-9a-f]+)-0x[0-9a-f]+\t(/.*)$")
_STARTS = "__tsan_thread_start_func"
_CALLERS = ("__do_global_ctors_aux", "__libc_csu_init", "__libc_start_main")
#: Frames that the summary of a report leaves out, by their files.
_INTERNAL = re.compile(r"tsan_interceptors|sanitizer_common_interceptors\.inc|tsan_interface_")
_NONE = "<null>"


class _Frame(NamedTuple):
    before: str  # what another one wrote into the line
    pc: int
    offset: int
    module: str
    place: Place | None


def needs_names(*options: str) -> bool:
    """Whether options make a runtime do something with names, which it then must find itself."""
    return any(_NEED_NAMES.search(text) for text in options)


class Names:
    """Completes the logs of one gate."""

    def __init__(self, symbolizer: Symbolizer) -> None:
        """Use a symbolizer."""
        self._symbolizer = symbolizer
        self._lost: dict[str, str] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be found, and why."""
        return tuple(
            f"{module} {why} since it ran: its frames have offsets in place of names"
            for module, why in sorted(self._lost.items())
        )

    def complete(self, text: str, written: int) -> str:
        """Return a log with names; `written` is when it was last changed, in ns."""
        if "<|><null><|><null>}" not in text:
            return text
        return "\n".join(_Log(self, text.split("\n"), written).lines())

    def stamp(self, module: str, written: int) -> int | None:
        """Return a module's time of change if it is still the one that ran."""
        stamp = stamp_of(module)
        if stamp is not None and stamp <= written:
            return stamp
        if module.startswith("/"):
            self._lost[module] = "is gone" if stamp is None else "has changed"
        return None

    @property
    def symbolizer(self) -> Symbolizer:
        """Who knows the names."""
        return self._symbolizer


class _Log:
    """One pass over one log."""

    def __init__(self, names: Names, lines: Sequence[str], written: int) -> None:
        self._names = names
        self._lines = lines
        self._written = written
        self._gcc = any("/libtsan.so" in line for line in lines)
        self._bases: dict[str, int] = {}
        self._stamps: dict[str, int | None] = {}
        for line in lines:
            mapped = _MAPPING.match(line)
            if mapped is not None:
                self._bases.setdefault(mapped[2], int(mapped[1], 16))
            frame = _FRAME.match(line)
            if frame is not None:
                # The offset is that of the call, the address that behind it.
                self._bases[frame[5]] = (int(frame[3], 16) - 1 - int(frame[4], 16)) & ~0xFFF
        self._address: int | None = None  # where the race is that is being read
        self._top: list[_Frame] = []  # the first stack of the report that is being read

    def lines(self) -> Iterator[str]:
        stack: list[_Frame] = []
        for line in self._lines:
            found = _FRAME.match(line)
            if found is not None and found[2] == "0" and stack:
                yield from self._stack(stack)
                stack = []
            if found is not None:
                stack += self._frames(found)
                continue
            if stack:
                yield from self._stack(stack)
                stack = []
            yield from self._other(line)
        yield from self._stack(stack)

    def _frames(self, found: re.Match[str]) -> list[_Frame]:
        before, _, pc, offset, module = found.groups()
        frame = _Frame(before, int(pc, 16), int(offset, 16), module, None)
        places = self._places(module, frame.offset)
        return [frame._replace(place=place) for place in places] or [frame]

    def _stamp(self, module: str) -> int | None:
        if module not in self._stamps:
            self._stamps[module] = self._names.stamp(module, self._written)
        return self._stamps[module]

    def _places(self, module: str, offset: int) -> tuple[Place, ...]:
        stamp = self._stamp(module)
        if stamp is None:
            return ()
        return self._names.symbolizer.places(module, offset, stamp, relative=self._gcc)

    def _stack(self, frames: list[_Frame]) -> Iterator[str]:
        self._top = self._top or frames
        for number, frame in enumerate(_stripped(frames)):
            place = frame.place
            line, column = (place.line, place.column) if place else (0, 0)
            file = place.file if place and place.file else _NONE
            function = place.function if place and place.function else _NONE
            yield (
                f"{frame.before}@{{#{number}<|>{frame.pc:#x}<|>{line}<|>{column}"
                f"<|>{frame.offset:#x}<|>{frame.module}<|>{file}<|>{function}}}"
            )

    def _other(self, line: str) -> Iterator[str]:
        access = _ACCESS.match(line)
        nameless = _NAMELESS.match(line)
        summary = _SUMMARY.match(line)
        if _HEADER in line:
            self._address, self._top = None, []
        elif access is not None and self._address is None:
            self._address = int(access[1], 16)
        if nameless is not None and self._address is not None:
            base = self._address - int(nameless[2], 16)
            paths = [path for path in self._bases if path.endswith(f"/{nameless[1]}")]
            yield next(
                (told for path in paths if (told := self._location(path, base)) is not None), line
            )
            self._address = None
            return
        if line.startswith(_LOCATION):
            self._address = None
        elif line.startswith(_AFTER) and self._address is not None:
            told = self._nearest()
            self._address = None
            if told is not None:
                yield told
                yield ""
        if summary is None:
            yield line
            return
        yield self._summary(summary)

    def _nearest(self) -> str | None:
        below = [(base, path) for path, base in self._bases.items() if base <= (self._address or 0)]
        if not below:
            return None
        base, path = max(below)
        return self._location(path, base)

    def _location(self, module: str, base: int) -> str | None:
        address = self._address or 0
        stamp = self._stamp(module)
        if stamp is None:
            return None
        found = self._names.symbolizer.variable(module, address - base, stamp)
        if found is None:
            return None
        name = module.rpartition("/")[2]
        return (
            f"{_LOCATION}global '{found.name}' of size {found.size} at {base + found.start:#014x} "
            f"({name}+{address - base:#x})"
        )

    def _summary(self, summary: re.Match[str]) -> str:
        head, module, offset, build = summary.groups()
        frames = [frame for frame in self._top if frame.place is not None]
        if not frames or (frames[0].module, frames[0].offset) != (module, int(offset, 16)):
            return summary[0]
        places = [frame.place for frame in frames if frame.place is not None]
        place = next((p for p in places if not _INTERNAL.search(p.file or "")), places[0])
        if place.function is None:
            return summary[0]
        where = f"({module}+0x{offset}){build or ''}"
        if place.file is not None:
            where = f"{place.file}:{place.line}" + (f":{place.column}" if place.column else "")
        return f"{head} {where} in {place.function}"


def _stripped(frames: list[_Frame]) -> list[_Frame]:
    """Leave out the last frame where the runtime does: below main(), and who starts threads."""
    if len(frames) < 2:
        return frames
    last, above = (frame.place.function if frame.place else None for frame in frames[:-3:-1])
    if above == "main" or last == _STARTS or last in _CALLERS:
        return frames[:-1]
    return frames
