# SPDX-License-Identifier: BSD-2-Clause
"""All images together: who is at the other end of a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim.audit._flow import Call, Flow
from raceshim.audit._machines import Machine, machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.audit._image import Function, Image


@dataclass(frozen=True, slots=True)
class Place:
    """A function of an image."""

    image: int
    function: Function

    @property
    def names(self) -> tuple[str, ...]:
        """Its names."""
        return self.function.names


@dataclass(frozen=True, slots=True)
class Target:
    """What a call leads to: names, and the function if its code is there."""

    names: tuple[str, ...]
    place: Place | None


class Program:
    """Images, and the flow of each function that somebody has asked for."""

    def __init__(self, images: Sequence[Image]) -> None:
        """Look names up once."""
        self.images = images
        self._machines: list[Machine] = [machine(image.machine) for image in images]
        self._flows: dict[tuple[int, int], list[Call]] = {}
        self._exported: dict[str, Place] = {}
        for number, image in enumerate(images):
            for function in image.functions:
                if function.is_global:
                    for name in function.names:
                        self._exported.setdefault(name, Place(number, function))

    def places(self) -> list[Place]:
        """Return all functions."""
        return [
            Place(number, function)
            for number, image in enumerate(self.images)
            for function in image.functions
        ]

    def machine(self, place: Place) -> Machine:
        """Return the processor that a function is for."""
        return self._machines[place.image]

    def calls(self, place: Place) -> list[Call]:
        """Return what a function calls."""
        key = place.image, place.function.address
        if key not in self._flows:
            flow = Flow(self.images[place.image], self._machines[place.image], place.function)
            self._flows[key] = flow.calls()
        return self._flows[key]

    def target(self, number: int, address: int) -> Target | None:
        """Return what is at an address of an image; None if that is not known."""
        image = self.images[number]
        name = image.imported(address)
        if name is not None:
            place = self._exported.get(name)
            return Target(place.names if place else (name,), place)
        address = image.stubs.get(address, address)
        function = image.function_at(address)
        if function is None:
            return None
        return Target(function.names, Place(number, function))

    def callers(self, number: int, addresses: frozenset[int]) -> list[Place]:
        """Return functions of an image that may call these addresses."""
        image, processor = self.images[number], self._machines[number]
        reached = addresses | {stub for stub, to in image.stubs.items() if to in addresses}
        reached |= {place for place, to in image.words.items() if to in addresses}
        found: dict[int, Place] = {}
        for section in image.sections:
            if section.is_code:
                for address in processor.calls_to(section.data, section.address, reached):
                    function = image.function_at(address)
                    if function is not None:
                        found.setdefault(function.address, Place(number, function))
        return list(found.values())

    def addresses(self, number: int, names: frozenset[str]) -> frozenset[int]:
        """Return the addresses that functions of these names have in an image."""
        image = self.images[number]
        imported = {address for address, name in image.imports.items() if name in names}
        defined = {
            function.address
            for function in image.functions
            if function.is_global and names & set(function.names)
        }
        return frozenset(imported | defined)
