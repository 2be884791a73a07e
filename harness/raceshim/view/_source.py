# SPDX-License-Identifier: BSD-2-Clause
"""Lines of source files, as far as they may be shown.

A result may come from anywhere, and name any file; a page of it may go anywhere. So only files
below given folders are read. One that lay below the project's folder on another machine is looked
for at the same place below these.
"""

from __future__ import annotations

import functools
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGEST = 4 << 20
_LONGEST = 200


class Sources:
    """The source files below some folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Take the folders."""
        self._folders = [folder.resolve() for folder in folders]
        self._lines = functools.lru_cache(maxsize=None)(self._read)

    def excerpt(self, file: str, line: int, root: str, around: int) -> list[tuple[int, str]]:
        """Return a line with those around it and their numbers; nothing if it cannot be read."""
        lines = self._lines(file, root)
        if not 1 <= line <= len(lines):
            return []
        first = max(line - around, 1)
        part = lines[first - 1 : line + around]
        return [(first + place, text) for place, text in enumerate(part)]

    def _read(self, file: str, root: str) -> list[str]:
        path = self._find(file, root)
        try:
            if path is None or not path.is_file() or path.stat().st_size > _LARGEST:
                return []
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return [line[:_LONGEST].expandtabs(4) for line in text.split("\n")]

    def _find(self, file: str, root: str) -> Path | None:
        name = PurePosixPath(file)
        below = name.relative_to(root) if name.is_absolute() and name.is_relative_to(root) else name
        for folder in self._folders:
            for path in (folder / name, folder / below):
                try:
                    real = path.resolve(strict=True)
                except (OSError, ValueError, RuntimeError):
                    continue
                if real.is_relative_to(folder):
                    return real
        return None
