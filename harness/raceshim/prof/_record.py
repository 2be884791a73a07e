# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim prof record`: run a command whose processes profile themselves.

Each process writes a file of its own beside the output, under a name with its pid, so nothing is
lost of what goes on after the command has ended. A single one gets the output's name.
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
from raceshim.prof import _read
from raceshim.prof._names import amount

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from raceshim.prof._model import Profile

_OUTPUT = "raceshim.pb.gz"
_SUFFIX = ".pb.gz"
#: So many files are named in the summary.
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """A profile that every process is to make of itself."""

    kind: str
    #: What stands behind the path in the environment variable.
    more: str

    @property
    def variable(self) -> str:
        """The variable that asks for it."""
        return {
            "cpu": "RACESHIM_CPUPROFILE",
            "heap": "RACESHIM_HEAPPROFILE",
            "locks": "RACESHIM_LOCKPROFILE",
        }[self.kind]


def wishes(
    *,
    frequency: int | None = None,
    clock: str = "auto",
    heap: int | None = None,
    locks: str | None = None,
) -> tuple[Wish, ...]:
    """Return what is to be recorded: CPU time at a frequency, memory, waiting."""
    found = []
    if frequency is not None:
        found.append(Wish("cpu", f":{frequency}" + (f":{clock}" if clock != "auto" else "")))
    if heap is not None:
        found.append(Wish("heap", f":{heap}"))
    if locks is not None:
        found.append(Wish("locks", f":{locks}"))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the profiles of a command go, and how they are taken."""

    output: Path
    wishes: tuple[Wish, ...]
    preload: bool = True

    def path(self, wish: Wish) -> Path:
        """Return the name that the profile of a single process gets."""
        if len(self.wishes) == 1:
            return self.output
        return self.output.with_name(f"{self._stem(wish)}{_SUFFIX}")

    def _stem(self, wish: Wish) -> str:
        stem = self.output.name.removesuffix(_SUFFIX)
        return stem if len(self.wishes) == 1 else f"{stem}.{wish.kind}"

    def files(self, wish: Wish) -> list[Path]:
        """Return the files that processes have left, oldest process first."""
        name = re.compile(re.escape(self._stem(wish)) + r"\.(\d+)" + re.escape(_SUFFIX))
        found = [
            (int(m[1]), p) for p in self.output.parent.iterdir() if (m := name.fullmatch(p.name))
        ]
        return [path for _, path in sorted(found)]

    def clear(self) -> None:
        """Remove what an earlier recording has left under the same name."""
        for wish in self.wishes:
            for path in (self.path(wish), *self.files(wish)):
                path.unlink(missing_ok=True)

    def environment(self, base: Mapping[str, str], libraries: str) -> dict[str, str]:
        """Return the environment in which every process profiles itself."""
        told = {
            wish.variable: f"{self.output.with_name(f'{self._stem(wish)}.%p{_SUFFIX}')}{wish.more}"
            for wish in self.wishes
        }
        if self.preload:
            told |= preloading(base, libraries)
        return {**base, **told}


def record(command: Sequence[str], parsed: argparse.Namespace) -> int:
    """Run the command; return its exit status, or 4 if it succeeded but left no profile."""
    if not command:
        raise UsageError("nothing to record: raceshim prof record [options] -- COMMAND")
    asked = wishes(
        frequency=parsed.frequency if parsed.cpu or not (parsed.heap or parsed.locks) else None,
        clock="wall" if parsed.wall else parsed.clock,
        heap=parsed.heap,
        locks=parsed.locks,
    )
    plan = plan_for(parsed.output or _OUTPUT, asked, preload=parsed.preload != "no")
    plan.clear()
    with preloaded(plan) as libraries:
        status = run(command, plan.environment(os.environ, libraries))
    status = 128 - status if status < 0 else status
    missing = False
    for wish in plan.wishes:
        profiles, damaged = collect(plan, wish)
        sys.stderr.write(
            "".join(f"raceshim: {line}\n" for line in summary(wish, profiles, damaged))
        )
        missing = missing or not profiles
    return status or (INCONCLUSIVE if missing else 0)


def plan_for(output: str | Path, asked: tuple[Wish, ...], *, preload: bool = True) -> Plan:
    """Return where profiles go; the folder must be one that they can be written to."""
    path = Path(output).absolute()
    if path.is_dir():
        raise UsageError(f"-o {output}: a directory; name a file in it")
    if "%" in str(path):
        raise UsageError(f"-o {output}: a % in the path would stand for the process")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"-o {output}: no folder to write to: {path.parent}")
    return Plan(path, asked, preload)


def collect(plan: Plan, wish: Wish) -> tuple[list[Profile], list[str]]:
    """Return what the processes have left, and what cannot be read; a single one is renamed."""
    files = plan.files(wish)
    if len(files) == 1:
        files = [files[0].rename(plan.path(wish))]
    profiles, damaged = [], []
    for file in files:
        try:
            profiles.append(_read.read_file(file))
        except ToolError as error:
            damaged.append(str(error))
    return profiles, damaged


def preloaded(plan: Plan) -> AbstractContextManager[str]:
    """Return the libraries that a plan needs, in a form that LD_PRELOAD can name."""
    kinds = {wish.kind for wish in plan.wishes}
    # The library for locks is the other one too, with more in front of libc.
    found = [_prefix.locks_library() if "locks" in kinds else _prefix.shared_library()]
    found += [_prefix.heap_library()] if "heap" in kinds else []
    return preloadable(found)


def summary(wish: Wish, profiles: Sequence[Profile], damaged: Sequence[str]) -> Iterator[str]:
    """Say what there is of a kind, and where."""
    yield from damaged
    if not profiles:
        what = "" if wish.kind == "cpu" else f" of {wish.kind}"
        yield (
            f"no profile{what}: no process of the command has left one; static and privileged "
            "programs ignore LD_PRELOAD, and a process that is killed writes nothing"
        )
        return
    describe = {"cpu": _cpu, "heap": _heap, "locks": _locks}[wish.kind]
    names = ", ".join(Path(p.files[0]).name for p in profiles[:_NAMED])
    if len(profiles) > _NAMED:
        names += f" and {len(profiles) - _NAMED} more"
    number = f"{len(profiles)} processes, " if len(profiles) > 1 else ""
    yield f"{number}{describe(profiles)}; in {names}"


def _cpu(profiles: Sequence[Profile]) -> str:
    totals = [sum(s.values[0] for s in p.samples) for p in profiles]
    kind = profiles[0].types[profiles[0].index(None)]
    spent = sum(_total(p, kind.type) for p in profiles)
    lost = sum(sum(p.lost(0).values()) for p in profiles)
    clocks = dict.fromkeys(
        comment for p in profiles for comment in p.comments if comment.startswith("clock:")
    )
    return (
        f"{sum(totals)} samples, {amount(spent, kind.unit)} of {kind.type}, {lost} lost; "
        f"{'; '.join(clocks) or 'clock: unknown'}"
    )


def _heap(profiles: Sequence[Profile]) -> str:
    asked, left = (
        " in ".join(
            (
                amount(sum(_total(p, f"{what}_space") for p in profiles), "bytes"),
                f"{sum(_total(p, f'{what}_objects') for p in profiles)} blocks",
            )
        )
        for what in ("alloc", "inuse")
    )
    return f"{asked} allocated, {left} in use at the end"


def _locks(profiles: Sequence[Profile]) -> str:
    waits = sum(_total(p, "waits") for p in profiles)
    waited = sum(_total(p, "waited") for p in profiles)
    return f"{waits} waits, {amount(waited, 'nanoseconds')} altogether"


def _total(profile: Profile, kind: str) -> int:
    return sum(value for _, value in profile.values(profile.index(kind)))
