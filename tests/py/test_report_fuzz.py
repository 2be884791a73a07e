# SPDX-License-Identifier: BSD-2-Clause
"""Damaged logs: nothing crashes, nothing hangs, and no report is lost and called clean.

RACESHIM_FUZZ_MUTATIONS sets the number of mutations; the slower proof makes a million. A failing
test's seed gives the same mutations again.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from raceshim.report._parse import ParsedLog, Report, parse_log, parse_valgrind_xml, render_report

if TYPE_CHECKING:
    from collections.abc import Callable

REPORTS = Path(__file__).parents[2] / "testdata" / "reports"
MUTATIONS = int(os.environ.get("RACESHIM_FUZZ_MUTATIONS", "24000"))
SEEDS = 4

#: Written apart from the parser's own idea of a header.
HEADER = re.compile(
    r"WARNING: ThreadSanitizer: .|==\d+== ?(?:ERROR|WARNING): \w+Sanitizer: .|: runtime error: "
)
LOGS = {
    path.name.removesuffix(".txt"): path.read_text()
    for path in sorted(REPORTS.glob("*.txt"))
    if path.stat().st_size < 6000
}
REPORTING = {name: text for name, text in LOGS.items() if parse_log(text).reports}
TSAN = {name: text for name, text in REPORTING.items() if name.startswith("tsan-")}
XMLS = {path.name: path.read_bytes() for path in sorted(REPORTS.glob("*.xml"))}
#: A log or two of every family and format.
SAMPLE = (
    "tsan-clang-19-race_mutexes",
    "tsan-gcc-12-race_heap.machine",
    "tsan-clang-14-lock_order",
    "tsan-clang-19-external_header",
    "tsan-gcc-12-race_lost",
    "asan-clang-19-asan_uaf",
    "msan-clang-14-msan_stack",
    "ubsan-clang-19-ubsan_stack",
    "lsan-gcc-12-asan_leak",
)


def generator(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - repeatable, not secret


def is_clean(log: ParsedLog) -> bool:
    return log.complete and not log.reports and not log.failures


def check_values(log: ParsedLog) -> None:
    for report in log.reports:
        assert report.text
        assert render_report(report)
        assert all(stack.frames or not stack.restored for stack in report.stacks)


def end_of_last_report(text: str) -> int:
    """Where the last line of the last report ends, by the means of each family."""
    if "WARNING: ThreadSanitizer: " in text:
        rule = "\n==================\n"
        return text.index(rule, text.rindex("SUMMARY: ThreadSanitizer: ")) + len(rule)
    if ": runtime error: " in text:
        return text.index("\n\n") + 2 if "\n\n" in text else len(text)
    summary = text.rfind("SUMMARY: ")
    if summary >= 0:
        return text.index("\n", summary) + 1
    return len(text)


def check_cuts(text: str) -> None:
    header = HEADER.search(text)
    assert header is not None
    end = end_of_last_report(text)
    first_line = text.index("\n", header.end()) + 1
    for cut in range(header.end(), len(text) + 1):
        log = parse_log(text[:cut])
        assert log.reports, f"cut at {cut}: the report is gone"
        # UBSan without stacks, and gcc's without a summary either, says no more than one line
        if log.reports[0].detector == "UndefinedBehaviorSanitizer" and not any(
            marker in text[first_line:cut] for marker in ("    #", "@{#")
        ):
            assert log.complete == (cut >= first_line), f"cut at {cut}"
            continue
        # without its newline the last rule is still whole
        if cut < end - 1:
            assert not log.complete, f"cut at {cut}: called complete"
    assert parse_log(text).complete


@pytest.mark.parametrize("name", SAMPLE)
def test_log_cut_at_any_byte_is_incomplete(name: str) -> None:
    check_cuts(REPORTING[name])


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [name for name, text in REPORTING.items() if len(HEADER.findall(text)) == 1],
)
def test_every_log_cut_at_any_byte_is_incomplete(name: str) -> None:
    check_cuts(REPORTING[name])


def mutate(rng: random.Random, text: str) -> str:
    """Damage a log once."""
    lines = text.splitlines(keepends=True)
    here = rng.randrange(len(text) or 1)
    there = min(len(text), here + rng.randrange(1, 200))
    other = rng.choice(list(LOGS.values()))
    index = rng.randrange(len(lines) or 1)
    damages: list[Callable[[], str]] = [
        lambda: text[:here] + chr(rng.randrange(256)) + text[here + 1 :],
        lambda: text[:here] + text[there:],
        lambda: text[:there] + text[here:],
        lambda: text[:here] + other[: rng.randrange(len(other) or 1)] + text[here:],
        lambda: text[:here],
        lambda: "".join(rng.sample(lines, len(lines))),
        lambda: "".join(lines[:index] + lines[index + 1 :]),
        lambda: text[:here] + "".join(rng.sample(text[here:there], there - here)) + text[there:],
        lambda: "".join(merge(rng, lines, other.splitlines(keepends=True))),
    ]
    return rng.choice(damages)()


def merge(rng: random.Random, left: list[str], right: list[str]) -> list[str]:
    """Interleave two logs, each in its own order, in runs of lines."""
    left, right, merged = left[:], right[:], []
    while left or right:
        source = left if left and (not right or rng.random() < 0.5) else right
        run = rng.randrange(1, 6)
        merged += source[:run]
        del source[:run]
    return merged


def check_mutations(seed: int, count: int) -> None:
    rng = generator(seed)
    texts = list(LOGS.values())
    for _ in range(count):
        text = rng.choice(texts)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            text = mutate(rng, text)
        log = parse_log(text)
        check_values(log)
        headers = [line for line in text.split("\n") if HEADER.search(line) and len(line) < 4096]
        assert len(log.reports) >= len(headers), text
        if headers:
            assert not is_clean(log), text


@pytest.mark.parametrize("seed", range(SEEDS))
def test_mutated_log_with_a_header_is_never_clean(seed: int) -> None:
    check_mutations(seed, MUTATIONS // SEEDS)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 100 + SEEDS))
def test_of_a_million_mutated_logs_none_is_clean(seed: int) -> None:
    check_mutations(seed, 1_000_000 // SEEDS)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_one_changed_byte_never_makes_a_report_clean(seed: int) -> None:
    rng = generator(1000 + seed)
    texts = [text for name, text in REPORTING.items() if not name.startswith("ubsan-gcc")]
    for _ in range(MUTATIONS // SEEDS // 4):
        text = rng.choice(texts)
        here = rng.randrange(len(text))
        damaged = text[:here] + chr(rng.randrange(256)) + text[here + 1 :]
        assert not is_clean(parse_log(damaged)), damaged


def told(report: Report) -> tuple[object, ...]:
    return report.kind, report.pid, report.stacks, report.location, report.summary


@pytest.mark.parametrize("seed", range(SEEDS))
def test_reports_that_overlap_are_incomplete_and_the_others_are_as_written(seed: int) -> None:
    rng = generator(2000 + seed)
    names = [name for name, text in TSAN.items() if text.startswith("=" * 18)]
    overlaps = 0
    for _ in range(MUTATIONS // SEEDS // 8):
        left = TSAN[rng.choice(names)]
        right = re.sub(r"(?<=pid=)\d+", lambda pid: f"5{pid[0]}", TSAN[rng.choice(names)])
        mixed = "".join(merge(rng, left.splitlines(keepends=True), right.splitlines(keepends=True)))
        written = {told(report) for text in (left, right) for report in parse_log(text).reports}
        log = parse_log(mixed)
        assert len(log.reports) >= len(written), mixed
        marks = re.findall(r"^(?:WARNING|SUMMARY)", mixed, re.MULTILINE)
        if marks[:2] == ["WARNING", "WARNING"]:
            overlaps += 1
            assert not log.complete, mixed
            assert not any(report.complete for report in log.reports[:2]), mixed
        elif log.complete:
            assert {told(report) for report in log.reports} == written, mixed
    assert overlaps


@pytest.mark.parametrize("seed", range(SEEDS))
def test_damaged_xml_is_read_or_incomplete(seed: int) -> None:
    rng = generator(3000 + seed)
    for _ in range(MUTATIONS // SEEDS // 40):
        data = rng.choice(list(XMLS.values()))
        whole = len(parse_valgrind_xml(data).reports)
        here = rng.randrange(len(data))
        cut = parse_valgrind_xml(data[:here])
        check_values(cut)
        assert not cut.complete or not data[here:].strip()
        there = here + rng.randrange(1, 200)
        damaged = data[:here] + rng.randbytes(rng.randrange(3)) + data[there:]
        log = parse_valgrind_xml(damaged)
        check_values(log)
        if whole and data.count(b"<error>") == damaged.count(b"<error>"):
            assert log.reports or not log.complete


PATHOLOGICAL: dict[str, Callable[[int], str]] = {
    "frame of spaces": lambda n: "    #0 " + " " * n + "x",
    "frame of parentheses": lambda n: "    #0 f" + " (" * (n // 2) + "+0x1)",
    "frame of offsets": lambda n: "    #0 f (" + "+0x1" * (n // 4) + "x)",
    "frame of positions": lambda n: "    #0 f a" + ":1" * (n // 2) + "x",
    "frame of build ids": lambda n: "    #0 f a.c:1" + " (BuildId: " * (n // 11),
    "machine frame of separators": lambda n: "@{#0<|>0x1<|>1<|>1<|>0x1<|>" + "<|>" * (n // 3),
    "access of threads": lambda n: "  Write of size 4 at 0x1 by " + "by (" * (n // 4),
    "external access": lambda n: "  Modifying access of " + " at 0x1 by " * (n // 11),
    "mutexes": lambda n: "  Write of size 4 at 0x1 by main thread (mutexes: " + "w M0, " * (n // 6),
    "label of threads": lambda n: "  Thread T1 " + "created by " * (n // 11) + "at:",
    "header of pids": lambda n: "WARNING: ThreadSanitizer: k" + " (pid=1)" * (n // 8) + "x",
    "error header": lambda n: "==1==ERROR: AddressSanitizer: " + " on (0x in thread " * (n // 18),
    "error pids": lambda n: "==1" * (n // 3) + "==ERROR: Sanitizer",
    "ubsan message": lambda n: "a.c:1:2: runtime error: " + "load of value " * (n // 14),
    "ubsan place": lambda n: ":1" * (n // 2) + ": runtime error: x",
    "sanitizer names": lambda n: "Sanitizer" * (n // 9) + " CHECK failed",
    "located": lambda n: "0x1 is located " + "1-byte region " * (n // 14),
    "many headers": lambda n: "WARNING: ThreadSanitizer: data race (pid=1)\n" * (n // 44),
    "many rules": lambda n: ("=" * 18 + "\n") * (n // 19),
    "many errors": lambda n: "==1==ERROR: AddressSanitizer: x on address\n" * (n // 43),
}


@pytest.mark.parametrize("shape", PATHOLOGICAL)
def test_time_grows_with_length_and_not_with_its_square(shape: str) -> None:
    """Eight times the text may take three times its eight times; a square would take 64."""
    prefix = "WARNING: ThreadSanitizer: data race (pid=1)\n==1==ERROR: AddressSanitizer: x\n"

    def cost(size: int) -> float:
        texts = [prefix + PATHOLOGICAL[shape](size) + str(salt) for salt in range(5)]
        best = float("inf")
        for text in texts:  # distinct, since frames are remembered
            begun = time.process_time()
            parse_log(text)
            best = min(best, time.process_time() - begun)
        return best

    small, large = cost(4000), cost(32000)
    assert large < 24 * max(small, 0.0005)


def test_ten_thousand_reports_fit_into_300_megabytes() -> None:
    program = """
