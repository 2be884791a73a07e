# SPDX-License-Identifier: BSD-2-Clause
"""Profiles of the runs of a gate, added up: `raceshim gate --profile`.

Each process of a run leaves a file of its own, beside those of other runs. A worker of a cluster
adds up those of a chunk, the gate what it has and what workers have sent: in the end there is one
file of each kind, whoever made the runs. If the gate does not come to its end, what is there can be
read as it is.
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from raceshim._errors import RaceshimError, ToolError, UsageError
from raceshim._files import write_whole
from raceshim._option_values import profile_parts
from raceshim._prof_options import PROF_OPTIONS
from raceshim._recording import preloading
from raceshim.prof._model import merge
from raceshim.prof._read import read_file
from raceshim.prof._record import Plan, preloaded, summary, wishes
from raceshim.prof._write import write

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from types import TracebackType

    from raceshim.prof._model import Frame, Module, Profile
    from raceshim.prof._record import Wish

_SUFFIX = ".pb.gz"
_FILE = re.compile(r"run-(\d+)\.(?:\d+\.)?(cpu|heap|locks)" + re.escape(_SUFFIX))
#: So many files are added up at a time.
_BATCH = 64
#: So many that cannot be read are named.
_TOLD = 8
#: Of one process, or one run: a sum has none of it.
_OWN_LABEL, _OWN_COMMENT = "tid", "accepted "
_SUM = re.compile(r"sum of (\d+) processes")


class Recorder:
    """Where the processes of a gate's runs leave their profiles."""

    def __init__(self, text: str) -> None:
        """Make the folder; what an earlier gate has left there goes."""
        kinds, folder = profile_parts(text)
        self.path = Path(folder).absolute()
        if "%" in folder or ":" in str(self.path):
            raise UsageError(f"--profile {folder}: a folder without % and : in its path")

        def rate(kind: str, default: Any) -> Any:  # noqa: ANN401 - as options are read
            return (kinds[kind] or default) if kind in kinds else None

        self._wishes = wishes(
            frequency=rate("cpu", PROF_OPTIONS["frequency"].default),
            heap=rate("heap", PROF_OPTIONS["heap"].bare),
            locks=rate("locks", PROF_OPTIONS["locks"].bare),
        )
        self._ends = contextlib.ExitStack()
        self._libraries = ""
        self._ran: list[int] = []
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for kind in kinds:
                self._sum(kind).unlink(missing_ok=True)
            for files in self._by_kind().values():
                for file in files:
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"--profile {folder}: {error.strerror}") from None

    def __enter__(self) -> Self:
        """Find what has to be loaded into processes."""
        self._libraries = self._ends.enter_context(preloaded(Plan(self.path, self._wishes)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let it go."""
        self._ends.close()

    def environment(self, base: Mapping[str, str], run: int) -> dict[str, str]:
        """Return the environment of a run whose processes profile themselves."""
        told = {
            wish.variable: f"{self.path}/run-{run}.%p.{wish.kind}{_SUFFIX}{wish.more}"
            for wish in self._wishes
        }
        return {**base, **told, **preloading(base, self._libraries)}

    def ran(self, run: int) -> None:
        """Hear that a run has ended: now and then, what such runs have left is added up."""
        self._ran.append(run)
        if len(self._ran) == _BATCH:
            self.put(self.take(self._ran))
            self._ran.clear()

    def take(
        self, runs: Collection[int], rename: Callable[[str], str] | None = None
    ) -> tuple[tuple[str, bytes], ...]:
        """Give what some runs have left, added up, by name; it is here no more.

        `rename` says the path of a program or library in terms of another machine. What cannot be
        read is given as it is: who adds everything up tells of it.
        """
        found = []
        for kind, files in self._by_kind(runs).items():
            total, damaged = _added(files)
            if total is not None:
                total = total if rename is None else _renamed(total, rename)
                found.append((f"run-{min(runs)}.{kind}{_SUFFIX}", write(total)))
            found += [(file.name, file.read_bytes()) for file in damaged if file.exists()]
            for file in files:
                file.unlink(missing_ok=True)
        return tuple(found)

    def put(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """Keep what some runs have left elsewhere."""
        for name, data in parts:
            write_whole(self.path / name, data)

    def finish(self) -> tuple[str, ...]:
        """Add everything up; return what there is to say of it."""
        told: list[str] = []
        for wish in self._wishes:
            try:
                told += self._finish(wish)
            except (OSError, RaceshimError) as error:  # no verdict on the command
                told.append(f"not added up: {error}")
        return tuple(f"profile of {self.path}: {line}" for line in told)

    def _finish(self, wish: Wish) -> list[str]:
        files = self._by_kind().get(wish.kind, [])
        total, damaged = _added(files)
        told = list(damaged.values())
        if len(told) > _TOLD:
            told[_TOLD:] = [f"and {len(told) - _TOLD} more that cannot be read"]
        if total is None:
            return list(summary(wish, [], told))
        place = self._sum(wish.kind)
        self.put([(place.name, write(total))])
        for file in files:
            if file not in damaged:
                file.unlink(missing_ok=True)
        return list(summary(wish, [replace(total, files=(str(place),))], told))

    def _sum(self, kind: str) -> Path:
        return self.path / f"{kind}{_SUFFIX}"

    def _by_kind(self, runs: Collection[int] | None = None) -> dict[str, list[Path]]:
        """Return what is there of the kinds that are asked for, of these runs or all."""
        kinds = {wish.kind for wish in self._wishes}
        found = defaultdict(list)
        for file in sorted(self.path.iterdir()):
            name = _FILE.fullmatch(file.name)
            if name is not None and name[2] in kinds and (runs is None or int(name[1]) in runs):
                found[name[2]].append(file)
        return found


def _added(files: Sequence[Path]) -> tuple[Profile | None, dict[Path, str]]:
    """Add files up, a few at a time; return what cannot be read, and why, too."""
    total: Profile | None = None
    damaged: dict[Path, str] = {}
    count = 0
    for start in range(0, len(files), _BATCH):
        parts = [] if total is None else [total]
        for file in files[start : start + _BATCH]:
            try:
                one = read_file(file)
            except ToolError as error:
                damaged[file] = str(error)
                continue
            count += sum(int(m[1]) for c in one.comments if (m := _SUM.fullmatch(c))) or 1
            parts.append(_bare(one))
        total = replace(merge(parts), files=(), mappings=()) if parts else None
    if total is not None:
        total = replace(total, comments=(*total.comments, f"sum of {count} processes"))
    return total, damaged


def _bare(profile: Profile) -> Profile:
    """Leave out what no two processes have in common: a sum of thousands would have it all."""
    return replace(
        profile,
        samples=tuple(
            sample._replace(
                labels=tuple(label for label in sample.labels if label.key != _OWN_LABEL)
            )
            for sample in profile.samples
        ),
        comments=tuple(
            comment
            for comment in profile.comments
            if not comment.startswith(_OWN_COMMENT) and not _SUM.fullmatch(comment)
        ),
    )


def _renamed(profile: Profile, rename: Callable[[str], str]) -> Profile:
    """Say in which modules code is in other terms."""
    known: dict[Frame, Frame] = {}

    def module(one: Module) -> Module:
        return one._replace(path=rename(one.path))

    def frame(one: Frame) -> Frame:
        if one not in known:
            known[one] = one._replace(module=module(one.module))
        return known[one]

    return replace(
        profile,
        samples=tuple(
            sample._replace(stack=tuple(map(frame, sample.stack))) for sample in profile.samples
        ),
        programs=frozenset(map(module, profile.programs)),
    )
