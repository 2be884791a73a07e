# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim prof record`: run a command whose processes profile themselves.

Each process writes a file of its own beside the output, under a name with its pid, so nothing is
lost of what goes on after the command has ended. A single one gets the output's name.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import INCONCLUSIVE, ToolError, UsageError
from raceshim.cc import _prefix
from raceshim.prof import _read
from raceshim.prof._names import amount

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from raceshim.prof._model import Profile

VARIABLE = "RACESHIM_CPUPROFILE"
_OUTPUT = "raceshim.pb.gz"
_SUFFIX = ".pb.gz"
#: So many files are named in the summary.
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the profiles of a command go, and how they are taken."""

    output: Path
    frequency: int = 100
    clock: str = "auto"
    preload: bool = True

    @property
    def _stem(self) -> str:
        return self.output.name.removesuffix(_SUFFIX)

    def files(self) -> list[Path]:
        """Return the files that processes have left, oldest process first."""
        name = re.compile(re.escape(self._stem) + r"\.(\d+)" + re.escape(_SUFFIX))
        found = [
            (int(m[1]), p) for p in self.output.parent.iterdir() if (m := name.fullmatch(p.name))
        ]
        return [path for _, path in sorted(found)]

    def clear(self) -> None:
        """Remove what an earlier recording has left under the same name."""
        for path in (self.output, *self.files()):
            path.unlink(missing_ok=True)

    def environment(self, base: Mapping[str, str], preloaded: str) -> dict[str, str]:
        """Return the environment in which every process profiles itself."""
        pattern = self.output.with_name(f"{self._stem}.%p{_SUFFIX}")
        told = {VARIABLE: f"{pattern}:{self.frequency}"}
        if self.clock != "auto":
            told[VARIABLE] += f":{self.clock}"
        if self.preload:
            libraries = (preloaded, base.get("LD_PRELOAD", ""))
            told["LD_PRELOAD"] = " ".join(part for part in libraries if part)
            # gcc's AddressSanitizer wants to be the first library; ours replaces nothing of it.
            address = (base.get("ASAN_OPTIONS", ""), "verify_asan_link_order=0")
            told["ASAN_OPTIONS"] = ":".join(part for part in address if part)
        return {**base, **told}


def record(command: Sequence[str], parsed: argparse.Namespace) -> int:
    """Run the command; return its exit status, or 4 if it succeeded but left no profile."""
    if not command:
        raise UsageError("nothing to record: raceshim prof record [options] -- COMMAND")
    plan = plan_for(
        parsed.output or _OUTPUT,
        frequency=parsed.frequency,
        clock="wall" if parsed.wall else parsed.clock,
        preload=parsed.preload != "no",
    )
    plan.clear()
    with library() as preloaded:
        status = _run(command, plan.environment(os.environ, preloaded))
    profiles, damaged = collect(plan)
    sys.stderr.write("".join(f"raceshim: {line}\n" for line in _summary(profiles, damaged)))
    status = 128 - status if status < 0 else status
    return status if profiles else status or INCONCLUSIVE


def plan_for(output: str | Path, *, frequency: int, clock: str, preload: bool = True) -> Plan:
    """Return where profiles go; the folder must be one that they can be written to."""
    path = Path(output).absolute()
    if path.is_dir():
        raise UsageError(f"-o {output}: a directory; name a file in it")
    if "%" in str(path):
        raise UsageError(f"-o {output}: a % in the path would stand for the process")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"-o {output}: no folder to write to: {path.parent}")
    return Plan(path, frequency, clock, preload)


def collect(plan: Plan) -> tuple[list[Profile], list[str]]:
    """Return what the processes have left, and what cannot be read; a single one is renamed."""
    files = plan.files()
    if len(files) == 1:
        files = [files[0].rename(plan.output)]
    profiles, damaged = [], []
    for file in files:
        try:
            profiles.append(_read.read_file(file))
        except ToolError as error:
            damaged.append(str(error))
    return profiles, damaged


def _run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run to the end, whatever signals come: they are the command's, and the summary follows."""
    forwarded = (signal.SIGTERM, signal.SIGHUP)
    ours: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def forward(number: int, _frame: object) -> None:
        if number == signal.SIGINT:  # the terminal has sent it to the command too
            return
        early.append(number)
        for process in ours:
            process.send_signal(number)

    before = {number: signal.getsignal(number) for number in (*forwarded, signal.SIGINT)}
    for number, old in before.items():
        if old is not signal.SIG_IGN:  # what is ignored, the command inherits so
            signal.signal(number, forward)
    try:
        process = subprocess.Popen(command, env=dict(environ), close_fds=False)
        ours.append(process)
        for missed in early:
            process.send_signal(missed)
        return process.wait()
    except FileNotFoundError:
        raise UsageError(f"no such command: {command[0]}") from None
    except OSError as error:
        raise ToolError(f"cannot run {command[0]}: {error.strerror}") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def library() -> Iterator[str]:
    """Return the library's path in a form that LD_PRELOAD, which parts at blanks, can name."""
    path = Path(_prefix.shared_library())
    if not path.exists():
        raise ToolError(f"{path} is missing; install the package anew")
    if not re.search(r"[\s:]", str(path)):
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="raceshim-") as folder:
        link = Path(folder) / path.name
        link.symlink_to(path)
        Path(folder).chmod(0o755)
        yield str(link)


def _summary(profiles: Sequence[Profile], damaged: Sequence[str]) -> Iterator[str]:
    yield from damaged
    if not profiles:
        yield (
            "no profile: no process of the command has left one; static and privileged programs "
            "ignore LD_PRELOAD, and a process that is killed writes nothing"
        )
        return
    totals = [sum(s.values[0] for s in p.samples) for p in profiles]
    index = profiles[0].index(None)
    kind = profiles[0].types[index]
    spent = sum(value for p in profiles for _, value in p.values(index))
    lost = sum(sum(p.lost(0).values()) for p in profiles)
    clocks = dict.fromkeys(
        comment for p in profiles for comment in p.comments if comment.startswith("clock:")
    )
    names = ", ".join(Path(p.files[0]).name for p in profiles[:_NAMED])
    if len(profiles) > _NAMED:
        names += f" and {len(profiles) - _NAMED} more"
    number = f"{len(profiles)} processes, " if len(profiles) > 1 else ""
    yield (
        f"{number}{sum(totals)} samples, {amount(spent, kind.unit)} of {kind.type}, {lost} lost; "
        f"{'; '.join(clocks) or 'clock: unknown'}; in {names}"
    )
