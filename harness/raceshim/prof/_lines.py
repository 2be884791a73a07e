# SPDX-License-Identifier: BSD-2-Clause
"""Lines and inlined functions of a profile's frames, from the modules' DWARF.

Profiles carry the names of the symbol tables, which cost nothing to find. Where a module still lies
where it was, unchanged, its debug information knows more.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import ToolError
from raceshim.cover._elf import Elf
from raceshim.evidence._symbolizer import Symbolizer, stamp_of
from raceshim.prof._model import Frame, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.prof._model import Module, Profile


def with_lines(profile: Profile) -> tuple[Profile, list[str]]:
    """Return the profile with lines and inlined functions, and what they could not be found for."""
    warnings: list[str] = []
    with Symbolizer() as symbolizer:
        finder = _Finder(symbolizer, warnings)
        stacks: dict[tuple[Frame, ...], tuple[Frame, ...]] = {}
        samples = []
        for stack, values, labels in profile.samples:
            if stack not in stacks:
                stacks[stack] = tuple(f for frame in _outer(stack) for f in finder.frames(frame))
            samples.append(Sample(stacks[stack], values, labels))
    return replace(profile, samples=tuple(samples)), warnings


def _outer(stack: tuple[Frame, ...]) -> Iterator[tuple[Frame, ...]]:
    """Return the frames of each address together: those that were inlined, and their caller."""
    group: list[Frame] = []
    for frame in stack:
        group.append(frame)
        if not frame.inlined:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


class _Finder:
    """Asks about each address once, and about each module whether it is still the same."""

    def __init__(self, symbolizer: Symbolizer, warnings: list[str]) -> None:
        self._symbolizer = symbolizer
        self._warnings = warnings
        self._elves: dict[Module, Elf | None] = {}
        self._found: dict[tuple[Frame, ...], tuple[Frame, ...]] = {}

    def frames(self, known: tuple[Frame, ...]) -> tuple[Frame, ...]:
        """Return what DWARF says of an address; if nothing, what the profile says."""
        if known not in self._found:
            self._found[known] = self._ask(known[-1]) or known
        return self._found[known]

    def _ask(self, frame: Frame) -> tuple[Frame, ...]:
        module = frame.module
        if frame.line or not module.path.startswith("/"):  # known; [vdso], or no module at all
            return ()
        if module not in self._elves:
            self._elves[module] = self._open(module)
        elf = self._elves[module]
        address = elf.address(frame.offset) if elf else None
        stamp = stamp_of(module.path)
        if address is None or stamp is None:
            return ()
        places = self._symbolizer.places(module.path, address, stamp)
        if not any(place.file for place in places):
            return ()  # the nearest symbol, which the profile knows better
        last = len(places) - 1
        return tuple(
            Frame(
                (i == last and _linked(frame)) or place.function or frame.function,
                place.file or frame.file,
                place.line or frame.line,
                module,
                frame.offset,
                inlined=i < last,
            )
            for i, place in enumerate(places)
        )

    def _open(self, module: Module) -> Elf | None:
        path = Path(module.path)
        try:
            elf = Elf(path)
        except ToolError as error:
            self._warnings.append(f"no lines: {error}")
            return None
        built = elf.build_id()
        if module.build_id and built != module.build_id:
            self._warnings.append(
                f"no lines: {path} has been built anew since (build id {module.build_id}, now "
                f"{built or 'none'})"
            )
            return None
        return elf


def _linked(frame: Frame) -> str:
    """Return the name of the symbol table, which all else is called by; C++ is better read."""
    return "" if frame.function.startswith("_Z") else frame.function
