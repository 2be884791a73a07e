# SPDX-License-Identifier: BSD-2-Clause
"""Run a command with the detectors' options set, and know every process that belongs to it.

The options are merged with the user's own: ours that are mere defaults stand in front of theirs,
so theirs win; those without which nothing can be read stand behind them. All processes of a
command carry its log folder in their environment. By that they are found, wherever they have gone
(another process group or session, adopted by init), and ended when the command is interrupted.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import re
import select
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import ToolError
from raceshim.evidence._exit_record import START_OPTION
from raceshim.evidence._interrupts import LOOK_UP, interrupts_kept
from raceshim.evidence._logs import RUNTIMES, LogFolder
from raceshim.report._frames import MACHINE_STACK_FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from raceshim.evidence._tee import Tee

#: Mere defaults: the user's options win over these.
#: history_size: with less, a race whose first access is long ago is dropped in silence.
#: atexit_sleep_ms: the runtime's own second for every process that leaves a thread behind.
_DEFAULTS = {
    "TSAN_OPTIONS": "history_size=7:second_deadlock_stack=1:atexit_sleep_ms=100",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
#: ThreadSanitizer's record at the exit of a process. The others have none (but AddressSanitizer
#: when it ends a program). clang's reads the other variable as well: when a script overwrites the
#: first one, the log and the record are still there.
_EXIT_RECORD = dict.fromkeys(("TSAN_OPTIONS", "UBSAN_OPTIONS"), "print_module_map=1")
#: Names the folder of a canary's claims; see `_canary`, which is not imported without need.
CANARY_CLAIMS = "RACESHIM_CANARY_CLAIMS"
#: What the gate itself may have put in front of a command; it becomes the command by exec.
_RUNNERS = ("setarch", "-R")
_GRACE = 2.0
#: What runs now, by log folder; an interrupt reaches only the main thread.
_active: dict[LogFolder, _Active] = {}
_lock = threading.Lock()
_POLL = 0.02
_RUNTIME_SYMBOLS = (b"__tsan_init", b"__asan_init", b"__msan_init", b"__hwasan_init")
_RUNTIME_LIBRARY = re.compile(r"lib(clang_rt\.)?(tsan|asan|hwasan)[^/]*\.so")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. `status` is its exit status, negative for a signal."""

    status: int
    timed_out: bool
    seconds: float
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A process that is still there after its command has ended."""

    pid: int
    command: str


@dataclass(slots=True)
class _Active:
    """A command that runs, or is about to: in which thread, and whether nobody needs it any more.

    Guarded by `_lock`.
    """

    thread: int
    process: _Process | None = None
    is_over: bool = False


def describe_status(status: int) -> str:
    """Say how a process ended."""
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def environment(
    logs: LogFolder,
    base: Mapping[str, str],
    *,
    evidence: str = "exit",
    options: str = "",
    late: bool = False,
) -> dict[str, str]:
    """Return the environment of a command whose detectors shall log to a folder.

    With `late` ThreadSanitizer leaves the names out; see `_late`.

    `options` are more of the user's, for every runtime.
    """
    # A canary that a gate further up has planted would leave its report in our logs, not in its.
    merged = {key: value for key, value in base.items() if key != CANARY_CLAIMS}
    for variable, name in RUNTIMES.items():
        # ThreadSanitizer, which reads UBSAN_OPTIONS too, writes to stderr before it knows its log.
        quiet = variable in ("TSAN_OPTIONS", "UBSAN_OPTIONS")
        forced = [
            f"log_path={_quoted(logs.log_path)}",
            f"stack_trace_format={_quoted(MACHINE_STACK_FORMAT)}",
            "" if quiet else "verbosity=1",
            _EXIT_RECORD.get(variable, ""),
            "symbolize=0" if late and variable == "TSAN_OPTIONS" else "",
            START_OPTION if evidence == "start" and variable == "TSAN_OPTIONS" else "",
        ]
        # A default like the others: who has suppressions of his own needs them more than a witness.
        witness = logs.witness(name)
        shown = f"{witness[0]}={_quoted(witness[1])}" if witness else ""
        parts = [_DEFAULTS.get(variable, ""), shown, base.get(variable, ""), options, *forced]
        merged[variable] = ":".join(part for part in parts if part)
    return merged


def run(  # noqa: PLR0913 - keyword arguments of a process
    command: Sequence[str],
    environ: Mapping[str, str],
    logs: LogFolder,
    *,
    timeout: float | None = None,
    cwd: Path | None = None,
    capture: bool = False,
    meanwhile: Callable[[], object] | None = None,
    tee: Tee | None = None,
    late: Callable[[], object] | None = None,
    alone: bool = False,
    processor: int | None = None,
) -> Ended:
    """Run a command to its end, its timeout, or an interrupt; none of the last two leaves a child.

    With `capture` the command gets a session of its own, no stdin, and its output is returned;
    otherwise it has ours, or those of `tee`. `meanwhile` is called once while the command runs,
    `late` when its time is over, before it is ended. A command that runs `alone` has no stdin:
    what is there could be read only once. With `processor` it gets no other one.
    """
    start = time.monotonic()
    timed_out = False
    out, err = b"", b""
    with _lock:
        one = _active[logs] = _Active(threading.get_ident())
    try:
        # Interrupted in here, nobody would know the process: it may wipe its environment.
        with interrupts_kept():
            process = _start(
                command,
                environ,
                cwd,
                capture=capture,
                tee=tee,
                alone=alone,
                processor=processor,
            )
            with _lock:
                one.process = process
        if one.is_over:
            _end(process, logs)
        if meanwhile is not None:
            meanwhile()
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        timed_out = True
        try:
            if late is not None:
                late()
        finally:
            _end(process, logs)
        with contextlib.suppress(subprocess.TimeoutExpired):  # somebody escaped with our pipe
            out, err = process.communicate(timeout=_GRACE)
    except BaseException:
        _end(one.process, logs)
        raise
    finally:
        with _lock:
            _active.pop(logs, None)
    crashed = process.returncode < 0
    logs.ends.learn(process.pid, process.returncode, program_of(command, cwd) if crashed else None)
    seconds = time.monotonic() - start
    return Ended(process.returncode, timed_out, seconds, _text(out), _text(err))


class _Process(subprocess.Popen[bytes]):
    """A process whose end is waited for, with or without a timeout, and no interrupt missed.

    Popen asks again and again instead, ever more seldom: of a program that takes 20 ms for what
    the kernel does at its end, it hears 15 ms late.
    """

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status, or raise TimeoutExpired."""
        if self.returncode is not None:
            return super().wait(timeout)
        try:
            fd = os.pidfd_open(self.pid)
        except OSError:  # no file to be had, or a kernel before 5.3
            return super().wait(timeout)
        try:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            deadline = math.inf if timeout is None else time.monotonic() + timeout
            while not poll.poll(1000 * max(0, min(LOOK_UP, deadline - time.monotonic()))):
                if timeout is not None and time.monotonic() >= deadline:
                    raise subprocess.TimeoutExpired(self.args, timeout)
        finally:
            os.close(fd)
        return super().wait()


