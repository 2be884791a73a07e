# SPDX-License-Identifier: BSD-2-Clause
"""Wait until a file appears in a folder: Linux's inotify, which Python's library lacks.

It also counts how often given files are opened: at least, since of two openings that follow each
other before anybody looks the kernel tells once. And it tells which new file was opened, and so
perhaps begun anew, a second time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_IN_CREATE = 0x100
_IN_MOVED_TO = 0x80
_IN_OPEN = 0x20
#: Told too so that two openings with something between them are not told as one.
_IN_CLOSE = 0x10
_IN_MODIFY = 0x2
_IN_Q_OVERFLOW = 0x4000
#: After these there may be a file that was not there before. Not so after the folder was opened,
#: which whoever looks into it does.
_NEWS = _IN_CREATE | _IN_MOVED_TO | _IN_Q_OVERFLOW
_EVENT = struct.Struct("=iIII")
_BUFFER = 1 << 16


class FolderWatch:
    """Watches one folder; what appeared since the last `wait` ends the next one at once."""

    def __init__(self, folder: Path, files: Sequence[Path] = ()) -> None:
        """Begin to watch; OSError where the system has no watch to give."""
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._events < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._opened: dict[int, int] = {}
        self._new: set[bytes] = set()
        self._reopened: set[bytes] = set()
        self._files: dict[Path, int] = {}
        self._lock = threading.Lock()
        watches = [(folder, _IN_CREATE | _IN_MOVED_TO | _IN_OPEN | _IN_MODIFY)]
        watches += [(file, _IN_OPEN | _IN_CLOSE) for file in files]
        for path, mask in watches:
            watch = libc.inotify_add_watch(self._events, os.fsencode(path), mask)
            if watch < 0:
                os.close(self._events)
                raise OSError(ctypes.get_errno(), "inotify_add_watch")
            self._files[path] = watch
        self._wakes = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._events, select.POLLIN)
        self._poll.register(self._wakes, select.POLLIN)

    def wait(self) -> None:
        """Block until a file has appeared, or `wake` was called from any thread."""
        woken = False
        while not woken:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._wakes:
                    os.eventfd_read(self._wakes)
                    woken = True
            woken = self._take() or woken

    def opened(self, file: Path) -> int:
        """Return how often one of the files was opened so far."""
        self._take_for_others()
        return self._opened.get(self._files[file], 0)

    def reopened(self) -> set[str]:
        """Return the names of files in the folder that were opened twice with one creation."""
        self._take_for_others()
        return {os.fsdecode(name) for name in self._reopened}

    def _take_for_others(self) -> None:
        """Take what is there, of which somebody who waits would not hear any more."""
        if self._take():
            self.wake()

    def _take(self) -> bool:
        """Take what is there; return whether a file may have appeared."""
        news = False
        with self._lock, contextlib.suppress(BlockingIOError):
            events = os.read(self._events, _BUFFER)
            place = 0
            while place < len(events):
                watch, mask, _, size = _EVENT.unpack_from(events, place)
                place += _EVENT.size + size
                name = events[place - size : place].rstrip(b"\0")
                news = news or bool(mask & _NEWS)
                if mask & _IN_CREATE:
                    self._new.add(name)
                elif mask & _IN_OPEN and not name:
                    self._opened[watch] = self._opened.get(watch, 0) + 1
                elif mask & _IN_OPEN and name in self._new:
                    self._new.remove(name)
                elif mask & _IN_OPEN:
                    self._reopened.add(name)
        return news

    def wake(self) -> None:
        """End the wait."""
        os.eventfd_write(self._wakes, 1)

    def close(self) -> None:
        """Stop watching."""
        os.close(self._events)
        os.close(self._wakes)
