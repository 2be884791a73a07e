# SPDX-License-Identifier: BSD-2-Clause
"""Pass a command's output on, unchanged and at once, and let a scanner read along.

Each stream is a pipe whose other end a thread reads. A pipe, and not a file: a script that writes
`>/dev/stderr` opens its stderr anew, which would truncate a file; what a slow reader does not take
holds the command up, as it always does; and when the reader has gone, the command gets its SIGPIPE.

A process that outlives the gate keeps writing into the pipe. Then `cat` takes the gate's place: it
holds our stream open as that process itself would have, and ends when the last writer does.

A terminal is left alone unless somebody asks: a program that talks to one must not find a pipe.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import threading
from typing import TYPE_CHECKING, Self

from raceshim.evidence._scan import Scanner

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK = 1 << 16
#: So that a command need not wait while the gate loads the rest of itself.
_CAPACITY = 1 << 18
#: How long an interrupted gate waits for a reader that takes nothing.
_HURRY = 2.0
_NAMES = {1: "stdout", 2: "stderr"}


class Tee:
    """The output of one command; use it as `with`, give `stdout` and `stderr` to the command.

    Both are None where the command shall have our own stream. When ours are one and the same, so
    are the command's, and their order is kept.
    """

    def __init__(self, *, scan: bool, terminals: bool = False, drop: bool = False) -> None:
        """Make the pipes; with `terminals` also for streams that are terminals.

        With `drop` nothing is passed on: the output is only searched.
        """
        #: The streams that nobody searches because they are terminals.
        self.terminals: list[str] = []
        self._copies: dict[int, _Copy] = {}
        if not scan:
            return
        for number in (1, 2):
            try:
                terminal = os.isatty(number)
                same = 1 in self._copies and os.path.sameopenfile(1, number)
            except OSError:
                continue  # closed, and so it shall be for the command
            if terminal and not (terminals or drop):
                self.terminals.append(_NAMES[number])
            elif same:
                self._copies[2] = self._copies[1]
            else:
                self._copies[number] = _Copy(number, drop=drop)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing of the output behind, and no pipe open."""
        self.finish(hurry=kind is not None)

    @property
    def stdout(self) -> int | None:
        """The command's stdout."""
        return self._writing_end(1)

    @property
    def stderr(self) -> int | None:
        """The command's stderr."""
        return self._writing_end(2)

    @property
    def scanners(self) -> list[Scanner]:
        """What has read along, one for each stream."""
        return [copy.scanner for copy in self._streams()]

    def started(self) -> None:
        """Say that the command has its ends of the pipes, and begin to pass its output on."""
        for copy in self._streams():
            copy.start()

    def finish(self, *, hurry: bool = False) -> None:
        """Pass on what has been written by now. Nothing is read afterwards."""
        for copy in self._streams():
            copy.finish(_HURRY if hurry else None)

    def _streams(self) -> list[_Copy]:
        return list(dict.fromkeys(self._copies.values()))

    def _writing_end(self, number: int) -> int | None:
        return self._copies[number].writing_end if number in self._copies else None


class _Copy:
    """One pipe, and the thread that empties it."""

    def __init__(self, target: int, *, drop: bool) -> None:
        self.scanner = Scanner()
        self._drop = drop
        self._target = target
        self._source, self.writing_end = os.pipe()
        with contextlib.suppress(OSError):  # there is a limit for each user
            fcntl.fcntl(self._source, fcntl.F_SETPIPE_SZ, _CAPACITY)
        self._stopped, self._stop = os.pipe()
        self._open = True  # our own stream takes what is written
        self._ended = False  # the last writer has closed the pipe
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read."""
        os.close(self.writing_end)
        self._thread = threading.Thread(target=self._run, name="raceshim-output", daemon=True)
        self._thread.start()

    def finish(self, patience: float | None) -> None:
        """Read what is there, close the pipe or hand it on, and end the thread."""
        if self._closed:
            return
        self._closed = True
        os.close(self._stop)
        if self._thread is None:
            os.close(self.writing_end)
        else:
            self._thread.join(patience)
            if self._thread.is_alive():  # it waits for a reader; both end with the gate
                return
            if self._open and not self._ended:
                self._hand_on()
        os.close(self._stopped)
        if self._open:
            os.close(self._source)
        self.scanner.finish()

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._source, select.POLLIN)
        poller.register(self._stopped, select.POLLIN)
        left = None
        while left is None or left > 0:
            ready = {number for number, _ in poller.poll()}
            if left is None and self._stopped in ready:
                # Whoever still writes may never end: what is in the pipe now is enough.
                left = fcntl.fcntl(self._source, fcntl.F_GETPIPE_SZ)
            if self._source not in ready:
                return
            data = os.read(self._source, _CHUNK)
            if not data:
                self._ended = True
                return
            if not self._pass_on(data):
                self._open = False
                os.close(self._source)
                return
            self.scanner.feed(data)
            left = left and left - len(data)

    def _pass_on(self, data: bytes) -> bool:
        """Write to our own stream; say whether it still takes anything."""
        if self._drop:
            return True
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._target, rest) :]
            except BlockingIOError:  # somebody whom we share it with has made it so
                select.select([], [self._target], [])
            except OSError:
                self.scanner.feed(data)
                return False
        return True

    def _hand_on(self) -> None:
        """Let `cat` read the pipe from now on."""
        target: tuple[object, ...] = (os.POSIX_SPAWN_DUP2, self._target, 1)
        if self._drop:
            target = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
        with contextlib.suppress(OSError):  # without it, whoever writes gets a SIGPIPE
            os.posix_spawnp(
                "cat",
                ["cat"],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, self._source, 0),
                    target,
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
                setsid=True,
            )
