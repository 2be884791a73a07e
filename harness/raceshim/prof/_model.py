# SPDX-License-Identifier: BSD-2-Clause
"""A profile, free of what its file numbers things by; profiles of several processes add up."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from raceshim._errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Samples that were lost are stacks of one function with such a name.
_LOST = "_Lost"


class ValueType(NamedTuple):
    """What one of a sample's values counts."""

    type: str
    unit: str


NOTHING = ValueType("", "")


class Module(NamedTuple):
    """A program or library that was mapped."""

    path: str
    build_id: str

    @property
    def name(self) -> str:
        """Its name without folders; empty if there is no module."""
        return os.path.basename(self.path)  # noqa: PTH119 - "[vdso]" is no path


NOWHERE = Module("", "")


class Frame(NamedTuple):
    """One function of a stack; equal for equal code, wherever a process had it in its memory."""

    function: str
    file: str
    line: int
    module: Module
    #: Offset in the module's file; of what has no module, the address.
    offset: int
    #: Whether the next frame's code holds this one's.
    inlined: bool = False

    @property
    def lost(self) -> bool:
        """Whether this stands for samples that were lost."""
        return not self.module.path and self.function.startswith(_LOST)

    @property
    def name(self) -> str:
        """The function, or for want of one where its code is."""
        return self.function or f"{self.module.name or '?'}+{self.offset:#x}"


class Label(NamedTuple):
    """What a sample was tagged with; a number may have a unit."""

    key: str
    value: str | int
    unit: str = ""


class Sample(NamedTuple):
    """How often a stack was seen; leaf first."""

    stack: tuple[Frame, ...]
    values: tuple[int, ...]
    labels: tuple[Label, ...]


class Mapping(NamedTuple):
    """Where a module was in the memory of a process."""

    start: int
    limit: int
    offset: int
    module: Module


@dataclass(frozen=True, slots=True)
class Profile:
    """What the files of a profile say."""

    types: tuple[ValueType, ...]
    samples: tuple[Sample, ...]
    period_type: ValueType = NOTHING
    period: int = 0
    #: Nanoseconds since the epoch, and nanoseconds; 0 if not known.
    time: int = 0
    duration: int = 0
    comments: tuple[str, ...] = ()
    mappings: tuple[Mapping, ...] = ()
    default_type: str = ""
    files: tuple[str, ...] = ()
    #: The modules that are programs: the first mapping of each process.
    programs: frozenset[Module] = field(default_factory=frozenset)

    def index(self, wish: str | None) -> int:
        """Return the place of the value that is asked for, by name or number."""
        names = [kind.type for kind in self.types]
        if wish is None:
            return names.index(self.default_type) if self.default_type in names else len(names) - 1
        if wish in names:
            return names.index(wish)
        if wish.isdigit() and int(wish) < len(names):
            return int(wish)
        raise UsageError(
            f"--sample-index {wish}: {self.where} has {', '.join(names)} (0 to {len(names) - 1})"
        )

    def counts(self, index: int) -> int | None:
        """Return the place of the number of samples, blocks or events that a value belongs to.

        Types come in pairs, `inuse_objects` before `inuse_space`.
        """
        places = [place for place, kind in enumerate(self.types) if kind.unit == "count"]
        return max((p for p in places if p <= index), default=places[0] if places else None)

    def values(self, index: int) -> Iterator[tuple[Sample, int]]:
        """Return the samples with one of their values."""
        for sample in self.samples:
            yield sample, sample.values[index]

    def lost(self, index: int) -> dict[str, int]:
        """Return what was lost, by class: `_LostOverflow` is `overflow`."""
        lost: Counter[str] = Counter()
        for sample, value in self.values(index):
            leaf = sample.stack[0] if sample.stack else None
            if leaf is not None and leaf.lost and value:
                lost[leaf.function.removeprefix(_LOST).lower()] += value
        return dict(lost)

    @property
    def where(self) -> str:
        """The files, shortened."""
        return self.files[0] if len(self.files) == 1 else f"{len(self.files)} files"


def merge(profiles: Sequence[Profile]) -> Profile:
    """Return the sum; all must have the same types of values."""
    first = profiles[0]
    if len(profiles) == 1:
        return first
    sums: dict[tuple[tuple[Frame, ...], tuple[Label, ...]], list[int]] = {}
    for profile in profiles:
        if profile.types != first.types:
            raise UsageError(
                f"{first.where} has {_types(first)}, but {profile.where} has {_types(profile)}: "
                "they cannot be added"
            )
        for stack, values, labels in profile.samples:
            total = sums.setdefault((stack, labels), [0] * len(values))
            for place, value in enumerate(values):
                total[place] += value
    periods = {(profile.period_type, profile.period) for profile in profiles}
    dated = [profile for profile in profiles if profile.time]
    start = min((profile.time for profile in dated), default=0)
    end = max((profile.time + profile.duration for profile in dated), default=0)
    return Profile(
        types=first.types,
        samples=tuple(Sample(k[0], tuple(values), k[1]) for k, values in sums.items()),
        period_type=first.period_type,
        # A sample of several rates has no period; the values are right all the same.
        period=first.period if len(periods) == 1 else 0,
        time=start,
        duration=end - start,
        comments=tuple(dict.fromkeys(c for profile in profiles for c in profile.comments)),
        mappings=tuple(m for profile in profiles for m in profile.mappings),
        default_type=first.default_type,
        files=tuple(f for profile in profiles for f in profile.files),
        programs=frozenset().union(*(profile.programs for profile in profiles)),
    )


def _types(profile: Profile) -> str:
    return ", ".join(f"{kind.type}/{kind.unit}" for kind in profile.types)
