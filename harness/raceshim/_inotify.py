# SPDX-License-Identifier: BSD-2-Clause
"""Wait until a file appears in a folder: Linux's inotify, which Python's library lacks."""

from __future__ import annotations

import ctypes
import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_IN_CREATE = 0x100
_IN_MOVED_TO = 0x80
_BUFFER = 1 << 16


class FolderWatch:
    """Watches one folder; what happened since the last `wait` ends the next one at once."""

    def __init__(self, folder: Path) -> None:
        """Begin to watch; OSError where the system has no watch to give."""
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._events < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        mask = _IN_CREATE | _IN_MOVED_TO
        if libc.inotify_add_watch(self._events, os.fsencode(folder), mask) < 0:
            os.close(self._events)
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        self._wakes = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._events, select.POLLIN)
        self._poll.register(self._wakes, select.POLLIN)

    def wait(self) -> None:
        """Block until a file has appeared, or `wake` was called from any thread."""
        for descriptor, _ in self._poll.poll():
            os.read(descriptor, _BUFFER)

    def wake(self) -> None:
        """End the wait."""
        os.eventfd_write(self._wakes, 1)

    def close(self) -> None:
        """Stop watching."""
        os.close(self._events)
        os.close(self._wakes)
