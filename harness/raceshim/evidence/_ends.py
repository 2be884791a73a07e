# SPDX-License-Identifier: BSD-2-Clause
"""How processes ended that are not our children, and left no word: asked of the kernel.

Linux tells whoever holds a pidfd from 6.15 on, also after the parent has asked
(PIDFD_GET_INFO with PIDFD_INFO_EXIT, <linux/pidfd.h>).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import threading

_INFO_EXIT = 1 << 3
_STATUS_AT = 60
#: The first version of struct pidfd_info; the size is a part of the number of the request.
_SIZE = 64
_GET_INFO = 3 << 30 | _SIZE << 16 | 0xFF << 8 | 11
#: So many files are open at most before those of processes that have ended are closed.
_OPEN = 128


class Ends:
    """The ends of processes, which have to be named while they run."""

    def __init__(self) -> None:
        """Watch nobody yet."""
        self._open: dict[int, int] = {}
        self._known: dict[int, int] = {}
        self._programs: dict[int, str] = {}
        self._lock = threading.Lock()

    def watch(self, pid: int) -> None:
        """Want to know how a process ends; where that cannot be, nothing will be known.

        Its program is what it is now.
        """
        with contextlib.suppress(OSError):
            self._programs[pid] = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - may be deleted
        with self._lock:
            if len(self._open) >= _OPEN:
                self._ask()
            if pid not in self._open:
                try:
                    self._open[pid] = os.pidfd_open(pid)
                except OSError:  # it is gone, or there are too many files open
                    return

    def status(self, pid: int) -> int | None:
        """Return a process's wait status: None if it goes on, or nothing is known."""
        with self._lock:
            self._ask()
            return self._known.get(pid)

    def learn(self, pid: int, status: int, program: str | None) -> None:
        """Be told how a process has ended, as Popen tells it, and what it ran, if that is known."""
        with self._lock:
            self._known[pid] = -status if status < 0 else status << 8
            if program is not None:
                self._programs.setdefault(pid, program)

    def program(self, pid: int) -> str | None:
        """Return the file that a process ran, if it was still there to be looked at."""
        return self._programs.get(pid)

    def close(self) -> None:
        """Forget everybody."""
        with self._lock:
            for pidfd in self._open.values():
                os.close(pidfd)
            self._open.clear()

    def _ask(self) -> None:
        for pid, pidfd in list(self._open.items()):
            info = bytearray(_SIZE)
            struct.pack_into("=Q", info, 0, _INFO_EXIT)
            try:
                fcntl.ioctl(pidfd, _GET_INFO, info)
            except OSError:  # a kernel that will not tell
                os.close(self._open.pop(pid))
                continue
            if struct.unpack_from("=Q", info)[0] & _INFO_EXIT:
                (self._known[pid],) = struct.unpack_from("=i", info, _STATUS_AT)
                os.close(self._open.pop(pid))
