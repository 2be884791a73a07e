# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim trace record`: run a command whose processes trace themselves.

Programs that are not linked with the library have nothing to say, but for automatic events: who
asks for these gets it preloaded. In a program that is linked with it, it leaves the trace to that.

Each process writes a file of its own beside the output, under a name with its pid. A single one
gets the output's name.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import INCONCLUSIVE, ToolError, UsageError
from raceshim._recording import preloadable, preloading, run
from raceshim.cc import _prefix
from raceshim.formats._plain import one_line
from raceshim.trace import _read
from raceshim.trace._check import check
from raceshim.trace._summary import span

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

VARIABLE = "RACESHIM_TRACE"
_OUTPUT = "raceshim.pftrace"
_RAW_OUTPUT = "raceshim.trace"
_NONE = (
    "no trace: no process of the command has left one; programs are traced that emit events with "
    "<raceshim/trace.h>; with --auto, any program"
)
#: So many files are named in the summary.
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the traces of a command go."""

    output: Path
    raw: bool = False
    auto: bool = False

    @property
    def _parts(self) -> tuple[str, str]:
        """The output's name before and behind where a process's number comes."""
        return self.output.stem, self.output.suffix

    @property
    def value(self) -> str:
        """What the variable says."""
        stem, suffix = self._parts
        path = self.output.with_name(f"{stem}.%p{suffix}")
        return f"{path}{':raw' * self.raw}{':auto' * self.auto}"

    def files(self) -> list[tuple[int, Path]]:
        """Return the files that processes have left, with their numbers."""
        stem, suffix = map(re.escape, self._parts)
        name = re.compile(rf"{stem}\.(\d+){suffix}")
        folder = self.output.parent
        return sorted((int(m[1]), p) for p in folder.iterdir() if (m := name.fullmatch(p.name)))

    def clear(self) -> None:
        """Remove what an earlier recording has left under the same name."""
        for path in (self.output, *(path for _, path in self.files())):
            path.unlink(missing_ok=True)


def record(command: Sequence[str], parsed: argparse.Namespace) -> int:
    """Run the command; return its exit status, or 4 if it succeeded but left no trace."""
    if not command:
        raise UsageError("nothing to record: raceshim trace record [options] -- COMMAND")
    output = parsed.output or (_RAW_OUTPUT if parsed.raw else _OUTPUT)
    plan = plan_for(output, raw=parsed.raw, auto=parsed.auto)
    plan.clear()
    libraries = [_prefix.locks_library()] if is_preloaded(parsed) else []
    with preloadable(libraries) as library:
        told = preloading(os.environ, library) if library else {}
        status = run(command, {**os.environ, **told, VARIABLE: plan.value})
    status = 128 - status if status < 0 else status
    files = collect(plan)
    whole = False
    for file in files[:_NAMED]:
        try:
            trace = _read.read_file(file)
        except ToolError as error:
            sys.stderr.write(f"raceshim: {one_line(str(error))}\n")
            continue
        whole = True
        words = [f"{len(trace.events)} events over {span(trace.end - trace.begin)}"]
        words.append(f"{trace.lost} lost")
        words += [*([trace.cut] if trace.cut else ()), *check(trace).wrong[:3]]
        sys.stderr.write(f"raceshim: {one_line('; '.join(words))}; in {file.name}\n")
    if len(files) > _NAMED:
        sys.stderr.write(f"raceshim: and {len(files) - _NAMED} more files\n")
    if not files:
        sys.stderr.write(f"raceshim: {_NONE}\n")
    return status or (0 if whole else INCONCLUSIVE)


def is_preloaded(parsed: argparse.Namespace) -> bool:
    """Whether programs get the library: if nobody says, those that are to note by themselves."""
    return bool(parsed.auto) if parsed.preload is None else parsed.preload == "yes"


def plan_for(output: str | Path, *, raw: bool, auto: bool = False) -> Plan:
    """Return where traces go; the folder must be one that they can be written to."""
    path = Path(output).absolute()
    if path.is_dir():
        raise UsageError(f"-o {output}: a directory; name a file in it")
    if "%" in str(path):
        raise UsageError(f"-o {output}: a % in the path would stand for the process")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"-o {output}: no folder to write to: {path.parent}")
    return Plan(path, raw, auto)


def collect(plan: Plan) -> list[Path]:
    """Return the files; that of a single process, which has ended, gets the output's name."""
    for process, path in plan.files():
        # It has ended, by _exit as shells do or by a signal, before it had written anything.
        if not path.stat().st_size and not _runs(process):
            path.unlink()
    files = plan.files()
    if len(files) == 1 and not _runs(files[0][0]):
        return [files[0][1].rename(plan.output)]
    return [path for _, path in files]


def _runs(process: int) -> bool:
    """Tell whether a process may still write, by its name, to its file."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
