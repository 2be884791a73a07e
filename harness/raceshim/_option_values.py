# SPDX-License-Identifier: BSD-2-Clause
"""How the text of an option is read; a ValueError says what is wrong with it."""

from __future__ import annotations

TYPE_CHECKING = False  # the compiler wrapper starts without typing
if TYPE_CHECKING:
    from collections.abc import Callable


def count(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"{text!r} is no whole number above 0")
    return int(text)


def seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ValueError(f"{text!r} is no number of seconds")
    return value


def duration(text: str) -> float:
    """Read a time with a unit, as seconds."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        value = float(number) * unit
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ValueError(f"{text!r} is no time, as 90, 90s, 10m or 2h are")
    return value


def seed(text: str) -> int:
    """Read a seed."""
    if not text.isdigit() or int(text) >= 1 << 63:
        raise ValueError(f"{text!r} is no whole number from 0 to 2^63")
    return int(text)


def shard(text: str) -> str:
    """Read which part of how many."""
    which, _, of = text.partition("/")
    if not (which.isdigit() and of.isdigit() and 1 <= int(which) <= int(of)):
        raise ValueError(f"{text!r} is no shard, as 1/8 to 8/8 are")
    return text


def cluster(text: str) -> str:
    """Read where runs are made: the address of a scheduler, local:N or slurm:FILE."""
    kind, _, rest = text.partition(":")
    port = rest.rpartition(":")[2]
    good = {
        "tcp": rest.startswith("//") and port.isdigit() and len(rest) > len(port) + 3,
        "tls": rest.startswith("//") and port.isdigit() and len(rest) > len(port) + 3,
        "local": rest.isdigit() and 1 <= int(rest) <= 1024,
        "slurm": bool(rest),
    }
    if not good.get(kind, False):
        raise ValueError(
            f"{text!r} is no cluster, as tcp://host:8786, tls://host:8786, local:4 and "
            "slurm:cluster.toml are"
        )
    return text


def pattern(text: str) -> str:
    """Read a regular expression."""
    import re  # noqa: PLC0415 - the compiler wrapper starts without

    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    return text


def frequency(text: str) -> int:
    """Read a number of samples."""
    if not text.isdigit() or not 1 <= int(text) <= 5000:
        raise ValueError(f"{text!r} is no whole number from 1 to 5000")
    return int(text)


def size(text: str) -> int:
    """Read a number of bytes, as 64k and 1m are."""
    number, unit = (text[:-1], text[-1]) if text[-1:].isalpha() else (text, "")
    factor = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}.get(unit.lower(), 0)
    if not number.isdigit() or not 1 <= int(number) * factor <= 1 << 40:
        raise ValueError(f"{text!r} is no number of bytes, as 1, 4096 or 512k")
    return int(number) * factor


def waits(text: str) -> str:
    """Return nanoseconds, or nanoseconds and one of how many unlocks."""
    if not all(part.isdigit() and 1 <= int(part) <= 10**9 for part in text.split(":", 1)):
        raise ValueError(f"{text!r} is neither NS nor NS:N, from 1 to 1000000000 each")
    return text


def profile(text: str) -> str:
    """Read which profiles are recorded, and the folder that they go to."""
    profile_parts(text)
    return text


def profile_parts(text: str) -> tuple[dict[str, int | str | None], str]:
    """Return the kinds of `[KIND[=RATE],...:]FOLDER`, with their rates, and the folder."""
    readers: dict[str, Callable[[str], int | str]]
    readers = {"cpu": frequency, "heap": size, "locks": waits}
    kinds, _, folder = text.rpartition(":")
    found: dict[str, int | str | None] = {}
    for part in kinds.split(",") if kinds else ["cpu"]:
        kind, equals, rate = part.partition("=")
        if kind not in readers or kind in found:
            raise ValueError(f"{part!r} is none of cpu, heap, locks, or is there twice")
        found[kind] = readers[kind](rate) if equals else None
    if not folder:
        raise ValueError(f"{text!r} names no folder, as prof and cpu,heap:prof do")
    return found, folder


def profile_in(text: str, folder: str) -> str:
    """Return what asks for the same profiles in another folder."""
    _, before = profile_parts(text)
    return f"{text.removesuffix(before) or 'cpu:'}{folder}"


def percentage(text: str) -> float:
    """Read a number of per cent."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise ValueError(f"{text!r} is no number from 0 to 100")
    return value


def probability(text: str) -> float:
    """Read a probability, as 0.01 or 1%."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise ValueError(f"{text!r} is no probability, as 0.01 or 1%")
    return value


def day(text: str) -> str:
    """Read a date, as 2027-01-31."""
    from datetime import date  # noqa: PLC0415 - the compiler wrapper starts without

    return date.fromisoformat(text).isoformat()


def truth(text: str) -> bool:
    """Read yes or no."""
    truths = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in truths:
        raise ValueError(f"{text!r} is neither yes nor no")
    return truths[text.lower()]
