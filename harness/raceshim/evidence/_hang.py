# SPDX-License-Identifier: BSD-2-Clause
"""Of processes that do not end: what each of their threads is doing, as a report.

Two kinds, which are two bugs. A `hang` uses no processor: its threads wait for each other, or for
something that does not come. A `timeout` is still at work when its time is over. gdb tells the
stacks where there is one. Without it they are guessed: every word of a thread's stack that points
behind a call instruction is taken for a return address.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim.evidence._run import instrumented_members
from raceshim.evidence._symbolizer import Place, Symbolizer, find_symbolizer, stamp_of
from raceshim.report._model import Frame, Report, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.evidence._logs import LogFolder

HANG, TIMEOUT = "hang", "timeout"
#: Who uses less of a processor than this does not work; the detector's own thread looks around.
_IDLE = 0.1
_WATCHED = 0.3
#: Of so many processes at most the stacks are taken: it takes half a second each.
_PROCESSES = 8
_PATIENCE = 30.0
_THREAD = re.compile(r'Thread \d+ \((?:Thread \S+ )?\(?LWP (\d+)\)?(?: "(.*)")?\)')
_FRAME = re.compile(
    r"#\d+ +(?:0x[0-9a-f]+ in )?(.+?) \(.*?\)(?: at (?P<file>.+):(?P<line>\d+)| from (?P<lib>.+))?$"
)
#: Files of libc, as it is compiled: without a module nothing else tells whose they are.
_LIBC = re.compile(r"\.\./sysdeps/|\./[a-z-]+/[\w-]+\.[cSh]$")
_DETECTORS_OWN = "__tsan::BackgroundThread"
#: How much of a stack is looked through, and how many frames are told.
_SCANNED = 1 << 15
_FRAMES = 40
_WORD = 8
#: What is above these on a stack was there before.
_OUTERMOST = ("_start", "clone", "clone3", "__clone", "__clone3")


@dataclass(frozen=True, slots=True)
class Hanging:
    """A process that was still there when its time was over."""

    program: str
    report: Report


def look(logs: LogFolder) -> list[Hanging]:
    """Return the instrumented processes of a command that has to be ended, and what they do."""
    before = {pid: _ticks(pid) for pid in instrumented_members(logs)}
    if not before:
        return []
    start = time.monotonic()
    time.sleep(_WATCHED)
    used = {pid: _ticks(pid) - ticks for pid, ticks in before.items()}
    enough = _IDLE * (time.monotonic() - start) * os.sysconf("SC_CLK_TCK")
    # One that works may be what all others wait for.
    kind = TIMEOUT if any(ticks > max(enough, 1) for ticks in used.values()) else HANG
    found = []
    for pid in sorted(before)[:_PROCESSES]:
        with contextlib.suppress(OSError):
            program = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - it may be gone, with a mark
            found.append(Hanging(program, _report(kind, pid, threads_of(pid))))
    return found


def threads_of(pid: int) -> tuple[Stack, ...]:
    """Return the stack of each thread of a process, the main one first."""
    stacks = _by_debugger(pid) or _by_scan(pid)
    own = [
        stack
        for stack in stacks
        if not any(_DETECTORS_OWN in (frame.function or "") for frame in stack.frames)
    ]
    return tuple(own or stacks)


def _report(kind: str, pid: int, stacks: tuple[Stack, ...]) -> Report:
    does = "none of its threads runs" if kind == HANG else "it still runs"
    text = f"{kind}: process {pid} did not end in time: {does}\n"
    return Report(
        "raceshim", kind, pid, stacks, None, None, complete=any(s.frames for s in stacks), text=text
    )


def _stack(pid: int, tid: int, name: str, frames: Sequence[Frame], *, guessed: bool) -> Stack:
    who = "main thread" if tid == pid else f"thread {tid}"
    label = f"{who} '{name}'" if name else who
    guess = ", guessed without a debugger" if guessed else ""
    return Stack(f"{label} is at{guess}", "other", tuple(frames), None, bool(frames))


def _by_debugger(pid: int) -> list[Stack]:
    gdb = shutil.which("gdb")
    if gdb is None:
        return []
    line = [gdb, "-p", str(pid), "-batch", "-nx"]
    for command in (
        *("set width 0", "set print frame-arguments none", "set debuginfod enabled off"),
        "thread apply all backtrace 60",
    ):
        line += ["-ex", command]
    try:
        done = subprocess.run(
            line,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
            # What the user has set for his programs is not for the debugger.
            env={k: v for k, v in os.environ.items() if not k.startswith("LD_")},
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return read_debugger(pid, done.stdout.decode(errors="replace"))


def read_debugger(pid: int, text: str) -> list[Stack]:
    """Read what gdb prints for `thread apply all backtrace`."""
    found: list[tuple[int, str, list[Frame]]] = []
    for line in text.splitlines():
        if head := _THREAD.match(line):
            found.append((int(head[1]), head[2] or "", []))
        elif found and (frame := _FRAME.match(line)):
            name = None if frame[1] == "??" else frame[1]
            file, row = frame["file"], int(frame["line"] or 0)
            module = "libc.so.6" if _LIBC.match(file or "") else frame["lib"]
            found[-1][2].append(Frame(name, file, row, 0, module, None))
    stacks = [_stack(pid, *one, guessed=False) for one in sorted(found, key=lambda one: one[0])]
    return stacks if any(stack.frames for stack in stacks) else []


@dataclass(frozen=True, slots=True)
class _Code:
    start: int
    end: int
    base: int
    path: str


def _by_scan(pid: int) -> list[Stack]:
    stacks = []
    with contextlib.ExitStack() as stack:
        names = None
        if find_symbolizer() is not None:
            names = stack.enter_context(Symbolizer())
        try:
            code = list(_code_of(pid))
            memory = stack.enter_context(open(f"/proc/{pid}/mem", "rb", buffering=0))  # noqa: PTH123
            tids = sorted(map(int, os.listdir(f"/proc/{pid}/task")))  # noqa: PTH208
        except OSError:
            return []
        for tid in tids:
            with contextlib.suppress(OSError):
                folder = Path(f"/proc/{pid}/task/{tid}")
                name = (folder / "comm").read_text(errors="replace").strip()
                words = (folder / "syscall").read_text(encoding="ascii").split()
                frames: list[Frame] = []
                if len(words) >= 3:  # "running" has no registers
                    pointer, pc = int(words[-2], 16), int(words[-1], 16)
                    places = [pc, *_return_addresses(memory.fileno(), code, pointer)]
                    for place in places[:_FRAMES]:
                        frames += _frames(code, place, names, returns=place != pc)
                        if frames and frames[-1].function in _OUTERMOST:
                            break
                stacks.append(_stack(pid, tid, name, frames, guessed=True))
    return stacks


def _code_of(pid: int) -> Iterator[_Code]:
    bases: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
        parts = line.split(None, 5)
        if len(parts) < 6 or not parts[5].startswith("/"):
            continue
        start, end = (int(part, 16) for part in parts[0].split("-"))
        base = bases.setdefault(parts[5], start - int(parts[2], 16))
        if "x" in parts[1]:
            yield _Code(start, end, 0 if _is_fixed(parts[5]) else base, parts[5])


def _is_fixed(path: str) -> bool:
    """Whether a program's addresses are those of its file."""
    with contextlib.suppress(OSError), open(path, "rb") as file:  # noqa: PTH123
        head = file.read(18)
        return head[:4] == b"\x7fELF" and head[16] == 2
    return False


