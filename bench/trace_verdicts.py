# SPDX-License-Identifier: BSD-2-Clause
"""Whether ThreadSanitizer says the same of a program that is traced, and as often.

Every program of testdata/ that ThreadSanitizer judges, its control too, is built once for each
compiler, with an event at the beginning and the end of each of its functions. Then it runs again
and again, in turns:

    without  no trace
    trace    RACESHIM_TRACE, which has those events
    auto     and automatic events besides: threads, waits, calls that may wait

So all three meet the same load. Each trace has to be valid, and its events are counted. Every run
is a line of JSON in the file of results, which a second call goes on with; `--tell` adds up what is
there, `--table FILE` writes it as a table for docs/trace.md.

Exits with 1 if a trace is not valid, if something is reported of a program that has to be clean,
or if a program shows what it has to more or less often with a trace, in Fisher's exact test of both
sides at 1 %, divided by the number of tests.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._build import Builder, Built, Case, compile_c
from raceshim._programs import load_programs
from raceshim._tasks import run_program
from raceshim._verdicts import CaseVerdict
from raceshim.cc import _prefix
from raceshim.cc._compilers import Compiler, find_all
from raceshim.evidence._late import Names
from raceshim.evidence._symbolizer import Symbolizer
from raceshim.trace._check import check
from raceshim.trace._read import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TESTDATA = Path(__file__).parents[1] / "testdata"
VARIABLE = "RACESHIM_TRACE"
#: What the variable says in each arm; `%p` lies beside the program.
ARMS = {"without": "", "trace": "%p.trace:raw", "auto": "%p.trace:raw:auto"}
#: How sure a difference has to be, all of them together.
LEVEL = 0.01
#: What compilers call at each function's beginning and end. Some programs call millions.
HOOKS = """\
#include <raceshim/trace.h>

static __thread unsigned int events;

void __cyg_profile_func_enter(void *function, void *caller)
{
	(void)function;
	(void)caller;
	if (events < 1000)
		RSH_TRACE_INSTANT_1_SIG("function", ++events);
}

