# SPDX-License-Identifier: BSD-2-Clause
"""What the fixture `race` gives to a test: build, run, assert."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._build import compile_c, detector_flags
from raceshim._command import judge_logs
from raceshim._errors import UsageError
from raceshim._outcomes import Outcome, Sign
from raceshim.cc import _prefix
from raceshim.cc._compilers import COVER_MODES, find
from raceshim.evidence._logs import LogFolder
from raceshim.evidence._run import describe_status, environment, left_behind, run
from raceshim.report._parse import Report, render_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raceshim._gate import CommandVerdict
    from raceshim._options import Settings
    from raceshim.prof._lab import Profiled

_FLAGS = ("-g", "-O1", "-fno-omit-frame-pointer", "-pthread")


class Lab:
    """Builds programs from sources that lie beside the test."""

    def __init__(self, sources: Path, folder: Path, settings: Settings) -> None:
        """Build from one folder into another."""
        self._sources = sources
        self._folder = folder
        self._settings = settings
        self._count = 0

    def build(
        self,
        *sources: str | Path,
        compiler: str | None = None,
        detector: str | None = None,
        cflags: Sequence[str] = (),
        libs: Sequence[str] = (),
        cover: str | None = None,
    ) -> Program:
        """Compile and link C files into a program, with raceshim's headers and library.

        Without `compiler` and `detector` the project's options hold (clang-19 and thread unless
        somebody said otherwise). A BuildError carries what the compiler said. `cover` is a mode of
        coverage (set, count, atomic, edges, edge-counts), which runs leave in RACESHIM_COVERDIR.
        """
        if not sources:
            raise UsageError("race.build needs a source file")
        chosen = find(compiler or self._settings.compiler)
        detector = detector or self._settings.detector
        if not chosen.has(detector):
            raise UsageError(f"{chosen.name} has no {detector} sanitizer; clang has")
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir(parents=True)
        files = [self._sources / source for source in sources]
        binary = folder / files[0].stem
        flags = [*_FLAGS, *detector_flags(detector, chosen), f"-I{_prefix.includes()}", *cflags]
        link: list[str] = []
        mode = cover or self._settings.cover
        if mode not in COVER_MODES:
            raise UsageError(f"cover={mode!r} is none of {', '.join(COVER_MODES)}")
        if mode != "none":
            from raceshim.cc import _cover_registrar  # noqa: PLC0415 - most programs are not counted
            from raceshim.cc._cover_flags import Wish  # noqa: PLC0415

            wish = Wish(chosen, mode, detector, [str(flag) for flag in flags])
            flags += wish.compiler_flags()
            link = _cover_registrar.link(wish, [str(flag) for flag in flags], shared=False)
        compile_c(chosen, [*flags, *files, "-o", binary, *link, _prefix.archive(), *libs], folder)
        return Program(binary, detector, self._settings)


@dataclass(frozen=True, slots=True)
class Program:
    """A program that a test has built."""

    binary: Path
    detector: str
    settings: Settings

    def run(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        cwd: Path | None = None,
    ) -> Observed:
        """Run it to its end and read what the detector reports, in its children too."""
        limit = timeout or self.settings.timeout or 60
        with LogFolder() as logs:
            environ = environment(logs, {**os.environ, **(env or {})}, evidence="exit")
            command = [str(self.binary), *args]
            ended = run(command, environ, logs, timeout=limit, cwd=cwd, capture=True)
            left = left_behind(logs, self.settings.wait)
            detector = None if self.detector == "none" else self.detector
            verdict = judge_logs(logs, command, ended, left, detector)
        return Observed(verdict, ended.stdout, ended.stderr, ended.status)

    def profile(  # noqa: PLR0913 - by name
        self,
        *args: str,
        hz: int | None = None,
        clock: str = "auto",
        heap: int | None = None,
        locks: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        cwd: Path | None = None,
    ) -> Profiled:
        """Run it under a profiler too: `.profile().assert_share("parse", at_most=20)`.

        That of CPU time takes `hz` samples a second (1000); `clock` is auto, perf, timer or wall.
        `heap=1` records every block of memory, `heap=524288` one of so many bytes; `locks="1:1"`
        every wait. With several, `.of("heap")` is one of them. As `raceshim prof record`. What was
        observed of the run itself is in `.observed`.
        """
        from tempfile import TemporaryDirectory  # noqa: PLC0415 - most tests profile nothing

        from raceshim.prof._lab import profiled  # noqa: PLC0415
        from raceshim.prof._record import plan_for, preloaded, wishes  # noqa: PLC0415

        with TemporaryDirectory(prefix="raceshim-") as folder:
            cpu = hz or (1000 if heap is None and locks is None else None)
            asked = wishes(frequency=cpu, clock=clock, heap=heap, locks=locks)
            plan = plan_for(Path(folder) / "profile", asked)
            with preloaded(plan) as libraries:
                environ = plan.environment({**os.environ, **(env or {})}, libraries)
                observed = self.run(*args, env=environ, timeout=timeout, cwd=cwd)
            return profiled(observed, plan)


@dataclass(frozen=True, slots=True)
class Observed:
    """What a run showed. The asserts return it, so that they can be chained."""

    verdict: CommandVerdict
    stdout: str
    stderr: str
    status: int

    @property
    def reports(self) -> tuple[Report, ...]:
        """All reports, also those that say the same."""
        return tuple(r for p in self.verdict.run.processes for r in p.parsed.reports)

    def assert_no_data_race(self) -> Observed:
        """Fail on a race, and when nobody knows: no detector ran, or the program went wrong.

        Reports of other kinds (a thread leak) are not what is asked here; see `assert_clean`.
        """
        __tracebackhide__ = True
        races = [report for report in self.reports if "race" in report.kind]
        if races:
            self._fail(f"{len(races)} unexpected: {races[0].kind}", races)
        self._assert_conclusive()
        return self

    def assert_clean(self) -> Observed:
        """Fail on any report, and when nobody knows."""
        __tracebackhide__ = True
        if self.reports:
            self._fail(f"unexpected: {self.reports[0].kind}", self.reports)
        self._assert_conclusive()
        return self

    def assert_race(self, functions: Sequence[str] = (), kind: str = "data race") -> Observed:
        """Fail unless a report of this kind has each of the functions in a stack of its own.

        `"fill<reader"` means: fill, called by reader.
        """
        __tracebackhide__ = True
        wanted = Outcome(kind, tuple(tuple(name.split("<")) for name in functions))
        if not any(wanted.matches(Sign(report.kind, report)) for report in self.reports):
            self._fail(f"not reported: {wanted}", self.reports)
        return self

    def _assert_conclusive(self) -> None:
        __tracebackhide__ = True
        if self.verdict.reasons:
            self._fail("inconclusive: " + "; ".join(self.verdict.reasons), ())

    def _fail(self, what: str, reports: Sequence[Report]) -> None:
        __tracebackhide__ = True
        program = Path(self.verdict.run.command[0]).name
        parts = [f"{program}: {what}"]
        parts += [render_report(report) for report in reports] or [
            f"nothing was reported; the program ended with {describe_status(self.status)}"
        ]
        for name, text in (("stdout", self.stdout), ("stderr", self.stderr)):
            if text.strip():
                parts.append(f"{name} of {program}:\n{text.strip()}")
        raise AssertionError("\n\n".join(parts))
