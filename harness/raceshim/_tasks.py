# SPDX-License-Identifier: BSD-2-Clause
"""The pipeline: load, build, run, parse, filter, judge, write. Plain functions, values between."""

from __future__ import annotations

import functools
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._build import Builder, Built, Case, can_be_covered
from raceshim._errors import BuildError, Interrupted, ToolError
from raceshim._outcomes import CLEAN as CLEAN_OUTCOME
from raceshim._outcomes import is_right, observe
from raceshim._perturbed import asked_of
from raceshim._programs import Program, load_programs
from raceshim._series import PLAIN, Series, series_of
from raceshim._verdicts import CaseVerdict, ProgramRun
from raceshim.cc._compilers import VALGRIND_TOOLS, Compiler, find_all, which
from raceshim.evidence._interrupts import LOOK_UP
from raceshim.evidence._late import Names, needs_names
from raceshim.evidence._logs import LogFolder
from raceshim.evidence._processes import read_processes
from raceshim.evidence._run import Ended, end_active, environment, run
from raceshim.evidence._symbolizer import Symbolizer, find_symbolizer
from raceshim.report._parse import ParsedLog, parse_log
from raceshim.runs._plan import Task

if TYPE_CHECKING:
    from raceshim._options import Settings

#: A detector's exit status when it has reported something; programs must not use it themselves.
_EXIT_CODE = 66

OnVerdict = Callable[[CaseVerdict], None]


def gate_programs(
    paths: Sequence[Path], settings: Settings, started: Callable[[int], None], done: OnVerdict
) -> list[CaseVerdict]:
    """Build, run and judge all programs below some paths.

    `started` is told how many cases there are, `done` each verdict as it comes, in any order.
    """
    cases = plan(load(paths), settings)
    started(len(cases))
    series = series_of(settings, len(cases))
    with _build_folder(settings) as folder, _late_names(settings) as names:
        perturbed = series.perturbed or any(case.mode != PLAIN for case in cases)
        builder = Builder(folder, cover=settings.cover, schedules=perturbed)
        gate = functools.partial(gate_case, builder=builder, series=series, names=names)
        if settings.matrix is not None:
            gate = functools.partial(gate_cell, builder=builder, settings=settings, names=names)
        return _in_parallel(gate, cases, settings.jobs, done)


def load(paths: Sequence[Path]) -> list[Program]:
    """Read the programs at or below some paths; without any, nothing is known about anything."""
    programs = [program for path in paths for program in load_programs(path)]
    if not programs:
        raise ToolError(f"no race_*.c, norace_*.c or miss_*.c in {' '.join(map(str, paths))}")
    return programs


def plan(programs: Sequence[Program], settings: Settings) -> list[Case]:
    """Return what there is to build."""
    if settings.matrix is not None:
        from raceshim._matrix_programs import matrix_cases  # noqa: PLC0415 - it needs much more

        return matrix_cases(programs, settings)
    compilers = find_all(settings.compiler)
    return [
        Case(program, variant, compiler)
        for program in programs
        for compiler in compilers_of(program, compilers, settings)
        for variant in program.variants(compiler)
    ]


def compilers_of(
    program: Program, compilers: Sequence[Compiler], settings: Settings
) -> list[Compiler]:
    """Return those compilers that a program is for; just the best one if nobody has named any."""
    fit = [compiler for compiler in compilers if program.runs_on(compiler)]
    if settings.cover != "none":
        fit = [c for c in fit if can_be_covered(program, c, settings.cover)]
    return fit[:1] if settings.compiler == "auto" else fit


def gate_case(
    case: Case, builder: Builder, series: Series, names: Names | None = None
) -> CaseVerdict:
    """Build a case, run it, and judge what it showed; with `names`, it runs without any."""
    expected = case.program.outcomes(case.variant, case.compiler)
    racy = all(outcome.kind != CLEAN_OUTCOME for outcome in expected)
    try:
        with series.case() as turns:
            built = builder.build(case)
            shown: list[ProgramRun] = []
            for task in turns:
                one = run_program(built, names, task)
                shown.append(one)
                turns.learn(task, [str(sign) for sign in one.signs if sign.kind != CLEAN_OUTCOME])
                if series.until_found and racy and is_right(one.signs, expected):
                    break
    except BuildError as error:
        return CaseVerdict(case, expected, (), str(error))
    return CaseVerdict(case, expected, tuple(shown), once=series.perturbed)


def gate_cell(
    case: Case, builder: Builder, settings: Settings, names: Names | None = None
) -> CaseVerdict:
    """Judge a case of a matrix likewise: all its runs are under its own policy."""
    expected = case.program.outcomes(case.variant, case.compiler)
    try:
        built = builder.build(case)
    except BuildError as error:
        return CaseVerdict(case, expected, (), str(error))
    tasks = (Task(n, case.mode, 1, settings.seed + n) for n in range(settings.runs))
    return CaseVerdict(case, expected, tuple(run_program(built, names, task) for task in tasks))


