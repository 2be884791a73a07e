# SPDX-License-Identifier: BSD-2-Clause
"""Which colour a flame has: by whose code it is, and a shade for each name."""

from __future__ import annotations

import colorsys
import re
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raceshim.prof._model import Profile
    from raceshim.prof._names import Entity

#: Whose code: hue, saturation and lightness, and how far the hue may go.
KINDS = {
    "program": (22, 85, 66, 18),
    "library": (96, 38, 66, 26),
    "detector": (214, 45, 72, 14),
    "lost": (0, 0, 72, 0),
    "all": (0, 0, 86, 0),
}
_RUNTIMES = "tsan|asan|msan|hwasan|ubsan|sanitizer|interception"
_DETECTOR = re.compile(
    rf"(\w+ )?(_{{2,3}}interceptor_|__({_RUNTIMES}))|_ZNK?\d+__({_RUNTIMES})|"
    rf"lib(clang_rt\.)?({_RUNTIMES})"
)


class Palette:
    """Knows which modules are programs."""

    def __init__(self, profile: Profile) -> None:
        """Take the programs from the profile."""
        self._programs = {program.name for program in profile.programs}

    def kind(self, entity: Entity | None) -> str:
        """Return whose code it is, one of `KINDS`."""
        if entity is None:
            return "all"
        if entity.lost:
            return "lost"
        if _DETECTOR.match(entity.name) or _DETECTOR.match(entity.module):
            return "detector"
        return "program" if entity.module in self._programs else "library"

    def colour(self, entity: Entity | None) -> str:
        """Return a colour as #rrggbb, the same for the same name in every profile."""
        hue, saturation, lightness, spread = KINDS[self.kind(entity)]
        number = zlib.crc32((entity.name if entity else "").encode())
        if spread:
            hue += number % (2 * spread + 1) - spread
            lightness += number // 64 % 9 - 4
        parts = colorsys.hls_to_rgb(hue / 360, lightness / 100, saturation / 100)
        return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
