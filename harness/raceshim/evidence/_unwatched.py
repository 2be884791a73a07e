# SPDX-License-Identifier: BSD-2-Clause
"""Find programs that run under ThreadSanitizer without the gate's environment.

A process that somebody has started with an environment of its own (`env -i`, sudo, a build system
that cleans up) has neither options nor canary, and leaves nothing behind. It is looked for while
it runs: among the descendants of this process, by the size of its shadow memory. One that is gone
within a few hundredths of a second, or was adopted by init, may be missed.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from raceshim.evidence._logs import LogFolder

_INTERVAL = 0.01
#: How much longer than what it has cost to look: many processes may not take more than 5 % of a
#: processor. On a busy machine the clock on the wall runs on while nobody looks.
_REST = 20
#: More than anybody's own memory, and less than the shadow of any detector on 64 bits.
_SHADOW = 1 << 40
_LIBRARY = re.compile(rb"/lib(clang_rt\.)?tsan[^/]*\.so")


class Unwatched:
    """Looks while the `with` block lasts; `programs` are what was found."""

    def __init__(self, logs: LogFolder) -> None:
        """Look for processes whose environment does not name this folder."""
        self._mark = os.fsencode(logs.path)
        self._known: set[tuple[int, str]] = set()
        self.programs: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="raceshim-unwatched", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        pause = _INTERVAL
        while not self._stop.wait(pause):
            begun = time.thread_time()
            for pid in _descendants(os.getpid()):
                with contextlib.suppress(OSError, ValueError):
                    self._look_at(pid)
            pause = max(_INTERVAL, _REST * (time.thread_time() - begun))

    def _look_at(self, pid: int) -> None:
        pages = int(_read(f"/proc/{pid}/statm").split()[0])
        if pages * os.sysconf("SC_PAGE_SIZE") < _SHADOW:
            return
        program = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115
        if (pid, program) in self._known:
            return
        if self._mark not in _read(f"/proc/{pid}/environ") and _has_runtime(pid):
            self.programs.add(program)
        self._known.add((pid, program))


def _has_runtime(pid: int) -> bool:
    """Whether the shadow is ThreadSanitizer's: the runtime is in the program, or is a library."""
    if _LIBRARY.search(_read(f"/proc/{pid}/maps")):
        return True
    with (
        Path(f"/proc/{pid}/exe").open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image,
    ):
        return image.find(b"__tsan_init") >= 0


def _descendants(pid: int) -> Iterator[int]:
    """Find the children of a process, and theirs; nothing where the kernel does not tell."""
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - a hundred times a second
            with contextlib.suppress(OSError):
                for child in _read(f"/proc/{pid}/task/{task}/children").split():
                    yield int(child)
                    yield from _descendants(int(child))


def _read(path: str) -> bytes:
    return Path(path).read_bytes()
