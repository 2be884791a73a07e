# SPDX-License-Identifier: BSD-2-Clause
"""The detectors' logs: a private folder, one file a process, and none of them lost.

A runtime opens `<log_path>.<pid>` when it first has something to say, and truncates it. A process
that reports a race and then becomes another instrumented program by exec would so wipe its own
report out, and so would a later process with the same pid. `LogFolder` therefore moves every log
aside as soon as it appears, told by the kernel: the process goes on writing into the file it has
open, and whoever comes later makes a new one. That takes less than the start of another program,
unless the machine is so busy that this thread waits for milliseconds. Root's does not wait; and
where a log was begun anew before it was moved, the kernel tells.

Evidence that a detector ran comes from two places. A log proves it for the process whose pid it
bears. And there is a file that ThreadSanitizer's runtime reads at the end of its start, as its
suppressions: if the file's access time has changed, some process ran under it, though it may have
been killed before it said a word; the kernel tells how often. A file of options would prove
nothing: it is read before the runtime finds out that its memory is taken, and dies.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from raceshim.evidence._ends import Ends

if TYPE_CHECKING:
    from types import TracebackType

    from raceshim.evidence._inotify import FolderWatch

#: The option variable of each runtime, and the name of its detector. A runtime reads the variables
#: of those that it contains too (ThreadSanitizer that of UndefinedBehaviorSanitizer), and what it
#: reads last holds: so all log to the same place, and a log's text tells whose it is.
RUNTIMES = {
    "TSAN_OPTIONS": "thread",
    "ASAN_OPTIONS": "address",
    "MSAN_OPTIONS": "memory",
    "HWASAN_OPTIONS": "hwaddress",
    "LSAN_OPTIONS": "leak",
    "UBSAN_OPTIONS": "undefined",
}
#: The option that makes a runtime read a file: for those that a log does not name at the start.
_WITNESSES = {"thread": "suppressions", "hwaddress": "include_if_exists"}
_UNREAD = 0
#: Where the system has no watch to give: 1 % of a processor, and an exec may be faster.
_INTERVAL = 0.005


class LogFolder:
    """A folder for the logs of one command; gone when the `with` block ends."""

    def __init__(self) -> None:
        """Make the folder."""
        self.path = Path(tempfile.mkdtemp(prefix="raceshim-"))
        self._new = self.path / "new"
        self._kept = self.path / "kept"
        self._new.mkdir(mode=0o700)
        self._kept.mkdir(mode=0o700)
        if os.geteuid() == 0:
            # What root starts may become another user, whose runtime dies if it cannot log. Files
            # can be made in there then, but nobody can list them or touch another's.
            self.path.chmod(0o711)
            self._new.chmod(0o1733)
        self._numbers = itertools.count(1)  # of two threads
        #: Of the processes that have a log.
        self.ends = Ends()
        self._stop = threading.Event()
        self._watch: FolderWatch | None = None
        self._collector = threading.Thread(target=self._collect, name="raceshim-logs", daemon=True)
        for name in _WITNESSES:
            self._make_witness(name)

    def __enter__(self) -> Self:
        """Start to move logs aside; what starts from now on is counted."""
        from raceshim.evidence._inotify import FolderWatch  # noqa: PLC0415 - ctypes, only for runs

        with contextlib.suppress(OSError):
            self._watch = FolderWatch(self._new, [self.path / name for name in _WITNESSES])
        self._collector.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the folder."""
        self._stop.set()
        if self._watch is not None:
            self._watch.wake()
        self._collector.join()
        if self._watch is not None:
            # The kernel takes its time, 5 ms and more, and nobody need wait for it.
            threading.Thread(target=self._watch.close, name="raceshim-close", daemon=True).start()
        self.ends.close()
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def log_path(self) -> str:
        """The value for the runtimes' option `log_path`."""
        return str(self._new / "log")

    def xml_path(self, tool: str) -> str:
        """Return the value for Valgrind's option `--xml-file`."""
        return str(self._new / f"{tool}.%p.xml")

    def witness(self, name: str) -> tuple[str, str] | None:
        """Return the option, and the file, by which a runtime shows that it has started."""
        option = _WITNESSES.get(name)
        return None if option is None else (option, str(self.path / name))

    def starts(self, name: str) -> int:
        """Return how often a runtime has opened its file: at least, 0 where nobody could watch."""
        if self._watch is None:
            return 0
        return self._watch.opened(self.path / name)

    def begun_anew(self) -> set[str]:
        """Return the names of the logs that somebody has truncated; empty where none can watch."""
        return set() if self._watch is None else self._watch.reopened()

    def started(self) -> set[str]:
        """Return the runtimes that have read their file."""
        return {name for name in _WITNESSES if (self.path / name).stat().st_atime_ns != _UNREAD}

    def claims(self) -> Path:
        """Return the folder in which programs tell that a canary was planted in them."""
        folder = self.path / "claims"
        if not folder.exists():
            folder.mkdir(mode=0o700)
            if os.geteuid() == 0:
                folder.chmod(0o1733)  # like that of the logs
        return folder

    def files(self) -> list[Path]:
        """Return all logs that there are by now, in the order in which they began.

        A name is a number, `-`, and what the runtime chose.
        """
        self._sweep()
        logs = (path for path in self._kept.iterdir() if path.is_file() and not path.is_symlink())
        return sorted(logs, key=lambda path: int(path.name.split("-")[0]))

    def _make_witness(self, name: str) -> None:
        path = self.path / name
        path.write_text("\n", encoding="utf-8")  # an empty one is not read at all
        path.chmod(0o644)  # whatever the umask: another user's runtime dies if it cannot read it
        # Even with `relatime` an access is recorded when the last one is before the last change.
        os.utime(path, ns=(_UNREAD, path.stat().st_mtime_ns))

    def _collect(self) -> None:
        with contextlib.suppress(OSError):
            urgent = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
            os.sched_setscheduler(0, urgent, os.sched_param(1))  # this thread alone
        while not self._stop.is_set():
            self._sweep()
            if self._watch is None:
                self._stop.wait(_INTERVAL)
            else:
                self._watch.wait()

    def _sweep(self) -> None:
        for name in os.listdir(self._new):  # noqa: PTH208 - 200 times a second
            try:
                os.rename(self._new / name, self._kept / f"{next(self._numbers)}-{name}")  # noqa: PTH104
            except FileNotFoundError:
                continue  # the other thread was faster
            pid = name.rpartition(".")[2]
            if pid.isdigit():
                self.ends.watch(int(pid))