def _start(  # noqa: PLR0913 - see run
    command: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path | None,
    *,
    capture: bool,
    tee: Tee | None,
    alone: bool,
    processor: int | None,
) -> _Process:
    pipe = subprocess.PIPE if capture else None
    try:
        with _on(processor):
            process = _Process(
                command,
                env=dict(environ),
                cwd=cwd,
                stdin=subprocess.DEVNULL if capture or alone else None,
                stdout=tee.stdout if tee else pipe,
                stderr=tee.stderr if tee else pipe,
                start_new_session=capture,
                close_fds=capture,  # make's job server, for one, is an open file
            )
        if tee is not None:
            tee.started()
    except OSError as error:
        raise ToolError(f"cannot run {command[0]}: {error.strerror}") from None
    return process


@contextlib.contextmanager
def _on(processor: int | None) -> Iterator[None]:
    """Let this thread, and so what it starts, have one processor; it gets its own back."""
    if processor is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _end(process: _Process | None, logs: LogFolder) -> None:
    end_all(logs)
    if process is not None and process.poll() is None:  # it has wiped its environment
        process.kill()
        process.wait()


def end_all(logs: LogFolder) -> None:
    """End every process that belongs to a log folder: politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _GRACE
        told: set[int] = set()
        while time.monotonic() < deadline:
            members = set(_members(logs))
            if not members:
                return
            for pid in members - told:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            told |= members
            time.sleep(_POLL)


def end_active(threads: Container[int] | None = None) -> None:
    """End everything that runs in any thread, or in some of them."""
    with _lock:
        active = {k: v for k, v in _active.items() if threads is None or v.thread in threads}
        for one in active.values():
            one.is_over = True
    for logs, one in active.items():
        end_all(logs)
        if one.process is not None:
            one.process.kill()  # if it has wiped its environment; its thread hears of its end


def instrumented_members(logs: LogFolder) -> list[int]:
    """Return the processes of a command that have a detector."""
    return [pid for pid in _members(logs) if _instrumented(pid)]


def left_behind(logs: LogFolder, wait: float) -> list[LeftBehind]:
    """Wait for the instrumented processes that a command has left; return those that stay.

    A process without a detector is nothing to wait for.
    """
    deadline = time.monotonic() + wait
    while True:
        left = [LeftBehind(pid, _command_of(pid)) for pid in instrumented_members(logs)]
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(_POLL)


def _members(logs: LogFolder) -> Iterator[int]:
    """Find the processes whose environment names the log folder, zombies left out."""
    mark = os.fsencode(logs.path)
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/environ", "rb") as file:  # noqa: PTH123
                if mark in file.read():
                    yield int(entry)


def _instrumented(pid: int) -> bool:
    with contextlib.suppress(OSError, ValueError):
        if _RUNTIME_LIBRARY.search(Path(f"/proc/{pid}/maps").read_text(errors="replace")):
            return True
        with (
            open(f"/proc/{pid}/exe", "rb") as file,  # noqa: PTH123
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image,
        ):
            return any(image.find(symbol) >= 0 for symbol in _RUNTIME_SYMBOLS)
    return False


def _command_of(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "?"
    return b" ".join(words).decode(errors="replace").strip()


def _quoted(value: str) -> str:
    """Quote a value for a runtime's option parser, to which `:` is a separator."""
    return f"'{value}'" if '"' in value else f'"{value}"'


def program_of(command: Sequence[str], folder: Path | None) -> str | None:
    """Return the file that a command runs, if that is a program with a detector itself."""
    from raceshim.evidence._instrumented import examine  # noqa: PLC0415 - most commands do not crash

    name = next((word for word in command if word not in _RUNNERS), "")
    found = shutil.which(name) if folder is None or "/" not in name else str(folder / name)
    if found is None:
        return None
    path = Path(found).resolve()
    known = examine(str(path))
    return str(path) if known is not None and known.kind == "program" and known.runtime else None


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")
