# SPDX-License-Identifier: BSD-2-Clause
"""Results of the gate for the tests of its output formats: real reports, and hostile ones."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from raceshim.finding import _merge as _finding
from raceshim.formats._result import (
    CanaryEvidence,
    CommandEnd,
    GateResult,
    ProcessEvidence,
    Runs,
    StaleSuppression,
)
from raceshim.report._parse import (
    Access,
    Failure,
    Frame,
    Report,
    Stack,
    parse_log,
    parse_valgrind_xml,
)
from raceshim.runs._matrix import Cell, CellResult, Matrix, MatrixRow
from raceshim.runs._plan import Plan
from raceshim.runs._tally import Tally
from raceshim.suppress._apply import Suppressed
from raceshim.suppress._rules import Rule, ThreadRule

if TYPE_CHECKING:
    from raceshim.finding._merge import Finding

GOLDEN = Path(__file__).parents[2] / "testdata" / "reports"
ROOT = PurePosixPath("/home/me/project")
STATES = ("PASS", "RACE", "OTHER-KIND", "DIED", "NOT-INSTRUMENTED", "NO-EVIDENCE")
EXIT_CODES = (0, 1, 2, 3, 4, 130)
#: How many hostile results each format is tried with.
EXAMPLES = min(int(os.environ.get("RACESHIM_FUZZ", "60")), 5000)


@cache
def golden(name: str) -> Report:
    """Return the first report of a golden file."""
    return parse_log((GOLDEN / f"{name}.txt").read_text(encoding="utf-8")).reports[0]


@cache
def golden_reports() -> tuple[Report, ...]:
    """Return every golden report of every detector and compiler."""
    found: list[Report] = []
    for path in sorted(GOLDEN.iterdir()):
        if path.suffix == ".txt":
            found += parse_log(path.read_text(encoding="utf-8", errors="replace")).reports
        elif path.suffix == ".xml":
            found += parse_valgrind_xml(path.read_bytes()).reports
    assert len(found) > 100
    return tuple(found)


def finding(report: Report, count: int = 1, programs: tuple[str, ...] = ("t/test_it",)) -> Finding:
    """Return the finding of one report, as if made often and by these programs."""
    return replace(_finding.finding(report), count=count, programs=programs)


def result(exit_code: int = 0, **fields: object) -> GateResult:
    """Return a result of `make check`; `fields` are those of `GateResult`."""
    base = GateResult(
        command=("make", "check"),
        exit_code=exit_code,
        root=ROOT,
        started=datetime(2026, 3, 1, 12, 30, 15, 250000, tzinfo=UTC),
        version="0.1.0",
        end=CommandEnd(0, timed_out=False, seconds=2.5),
        detector="thread",
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def race(count: int = 1) -> Finding:
    """Return the finding of a plain data race."""
    return finding(golden("tsan-clang-19-race_plain"), count)


def runs(*shown: str) -> Runs:
    """Return ten runs with two inputs and two policies, the first three of which show something."""
    tally = Tally()
    for task in Plan(10, ("none", "noise"), inputs=2).tasks():
        tally.add(task, shown if task.number < 3 else ())
    return Runs(
        counted=10,
        clean=6,
        races=3,
        inconclusive=1,
        policies=tally.policies,
        inputs=tally.inputs,
        sureness=tally.sureness(),
        rates={name: tally.rate(name) for name in shown},
    )


def matrix(*names: str, title: str = "data race in <b>") -> Matrix:
    """Return two settings that ran and one that could not be built."""
    cells = [Cell("clang-19", level, "thread", "none") for level in ("O0", "O2", "Os")]
    return Matrix(
        (
            CellResult(cells[0], "races", 1, 5, 1.5),
            CellResult(cells[1], "clean", 0, 5, 1.25),
            CellResult(cells[2], "build failed", 3, 0, 0.0, "x.c:1: error: <b>"),
        ),
        tuple(MatrixRow(name, title, (4, 0, None)) for name in names),
    )


def rich() -> GateResult:
    """Return a result that has something in every field."""
    return result(
        1,
        findings=(
            race(3),
            finding(golden("tsan-clang-19-race_template.machine"), programs=()),
            finding(golden("tsan-gcc-12-race_lost"), programs=("t/test_it", "t/other")),
            finding(golden("asan-clang-19-asan_uaf"), programs=("/usr/bin/tool",)),
        ),
        tolerated=(finding(golden("tsan-clang-19-thread_leak")),),
        suppressed=(
            Suppressed(
                finding(golden("tsan-clang-14-race_heap")),
                Rule(
                    where="raceshim-suppressions.toml:3",
                    reason="third-party code, reported upstream",
                    fingerprint="v1-0123456789abcdef",
                    expires=date(2027, 1, 31),
                ),
            ),
            Suppressed(
                finding(golden("tsan-clang-14-lock_order")),
                ThreadRule("tsan.supp:1", "deadlock", "start_up", "start-up only"),
            ),
        ),
        stale=(
            StaleSuppression("0123456789abcdef", "expired", "r.supp:9", "soon", date(2026, 1, 1)),
            StaleSuppression("race:gone", "unused", "tsan.supp:2", "", None),
        ),
        processes=tuple(
            ProcessEvidence(
                program=f"{ROOT}/t/test_it" if number else None,
                pid=4000 + number,
                state=state,
                detector="thread",
                completed=state == "PASS",
                status=-11 if state == "DIED" else 0,
                kinds=("data race",) if state == "RACE" else (),
                fingerprints=("0123456789abcdef",) if state == "RACE" else (),
                reasons=("a child of it died",) if state == "DIED" else (),
            )
            for number, state in enumerate(STATES)
        ),
        failures=(Failure("DEADLYSIGNAL", 4003, "ThreadSanitizer:DEADLYSIGNAL"),),
        left=((4711, "t/daemon --now"),),
        reasons=("the command failed (exit status 2)",),
        canaries=(
            CanaryEvidence("/home/me/project/t/test_it", caught=True),
            CanaryEvidence("/usr/bin/tool", caught=False, cause="it ran with report_bugs=0"),
        ),
        runs=runs(race().fingerprint),
        matrix=matrix(race().fingerprint),
    )


# Whatever a program can be named, write, or have in its memory: surrogates are bytes that are no
# UTF-8, and the fragments are what each format has to escape.
_FRAGMENTS = st.sampled_from(
    [
        *("]]>", "<!--", "&amp;", "\0", "\x1b[31m", "\r\n", "\r", "\n::error::x", "%0A"),
        *("```", "````\n", "</details>", "|", "[a](1)", "\\", "::stop-commands::x", "\n- x"),
        *("\N{BYTE ORDER MARK}", "\ufffe", "\udcff", "\u202e", "\u2028", "\x85", " ", "\t"),
        *("../..", "a:b", "file://x", "//host/x", '"', "'", "$(x)", "{0}", "<b>", "# x", "@x"),
    ]
)
TEXT = st.lists(
    st.one_of(_FRAGMENTS, st.text(st.characters(exclude_categories=()), max_size=8)), max_size=4
).map("".join)
_MAYBE = st.one_of(st.none(), TEXT)
_NUMBER = st.integers(0, 2**31)
_FRAME = st.builds(Frame, _MAYBE, _MAYBE, _NUMBER, _NUMBER, _MAYBE, st.one_of(st.none(), _NUMBER))
_ACCESS = st.builds(
    Access, TEXT, st.booleans(), _NUMBER, st.integers(0, 2**64 - 1), TEXT,
    st.lists(TEXT, max_size=2).map(tuple),
)  # fmt: skip
_STACK = st.builds(
    Stack,
    TEXT,
    st.sampled_from(("access", "previous", "allocation", "thread", "mutex", "other")),
    st.lists(_FRAME, max_size=2).map(tuple),
    st.one_of(st.none(), _ACCESS),
    st.booleans(),
)
_REPORT = st.builds(
    Report, TEXT, TEXT, st.one_of(st.none(), _NUMBER), st.lists(_STACK, max_size=3).map(tuple),
    _MAYBE, _MAYBE, st.booleans(), TEXT,
)  # fmt: skip
FINDING = st.builds(finding, _REPORT, st.integers(1, 99), st.lists(TEXT, max_size=2).map(tuple))
_DAY = st.one_of(st.none(), st.dates())
_PROCESS = st.builds(
    ProcessEvidence, _MAYBE, st.one_of(st.none(), st.integers(1, 2**22)), st.sampled_from(STATES),
    _MAYBE, st.booleans(), st.one_of(st.none(), st.integers(-64, 255)),
    st.lists(TEXT, max_size=2).map(tuple), st.lists(TEXT, max_size=2).map(tuple),
    st.lists(TEXT, max_size=2).map(tuple),
)  # fmt: skip
HOSTILE = st.builds(
    GateResult,
    command=st.lists(TEXT, max_size=3).map(tuple),
    exit_code=st.sampled_from(EXIT_CODES),
    root=st.one_of(st.just(ROOT), TEXT.map(lambda text: PurePosixPath("/" + text))),
    started=st.datetimes(max_value=datetime.max - timedelta(days=200), timezones=st.just(UTC)),  # noqa: DTZ901
    version=TEXT,
    end=st.one_of(
        st.none(), st.builds(CommandEnd, st.integers(-64, 255), st.booleans(), st.floats(0, 1e7))
    ),
    detector=_MAYBE,
    findings=st.lists(FINDING, max_size=2).map(tuple),
    tolerated=st.lists(FINDING, max_size=1).map(tuple),
    suppressed=st.lists(
        st.builds(Suppressed, FINDING, st.builds(Rule, TEXT, TEXT, TEXT, expires=_DAY)), max_size=1
    ).map(tuple),
    stale=st.lists(
        st.builds(StaleSuppression, TEXT, st.sampled_from(("unused", "expired")), TEXT, TEXT, _DAY),
        max_size=1,
    ).map(tuple),
    processes=st.lists(_PROCESS, max_size=2).map(tuple),
    failures=st.lists(
        st.builds(Failure, TEXT, st.one_of(st.none(), _NUMBER), TEXT), max_size=1
    ).map(tuple),
    left=st.lists(st.tuples(_NUMBER, TEXT), max_size=1).map(tuple),
    reasons=st.lists(TEXT, max_size=2).map(tuple),
    matrix=st.none() | st.builds(matrix, TEXT, title=TEXT),
    canaries=st.none()
    | st.lists(st.builds(CanaryEvidence, TEXT, st.booleans(), TEXT), max_size=2).map(tuple),
)
