# SPDX-License-Identifier: BSD-2-Clause
"""Take a part of a profile: by what is on the stacks, and by labels."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from raceshim._errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raceshim.prof._model import Frame, Profile


@dataclass(frozen=True, slots=True)
class Selection:
    """Which samples are asked for; None and () ask for all."""

    #: Keep what has a frame in which this is found.
    focus: str | None = None
    #: Leave out what has a frame in which this is found.
    ignore: str | None = None
    #: `key=value`: keep what has one of the values told for each key.
    labels: tuple[str, ...] = ()

    def of(self, profile: Profile) -> Profile:
        """Return the part of a profile."""
        if self == Selection():
            return profile
        focus, ignore = _matcher(self.focus), _matcher(self.ignore)
        wanted = _wanted(self.labels)
        kept = []
        for sample in profile.samples:
            if focus is not None and not any(map(focus, sample.stack)):
                continue
            if ignore is not None and any(map(ignore, sample.stack)):
                continue
            if wanted:
                has = {(label.key, str(label.value)) for label in sample.labels}
                if not all(any((key, v) in has for v in of) for key, of in wanted.items()):
                    continue
            kept.append(sample)
        return replace(profile, samples=tuple(kept))


def _matcher(pattern: str | None) -> Callable[[Frame], bool] | None:
    """Return a test that remembers: a profile has few frames, and meets them often."""
    if pattern is None:
        return None
    search = re.compile(pattern).search
    known: dict[Frame, bool] = {}

    def matches(frame: Frame) -> bool:
        found = known.get(frame)
        if found is None:
            texts = (frame.name, frame.file, frame.module.path)
            found = known[frame] = any(search(text) for text in texts if text)
        return found

    return matches


def _wanted(labels: Sequence[str]) -> dict[str, set[str]]:
    wanted: dict[str, set[str]] = {}
    for text in labels:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"--label {text}: say key=value, as in --label thread=worker")
        wanted.setdefault(key, set()).add(value)
    return wanted