import itertools, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))
from raceshim.report._parse import parse_log
texts = [path.read_text() for path in sorted(Path(sys.argv[1]).glob("tsan-*-race_*.txt"))]
parts, count = [], 0
for number, text in enumerate(itertools.cycle(texts)):
    # no two reports alike, so that nothing can be shared
    parts.append(text.replace("+0x", f"+0x{number:x}").replace("main", f"main{number}"))
    count += text.count("WARNING: ThreadSanitizer: ")
    if count >= 10_000:
        break
log = parse_log("".join(parts))
assert sum(report.detector == "ThreadSanitizer" for report in log.reports) >= count
assert log.complete
"""
    done = subprocess.run(
        [sys.executable, "-c", program, REPORTS], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_bytes_of_no_encoding_and_foreign_line_ends_are_read() -> None:
    text = REPORTING["tsan-clang-19-race_plain"]
    (wanted,) = parse_log(text).reports
    (crlf,) = parse_log(text.replace("\n", "\r\n")).reports
    assert (crlf.stacks, crlf.complete) == (wanted.stacks, True)
    noise = "\udcff\x00\x0b\x0c\x1c\x85\u2028"
    noisy = "".join(
        itertools.chain.from_iterable((line, noise + "\n") for line in text.splitlines(True))
    )
    (report,) = parse_log(noisy).reports
    assert (report.stacks, report.complete) == (wanted.stacks, True)
