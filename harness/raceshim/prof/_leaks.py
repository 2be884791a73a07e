# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim prof leaks`: what was in use when a heap profile was written, by stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim._errors import UsageError
from raceshim.prof import _json
from raceshim.prof._names import amount, share
from raceshim.prof._top import head

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.prof._model import Frame, Profile
    from raceshim.prof._names import Namer

_TYPES = ("inuse_space", "inuse_objects", "alloc_space", "alloc_objects")


@dataclass(frozen=True, slots=True)
class Leak:
    """Memory that one sequence of calls asked for, and that was in use at the end."""

    #: Leaf first; empty where only losses are known.
    stack: tuple[Frame, ...]
    space: int
    objects: int
    #: All that these calls have asked for.
    alloc_space: int
    alloc_objects: int


def leaks(profile: Profile) -> list[Leak]:
    """Return what was in use, the most bytes first."""
    names = [kind.type for kind in profile.types]
    if any(name not in names for name in _TYPES):
        raise UsageError(
            f"{profile.where} is no heap profile: it has {', '.join(names)}; "
            "`raceshim prof record --heap` makes one"
        )
    places = [names.index(name) for name in _TYPES]
    sums: dict[tuple[Frame, ...], list[int]] = {}
    for sample in profile.samples:
        total = sums.setdefault(sample.stack, [0] * len(places))
        for i, place in enumerate(places):
            total[i] += sample.values[place]
    found = [Leak(stack, *values) for stack, values in sums.items() if values[0] or values[1]]
    found.sort(key=lambda leak: (-leak.space, -leak.objects, leak.stack))
    return found


def text(profile: Profile, found: Sequence[Leak], namer: Namer, count: int) -> Iterator[str]:
    """Return a paragraph for each stack."""
    total = sum(leak.space for leak in found)
    yield from head(profile, profile.index("inuse_space"), total)
    for leak in found[:count]:
        yield ""
        yield (
            f"{amount(leak.space, 'bytes')} in {_blocks(leak.objects)}, "
            f"{share(leak.space, total)}; of {amount(leak.alloc_space, 'bytes')} in "
            f"{_blocks(leak.alloc_objects)} asked for by"
        )
        for frame in leak.stack:
            yield f"  {namer.text(namer.entity(frame))}"
    left = found[count:]
    if left:
        rest = sum(leak.space for leak in left)
        yield ""
        yield f"and {len(left)} more stacks with {amount(rest, 'bytes')}; -n shows them"


def rows(found: Sequence[Leak], namer: Namer) -> list[dict[str, object]]:
    """Return the same for JSON."""
    return [
        {
            "space": leak.space,
            "objects": leak.objects,
            "alloc_space": leak.alloc_space,
            "alloc_objects": leak.alloc_objects,
            "stack": [_json.entity(namer.entity(frame)) for frame in leak.stack],
        }
        for leak in found
    ]


def _blocks(number: int) -> str:
    return f"{number} block{'s' if number != 1 else ''}"
