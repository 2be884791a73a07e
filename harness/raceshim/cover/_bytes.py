# SPDX-License-Identifier: BSD-2-Clause
"""The integers and strings that coverage files are made of, read with the place of every error."""

from __future__ import annotations

from typing import NoReturn

from raceshim._errors import RaceshimError

#: Counters saturate here.
LARGEST = 2**64 - 1
_BASIS = 0x6C62272E07BB014262B821756295C58D
_PRIME = 0x0000000001000000000000000000013B
_MASK_128 = 2**128 - 1


class CoverFileError(RaceshimError):
    """A coverage file is not what it must be; nothing in it is believed."""


class Reader:
    """A place in a file's bytes, and the end that must not be passed."""

    __slots__ = ("data", "end", "name", "place")

    def __init__(self, data: bytes, name: str, place: int = 0, end: int | None = None) -> None:
        """Start at `place`; offsets in errors are those of the file."""
        self.data = data
        self.name = name
        self.place = place
        self.end = len(data) if end is None else end

    def fail(self, reason: str, at: int | None = None) -> NoReturn:
        """Refuse the file."""
        place = self.place if at is None else at
        raise CoverFileError(f"{self.name}: byte {place}: {reason}")

    def take(self, size: int, what: str) -> bytes:
        """Return the next bytes."""
        if size > self.end - self.place:
            self.fail(f"{what} needs {size} bytes, and {self.end - self.place} are left")
        taken = self.data[self.place : self.place + size]
        self.place += size
        return taken

    def fixed(self, size: int, what: str) -> int:
        """Return a little-endian integer."""
        return int.from_bytes(self.take(size, what), "little")

    def var(self, what: str) -> int:
        """Return an unsigned LEB128 integer of at most 64 bits."""
        data, place, end = self.data, self.place, self.end
        value = shift = 0
        while True:
            if place >= end:
                self.fail(f"{what} ends early", place)
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 63:
                self.fail(f"{what} has more than 10 bytes")
        if value > LARGEST:
            self.fail(f"{what} has more than 64 bits")
        self.place = place
        return value

    def vars(self, number: int, what: str) -> tuple[int, ...]:
        """Return so many integers, of which most are short."""
        data, place, last = self.data, self.place, self.end - 1
        values = []
        for _ in range(number):
            if place < last and (byte := data[place]) < 0x80:
                place += 1
            elif place < last and (following := data[place + 1]) < 0x80:
                byte = byte & 0x7F | following << 7
                place += 2
            else:
                self.place = place
                byte = self.var(what)
                place = self.place
            values.append(byte)
        self.place = place
        return tuple(values)

    def count(self, what: str, least: int) -> int:
        """Return a number of things of which each takes at least so many bytes of the rest."""
        at = self.place
        number = self.var(what)
        if number * least > self.end - self.place:
            self.fail(f"{number} is more {what} than the rest has room for", at)
        return number

    def text(self, what: str) -> str:
        """Return a string."""
        at = self.place
        raw = self.take(self.count(f"length of {what}", 1), what)
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            self.fail(f"{what} is not UTF-8", self.place - len(raw) + error.start)
        if "\0" in text:
            self.fail(f"{what} has a NUL byte", at)
        return text

    def finish(self, what: str) -> None:
        """Refuse bytes that are left over."""
        if self.place != self.end:
            self.fail(f"{self.end - self.place} bytes follow the end of {what}")


def var(value: int) -> bytes:
    """Return a number as unsigned LEB128."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value: str) -> bytes:
    """Return a string with its length before it."""
    raw = value.encode()
    return var(len(raw)) + raw


def zigzag(value: int) -> int:
    """Return a signed difference of 64-bit numbers as an unsigned one, small if it is small."""
    value &= LARGEST
    signed = value - 2**64 if value >> 63 else value
    return (signed << 1 ^ signed >> 63) & LARGEST


def unzigzag(value: int) -> int:
    """Return the difference."""
    return value >> 1 ^ -(value & 1)


def fnv128(data: bytes) -> bytes:
    """Return the 128-bit FNV-1a hash, most significant byte first."""
    state = _BASIS
    for byte in data:
        state = (state ^ byte) * _PRIME & _MASK_128
    return state.to_bytes(16)