def _return_addresses(memory: int, code: Sequence[_Code], pointer: int) -> Iterator[int]:
    data = b""
    for size in (_SCANNED, 1 << 12, 1 << 9):  # the stack may end before
        with contextlib.suppress(OSError):
            data = os.pread(memory, size, pointer)
            break
    for at in range(0, len(data) - _WORD + 1, _WORD):
        word = int.from_bytes(data[at : at + _WORD], "little")
        if any(part.start < word < part.end for part in code):
            with contextlib.suppress(OSError):
                if _follows_call(os.pread(memory, 7, word - 7)):
                    yield word


def _follows_call(before: bytes) -> bool:
    """Whether these bytes, which stand before a place, may be a call (x86-64)."""
    if len(before) < 7:
        return False
    # e8 rel32; ff /2 with its shortest forms: a register, memory, and memory with a displacement.
    return before[2] == 0xE8 or any(
        before[-size] == 0xFF and before[1 - size] >> 3 & 7 == 2 for size in (2, 3, 4, 6, 7)
    )


def _frames(
    code: Sequence[_Code], place: int, names: Symbolizer | None, *, returns: bool
) -> Iterator[Frame]:
    part = next((part for part in code if part.start <= place < part.end), None)
    if part is None:
        return
    offset = place - part.base
    stamp = stamp_of(part.path)
    known: tuple[Place, ...] = ()
    if names is not None and stamp is not None:
        known = names.places(part.path, offset - returns, stamp)
    if not known:
        yield Frame(None, None, 0, 0, part.path, offset)
    for each in known:
        yield Frame(each.function, each.file, each.line, each.column, part.path, offset)


def _ticks(pid: int) -> int:
    """Return how much time a process has used, in the kernel's ticks."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