def run_program(built: Built, names: Names | None = None, task: Task | None = None) -> ProgramRun:
    """Run a program once, as a task says."""
    if not _may_be_late(built.case.program, built.case.compiler):
        names = None
    program, compiler = built.case.program, built.case.compiler
    found = _run_once(built, (), names, task)
    if "unexpected memory mapping" in {f.kind for p in found[1] for f in p.failures}:
        found = _run_once(built, ("setarch", "-R"), names, task)
    ended, parsed, evidence = found
    wanted = program.get("stdout", compiler)
    signs = observe(
        reports=tuple(r for p in parsed for r in p.reports),
        failures=tuple(f for p in parsed for f in p.failures),
        status=ended.status,
        timed_out=ended.timed_out,
        expected_stdout=not wanted or ended.stdout == f"{wanted}\n",
    )
    # A program that had to be killed, or died, may have been at anything: a report, for one.
    cut_short = ended.timed_out or any(sign.crashed for sign in signs)
    return ProgramRun(
        signs,
        tuple(r for p in parsed for r in p.reports),
        ended.seconds,
        evidence,
        cut_short or all(p.complete for p in parsed),
        task.policy if task else PLAIN,
    )


def _run_once(
    built: Built, prefix: Sequence[str], names: Names | None, task: Task | None
) -> tuple[Ended, list[ParsedLog], bool]:
    program, compiler = built.case.program, built.case.compiler
    detector = program.detector
    own = dict(word.split("=", 1) for word in program.words("env", compiler))
    # What the machine's owner has set for his own programs is no part of the experiment.
    clean = {k: v for k, v in os.environ.items() if not k.endswith("SAN_OPTIONS")}
    if built.cover_dir:
        clean.setdefault("RACESHIM_COVERDIR", str(built.cover_dir))
    processor = None
    if task is not None:
        asked, preload, processor = asked_of(task, "", str(built.binary))
        # The program's own options come last, and so hold.
        own = asked | ({"LD_PRELOAD": preload} if preload else {}) | own
    with LogFolder() as logs:
        options = f"exitcode={_EXIT_CODE}:{program.get('options', compiler).replace(' ', ':')}"
        late = names is not None
        environ = environment(logs, clean | own, options=options.strip(":"), late=late)
        command = [*prefix, str(built.binary), *program.words("args", compiler)]
        if detector in VALGRIND_TOOLS:
            command = [*_valgrind(detector, logs), *command]
        ended = run(
            command,
            environ,
            logs,
            timeout=program.timeout,
            cwd=built.binary.parent,
            capture=True,
            processor=processor,
        )
        processes = read_processes(logs, names)
        ran = {p.detector for p in processes} | logs.started()
    parsed = [p.parsed for p in processes]
    if detector not in VALGRIND_TOOLS:
        parsed.append(parse_log(ended.stderr))  # what a runtime says before it knows its log
    return ended, parsed, detector == "none" or detector in ran


def _valgrind(tool: str, logs: LogFolder) -> list[str]:
    if which("valgrind") is None:
        raise ToolError("valgrind is not installed")
    return [
        "valgrind",
        f"--tool={tool}",
        "--xml=yes",
        f"--xml-file={logs.xml_path(tool)}",
        "--fair-sched=try",
        "--child-silent-after-fork=yes",
    ]


def _may_be_late(program: Program, compiler: Compiler) -> bool:
    """Tell whether a program runs as ever without names: its options and sources ask for none."""
    texts = [*program.words("env", compiler), program.get("options", compiler)]
    sources = (program.path, *program.files("helper", compiler))
    return not needs_names(*texts) and not any(
        _sets_options(source, source.stat().st_mtime_ns) for source in sources
    )


@functools.lru_cache(maxsize=4096)
def _sets_options(source: Path, _changed: int) -> bool:
    return b"__tsan_default_" in source.read_bytes()


@contextmanager
def _late_names(settings: Settings) -> Iterator[Names | None]:
    """Give what names the logs of programs that run without; None if they look names up."""
    if settings.symbolize == "online":
        yield None
    elif settings.symbolize is None and find_symbolizer() is None:
        yield None  # gcc's runtime brings its own
    else:
        with Symbolizer() as symbolizer:
            yield Names(symbolizer)


@contextmanager
def _build_folder(settings: Settings) -> Iterator[Path]:
    if settings.build_dir is not None:
        folder = Path(settings.build_dir)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="raceshim-build-") as private:
            yield Path(private)


def _in_parallel(
    gate: Callable[[Case], CaseVerdict], cases: Sequence[Case], jobs: int, done: OnVerdict
) -> list[CaseVerdict]:
    """Judge all cases; the verdicts come back in the order of the cases."""
    interrupted = threading.Event()

    def unless_interrupted(case: Case) -> CaseVerdict:
        if interrupted.is_set():
            raise Interrupted
        return gate(case)

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(unless_interrupted, case) for case in cases]
        try:
            pending: set[Future[CaseVerdict]] = set(futures)
            while pending:
                finished, pending = wait(pending, LOOK_UP, FIRST_COMPLETED)
                for future in finished:
                    done(future.result())
        except BaseException:
            interrupted.set()
            pool.shutdown(wait=False, cancel_futures=True)
            end_active()
            raise
    return [future.result() for future in futures]