void __cyg_profile_func_exit(void *function, void *caller)
{
	(void)function;
	(void)caller;
	if (events < 1000)
		RSH_TRACE_INSTANT_1_SIG("back", ++events);
}
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run."""

    program: str
    variant: str
    compiler: str
    arm: str
    expected: str
    got: str
    right: bool
    events: int = 0
    lost: int = 0
    wrong: str = ""  # with the trace


def traced(compiler: Compiler, folder: Path) -> Compiler:
    """Return a compiler that links programs with the tracer, and with events of theirs."""
    folder.mkdir(parents=True)
    source, hooks, script = folder / "hooks.c", folder / "hooks.o", folder / compiler.name
    source.write_text(HOOKS)
    compile_c(compiler, ["-O2", f"-I{_prefix.includes()}", "-c", source, "-o", hooks], folder)
    wrap = _prefix.share("lockprof.wrap")
    more = shlex.join(
        ["-finstrument-functions", "-Wl,-u,rsh_trace_start", f"-Wl,@{wrap}", str(hooks)]
    )
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *libraceshim.a*) set -- {more} "$@" ;; esac\n'
        f'exec {shlex.quote(compiler.cc)} "$@"\n'
    )
    script.chmod(0o755)
    return Compiler(compiler.name, compiler.family, str(script), compiler.cxx)


def cases(paths: Sequence[Path], compilers: Iterable[Compiler]) -> list[Case]:
    """Return what there is to run: not those that trace themselves."""
    return [
        Case(program, variant, compiler)
        for path in paths
        for program in load_programs(path)
        if program.detector == "thread" and "trace" not in program.path.stem.split("_")
        for compiler in compilers
        if program.runs_on(compiler)
        for variant in program.variants(compiler)
    ]


def traces_of(built: Built) -> tuple[int, int, str]:
    """Return how many events a run has left and lost, and what is wrong with its traces."""
    events, lost = 0, 0
    wrong: list[str] = []
    for path in sorted(built.binary.parent.glob("*.trace*")):
        # A process that was killed may not have come to write any of it.
        if path.stat().st_size:
            trace = read_file(path)
            events += len(trace.events)
            lost += trace.lost
            wrong += check(trace).wrong
        path.unlink()
    return events, lost, "; ".join(wrong)


def run(built: Built, arm: str, names: Names) -> Trial:
    """Run a program once in an arm."""
    case = built.case
    os.environ.pop(VARIABLE, None)
    if ARMS[arm]:
        os.environ[VARIABLE] = ARMS[arm]
    shown = run_program(built, names)
    os.environ.pop(VARIABLE, None)
    verdict = CaseVerdict(case, case.program.outcomes(case.variant, case.compiler), (shown,))
    return Trial(
        *key_of_case(case),
        arm,
        case.program.expected(case.variant, case.compiler),
        next(iter(verdict.got)),
        verdict.right == 1,
        *traces_of(built),
    )


def measure(options: argparse.Namespace) -> None:
    """Run all programs in all arms, and keep each run."""
    done = Counter((*key_of(one), one.arm) for one in read(options.results))
    with tempfile.TemporaryDirectory() as name, Symbolizer() as symbolizer:
        folder, names = Path(name), Names(symbolizer)
        compilers = [traced(c, folder / f"of-{c.name}") for c in find_all(options.compilers)]
        builder = Builder(folder / "build")
        built = [builder.build(case) for case in cases(options.programs, compilers)]
        for number in range(options.runs):
            for one in built:
                clean = one.case.program.expected(one.case.variant, one.case.compiler) == "clean"
                if clean and number >= options.clean_runs:
                    continue
                for arm in ARMS:
                    if number >= done[(*key_of_case(one.case), arm)]:
                        line = json.dumps(asdict(run(one, arm, names)))
                        with options.results.open("a") as file:
                            file.write(line + "\n")


def read(results: Path) -> list[Trial]:
    """Return all runs of a file."""
    if not results.exists():
        return []
    return [Trial(**json.loads(line)) for line in results.read_text().splitlines()]


def key_of_case(case: Case) -> tuple[str, str, str]:
    """Return its program, its variant, and its compiler."""
    program = str(case.program.path.resolve().relative_to(TESTDATA))
    return program, case.variant, case.compiler.name


def key_of(one: Trial) -> tuple[str, str, str]:
    """Return what all arms are run of."""
    return one.program, one.variant, one.compiler


def fisher(a: int, of_a: int, b: int, of_b: int) -> float:
    """Return how likely two samples of one rate differ as much as these, to either side."""
    both = a + b
    ways = {
        k: comb(of_a, k) * comb(of_b, both - k)
        for k in range(max(0, both - of_b), min(of_a, both) + 1)
    }
    return sum(n for n in ways.values() if n <= ways[a]) / comb(of_a + of_b, both)


@dataclass(slots=True)
class Cell:
    """The runs of a program in an arm."""

    runs: int = 0
    right: int = 0
    events: int = 0

    def __str__(self) -> str:
        """As tables have it."""
        return f"{self.right}/{self.runs}"


def cells_of(trials: Sequence[Trial]) -> dict[tuple[str, str, str], dict[str, Cell]]:
    """Return the cells: case, arm."""
    cells: dict[tuple[str, str, str], dict[str, Cell]] = defaultdict(
        lambda: {arm: Cell() for arm in ARMS}
    )
    for one in trials:
        cell = cells[key_of(one)][one.arm]
        cell.runs += 1
        cell.right += one.right
        cell.events += one.events
    return cells


def differences(
    cells: dict[tuple[str, str, str], dict[str, Cell]],
) -> dict[tuple[tuple[str, str, str], str], float]:
    """Return for each case and arm with a trace how likely it is the same as without."""
    return {
        (key, arm): fisher(
            arms["without"].right, arms["without"].runs, arms[arm].right, arms[arm].runs
        )
        for key, arms in cells.items()
        for arm in ARMS
        if arm != "without"
    }


def tell(trials: Sequence[Trial]) -> bool:
    """Print what the runs say, and return whether something is wrong."""
    cells, bad = cells_of(trials), False
    differ = differences(cells)
    print(f"{len(cells)} cases, {len(trials)} runs; load now {os.getloadavg()[0]:.1f}")
    for arm in ARMS:
        mine = [one for one in trials if one.arm == arm]
        racy = [one for one in mine if one.expected != "clean"]
        clean = [one for one in mine if one.expected == "clean"]
        print(
            f"{arm:8} races shown {sum(one.right for one in racy)}/{len(racy)}, "
            f"clean {sum(one.right for one in clean)}/{len(clean)}, "
            f"{sum(one.events for one in mine)} events, {sum(one.lost for one in mine)} lost"
        )
        for one in mine:
            if one.wrong or (arm != "without" and one.expected == "clean" and not one.right):
                bad = True
                print("  ", *key_of(one), one.got, one.wrong)
        if arm != "without" and not sum(one.events for one in mine):
            bad = True
            print("   nothing was traced")
    for (key, arm), p in sorted(differ.items(), key=lambda item: item[1]):
        sure = p < LEVEL / len(differ)
        bad |= sure
        if p < 0.05:  # of twenty one is, by chance
            arms = cells[key]
            said = "differs" if sure else "chance"
            print(f"{' '.join(key)}: without {arms['without']}, {arm} {arms[arm]}: {p:.2g} {said}")
    return bad


def table(trials: Sequence[Trial]) -> str:
    """Return a table: of each compiler and arm all together, then what is not always the same."""
    lines = [
        "| compiler | | cases | without | trace | auto | p, trace | p, auto |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for compiler in dict.fromkeys(one.compiler for one in trials):
        for kind, title in ((False, "races, shown"), (True, "clean, silent")):
            mine = [
                one
                for one in trials
                if one.compiler == compiler and (one.expected == "clean") == kind
            ]
            sums = {arm: Cell() for arm in ARMS}
            for one in mine:
                sums[one.arm].runs += 1
                sums[one.arm].right += one.right
            lines.append(row(compiler, title, len({key_of(one) for one in mine}), sums))
    for (program, variant, compiler), arms in cells_of(trials).items():
        if len({cell.right == cell.runs for cell in arms.values()} | {True}) > 1:
            stem = Path(program).stem + (" (control)" if variant == "control" else "")
            lines.append(row(compiler, f"`{stem}`", 1, arms))
    return "\n".join(lines) + "\n"


def row(compiler: str, title: str, count: int, arms: dict[str, Cell]) -> str:
    """Return a line of the table."""
    base = arms["without"]
    ps = [fisher(base.right, base.runs, arms[a].right, arms[a].runs) for a in ("trace", "auto")]
    cells = [compiler, title, str(count), *(str(arms[arm]) for arm in ARMS)]
    return "| " + " | ".join([*cells, *(f"{p:.2g}" for p in ps)]) + " |"


def main() -> int:
    """Measure, then tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("programs", nargs="*", type=Path, default=[TESTDATA])
    parser.add_argument("--results", type=Path, required=True, help="JSON lines, gone on with")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument(
        "--clean-runs", type=int, default=10, help="of programs that show no race to be missed"
    )
    parser.add_argument("--compilers", default="all")
    parser.add_argument("--table", type=Path, help="write a table here")
    parser.add_argument("--tell", action="store_true", help="run nothing")
    options = parser.parse_args()
    if not options.tell:
        measure(options)
    trials = read(options.results)
    bad = tell(trials)
    if options.table:
        options.table.write_text(table(trials))
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
