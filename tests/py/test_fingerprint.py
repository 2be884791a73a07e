# SPDX-License-Identifier: BSD-2-Clause
"""A fingerprint is the same for one bug, however it is reported, and another for another bug."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raceshim.finding._fingerprint import KIND_CLASSES, classify, fingerprint, parts
from raceshim.finding._frames import Origin, bare_function, origin, stable_file
from raceshim.finding._interceptors import INTERCEPTED
from raceshim.report._parse import Access, Frame, Report, Stack, parse_log, parse_valgrind_xml

REPORTS = Path(__file__).parents[2] / "testdata" / "reports"
COMPILERS = ("clang-14", "clang-19", "gcc-12")
#: What compilers do not report alike: other checks, names without their scope (gcc 12), no names.
UNLIKE = {
    ("tsan", "race_raw"),
    ("ubsan", "ubsan_divide"),
    ("ubsan", "ubsan_many"),
    ("ubsan", "ubsan_null"),
    ("tsan", "race_template"),
}


def read(name: str) -> tuple[Report, ...]:
    path = REPORTS / name
    if path.suffix == ".xml":
        return parse_valgrind_xml(path.read_bytes()).reports
    return parse_log(path.read_text()).reports


def one(name: str) -> Report:
    return read(f"{name}.txt")[0]


@cache
def corpus() -> dict[tuple[str, str], dict[str, tuple[Report, ...]]]:
    """(tool, case) -> file name -> reports."""
    found: dict[tuple[str, str], dict[str, tuple[Report, ...]]] = defaultdict(dict)
    for path in sorted([*REPORTS.glob("*.txt"), *REPORTS.glob("*.xml")]):
        tool, _, rest = path.name.partition("-")
        compiler = next(name for name in COMPILERS if rest.startswith(name))
        case = rest.removeprefix(f"{compiler}-").partition(".")[0]
        found[tool, case][path.name] = read(path.name)
    return {key: files for key, files in found.items() if any(files.values())}


def prints(reports: tuple[Report, ...]) -> frozenset[str]:
    return frozenset(fingerprint(part).text for report in reports for part in parts(report))


# The corpus


@pytest.mark.parametrize("key", sorted(corpus()), ids="-".join)
def test_compilers_and_formats_agree(key: tuple[str, str]) -> None:
    files = corpus()[key]
    found = {name: prints(reports) for name, reports in files.items()}
    if key not in UNLIKE:
        assert len(set(found.values())) == 1, found
    for compiler in COMPILERS:  # written for people or for machines
        assert len({found[name] for name in found if compiler in name}) <= 1


def test_those_that_do_not_agree_are_known() -> None:
    unlike = {
        key for key, files in corpus().items() if len({prints(r) for r in files.values()}) > 1
    }
    assert unlike == UNLIKE


def test_different_cases_differ() -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for (_, case), files in corpus().items():
        for reports in files.values():
            for text in prints(reports):
                owners[text].add(case)
    assert len(owners) > 80
    assert [cases for cases in owners.values() if len(cases) > 1] == []


def test_every_kind_has_a_class() -> None:
    classes = {
        (report.detector, report.kind): classify(report)
        for files in corpus().values()
        for reports in files.values()
        for report in reports
    }
    assert "other" not in classes.values()
    assert set(classes.values()) <= set(KIND_CLASSES)
    thread = {kind: found for (tool, kind), found in classes.items() if tool == "ThreadSanitizer"}
    assert thread == {
        "data race": "race",
        "data race on vptr (ctor/dtor vs virtual call)": "race",
        "heap-use-after-free": "race",
        "heap-use-after-free (virtual call vs free)": "race",
        "race on my queue": "race",
        "two users (at once) of a list": "race",
        "lock-order-inversion (potential deadlock)": "lock-order",
        "thread leak": "thread-leak",
        "signal-unsafe call inside of a signal": "signal",
        "signal handler spoils errno": "signal",
        "destroy of a locked mutex": "mutex",
        "double lock of a mutex": "mutex",
        "mutex held in the wrong context": "mutex",
        "read lock of a write locked mutex": "mutex",
        "read unlock of a write locked mutex": "mutex",
        "unlock of an unlocked mutex (or by a wrong thread)": "mutex",
        "use of an invalid mutex (e.g. uninitialized or destroyed)": "mutex",
        "SEGV": "died",
        "stack-overflow": "died",
        "requested allocation size": "died",
    }


def test_every_site_of_the_corpus_is_the_programs_own() -> None:
    """But for what has no code of its own: a new thread's stack and TLS block."""
    told = {
        name
        for files in corpus().values()
        for name, reports in files.items()
        for report in reports
        if any("no frame of the program" in doubt for doubt in fingerprint(report).doubts)
    }
    assert {re.sub(r"tsan-\w+-\d+-|\.txt", "", name) for name in told} == {
        "race_stack_thread",
        "race_tls",
    }


# What it is made of


def test_the_canonical_text_is_what_the_documentation_says() -> None:
    found = fingerprint(one("tsan-gcc-12-race_atomic"))
    assert found.canonical == (
        '["raceshim",1,"race","",[["atomic",["race_atomic.c","counting"]],'
        '["plain",["race_atomic.c","report_counter"]]]]'
    )
    assert found.text == f"v1-{sha256(found.canonical.encode()).hexdigest()[:16]}"
    assert re.fullmatch(r"v1L-[0-9a-f]{16}", found.long_key)


@pytest.mark.parametrize(
    ("name", "text", "long_key"),
    [
        ("tsan-clang-19-race_plain", "v1-b4e4a47b6827e65b", "v1L-b4e4a47b6827e65b"),
        ("tsan-clang-14-lock_order", "v1-cf2d78a52ed1ffac", "v1L-cf2d78a52ed1ffac"),
        ("asan-gcc-12-asan_uaf", "v1-46475efbcec34642", "v1L-46475efbcec34642"),
    ],
)
def test_a_fingerprint_of_version_1_stays_for_ever(name: str, text: str, long_key: str) -> None:
    """Who has written one into a suppression counts on it: raise VERSION instead."""
    found = fingerprint(one(name))
    assert (found.text, found.long_key) == (text, long_key)


def swapped(report: Report) -> Report:
    first, second, *rest = report.stacks
    return replace(
        report,
        stacks=(replace(second, role="access"), replace(first, role="previous"), *rest),
    )


@pytest.mark.parametrize(
    "case", ["race_plain", "race_atomic", "race_memset", "uaf_thread", "external", "race_heap"]
)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_it_is_all_the_same_who_lost_the_race(case: str, compiler: str) -> None:
    report = one(f"tsan-{compiler}-{case}")
    found, other = fingerprint(report), fingerprint(replace(swapped(report), kind="data race"))
    assert found.text == other.text
    assert found.long_key == other.long_key
    assert found.canonical == other.canonical


@given(st.data())
def test_numbers_are_no_part_of_it(data: st.DataObject) -> None:
    """Lines, columns, addresses, sizes, process and thread ids, build ids and threads' names."""
    case = data.draw(st.sampled_from(["race_plain", "race_mutexes", "lock_order", "thread_leak"]))
    compiler = data.draw(st.sampled_from(COMPILERS))
    text = (REPORTS / f"tsan-{compiler}-{case}.txt").read_text()
    number = st.integers(1, 99999)

    def other(match: re.Match[str]) -> str:
        return f"{match[1]}{data.draw(number)}"

    # An address is kept apart from others by what is in front of it.
    moved = re.sub(r"(\.[ch]:)\d+", other, text)
    moved = re.sub(r"(pid=|tid=|of size )\d+", other, moved)
    moved = re.sub(r"(\+0x|at 0x)[0-9a-f]+", other, moved)
    moved = re.sub(r"SUMMARY: ThreadSanitizer: .*", "SUMMARY: ThreadSanitizer: else", moved)
    assert moved != text
    (before,), (after,) = parse_log(text).reports, parse_log(moved).reports
    assert fingerprint(before).text == fingerprint(after).text
    assert fingerprint(before).long_key == fingerprint(after).long_key


@pytest.mark.parametrize(
    "change",
    [
        lambda f: replace(f, function=f"{f.function}_too"),
        lambda f: replace(f, file=f"other_{f.file}"),
    ],
)
@pytest.mark.parametrize("side", [0, 1])
def test_another_function_or_file_on_either_side_is_another_bug(side: int, change: object) -> None:
    report = one("tsan-clang-19-race_plain")
    stacks = list(report.stacks)
    top, *rest = stacks[side].frames
    stacks[side] = replace(stacks[side], frames=(change(top), *rest))  # type: ignore[operator]
    assert fingerprint(replace(report, stacks=tuple(stacks))).text != fingerprint(report).text


def test_atomic_or_not_is_a_difference_and_read_or_write_is_none() -> None:
    report = one("tsan-clang-19-race_plain")
    first, *rest = report.stacks
    assert first.access is not None

    def with_access(**fields: object) -> str:
        access = replace(first.access, **fields)  # type: ignore[type-var, arg-type]
        return fingerprint(replace(report, stacks=(replace(first, access=access), *rest))).text

    plain = fingerprint(report).text
    assert with_access(operation="read") == with_access(operation="write") == plain
    assert len({with_access(atomic=True), with_access(operation="free"), plain}) == 3


def test_the_long_key_tells_callers_apart() -> None:
    report = one("tsan-clang-19-race_memset")
    first, *rest = report.stacks
    caller = replace(first.frames[-1], function="another_caller")
    other = replace(report, stacks=(replace(first, frames=(*first.frames[:-1], caller)), *rest))
    assert fingerprint(report).text == fingerprint(other).text
    assert fingerprint(report).long_key != fingerprint(other).long_key


def test_recursion_does_not_lengthen_anything() -> None:
    report = one("tsan-clang-19-race_plain")
    first, *rest = report.stacks
    deep = replace(first, frames=(*[first.frames[0]] * 5, *first.frames))
    assert fingerprint(replace(report, stacks=(deep, *rest))).long_key == (
        fingerprint(report).long_key
    )


# Stacks that are special


def frame(function: str | None, file: str | None = "a.c", module: str | None = "/p/prog") -> Frame:
    return Frame(function, file, 1, 0, module, 0x1234)


def race(*tops: tuple[Frame, ...]) -> Report:
    stacks = tuple(
        Stack(
            "",
            "previous" if at else "access",
            frames,
            Access("write", False, 4, 0x10, f"thread T{at}", ()),
            restored=bool(frames),
        )
        for at, frames in enumerate(tops)
    )
    return Report("ThreadSanitizer", "data race", 1, stacks, None, None, complete=True, text="")


def sites(report: Report) -> list[list[str]]:
    return [[name for _, name in site.names] for site in fingerprint(report).sites]


USER = (frame("user"), frame("main"))


@pytest.mark.parametrize(
    "above",
    [
        [frame("memcpy", None)],
        [frame("__interceptor_memcpy", None)],
        [frame("memcpy", "../../../../src/libsanitizer/tsan/x.inc", "/usr/lib/libtsan.so.2")] * 2,
        [frame("memcpy@@GLIBC_2.14", None, "/usr/lib/libc.so.6")],
        [frame("_IO_file_xsputn", None, "/usr/lib/libc.so.6"), frame("fwrite", None)],
        [frame("__tsan_write_range", None)],
        [frame("memcpy", "/usr/include/x86_64-linux-gnu/bits/string_fortified.h")],
        [frame("std::vector<int>::push_back(int)", "/usr/include/c++/12/bits/stl_vector.h")],
        [frame("std::__1::swap<int>(int&, int&)", "/opt/llvm/include/c++/v1/swap.h")],
        [frame("rsh_copy_out", "shim/src/core/copy.c")],
        [frame("rsh_cover_write", "cover.c"), frame("rshi_sweep", "cover.c")],
        [frame(None, None, "/usr/libexec/valgrind/vgpreload_helgrind-amd64-linux.so")],
        [frame("operator delete(void*)", None)],
    ],
)
def test_the_site_is_below_runtime_and_libraries(above: list[Frame]) -> None:
    report = race((*above, *USER), (frame("other"),))
    assert sorted(sites(report)) == [["other"], ["user"]]
    assert fingerprint(report).doubts == ()


def test_a_function_that_has_a_file_is_the_programs_own_whatever_its_name() -> None:
    assert sites(race((frame("read", "queue.c"),), (frame("send", "queue.c"),))) == [
        ["read"],
        ["send"],
    ]


def test_a_stack_without_own_frames_is_told() -> None:
    inner = (frame("rsh_copy_out", "copy.c"), frame("rshi_step", "copy.c"))
    found = fingerprint(race(inner, USER))
    assert [site.names[0][1] for site in found.sites] == ["user", "rsh_copy_out"]
    assert found.doubts == ("a stack has no frame of the program itself",)


def test_a_lost_stack_is_told_and_is_no_function() -> None:
    found = fingerprint(one("tsan-gcc-12-race_lost"))
    assert [site.names for site in found.sites] == [(), (("race_lost.c", "main"),)]
    assert found.doubts == ("the detector has lost a stack",)


def test_a_missing_side_is_told() -> None:
    report = race(USER)
    found = fingerprint(replace(report, complete=False))
    assert found.text != fingerprint(race(USER, USER)).text
    assert found.doubts == ("the report is incomplete", "one of the two accesses is missing")


def test_without_symbols_offsets_tell_code_apart_and_it_says_so() -> None:
    def bare(*offsets: int) -> tuple[Frame, ...]:
        return tuple(Frame(None, None, 0, 0, "/x/prog", offset) for offset in offsets)

    report = race(bare(0x10, 0x20, 0x30), bare(0x11))
    found = fingerprint(report)
    assert found.doubts == (
        "function names are unknown: this fingerprint changes with every build",
    )
    assert json.loads(found.canonical)[4] == [
        ["plain", ["(prog)", "+0x10"], ["(prog)", "+0x20"], ["(prog)", "+0x30"]],
        ["plain", ["(prog)", "+0x11"]],
    ]
    # The first may be memcpy's: what calls it must count.
    assert found.text != fingerprint(race(bare(0x10, 0x21), bare(0x11))).text


def test_without_files_the_module_stands_for_them_and_it_says_so() -> None:
    names = (frame("user", None, "/x/libuser.so.1.2"),)
    found = fingerprint(race(names, names))
    assert found.sites[0].names == (("(libuser.so)", "user"),)
    assert found.doubts == ("source files are unknown: the module's name stands for them",)


def test_a_cycle_of_locks_begins_anywhere() -> None:
    report = one("tsan-clang-19-lock_order_3")
    edges = [stack for stack in report.stacks if stack.role == "access"]
    assert len(edges) == 3
    turned = (*edges[1:], edges[0])
    assert fingerprint(replace(report, stacks=turned)).text == fingerprint(report).text
    assert fingerprint(replace(report, stacks=turned[:2])).text != fingerprint(report).text


def test_wrappers_of_locks_and_threads_do_not_stand_for_all_their_callers() -> None:
    for case in ("thread_leak_more", "mutex_double_lock", "lock_order"):
        report = one(f"tsan-clang-19-{case}")
        stacks = []
        for stack in report.stacks:
            *frames, last = stack.frames
            stacks.append(replace(stack, frames=(*frames, replace(last, function="elsewhere"))))
        assert fingerprint(replace(report, stacks=tuple(stacks))).text != fingerprint(report).text


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("case", ["signal_unsafe", "signal_errno"])
def test_what_a_signal_interrupted_is_no_part_of_it(case: str, compiler: str) -> None:
    report = one(f"tsan-{compiler}-{case}")
    (stack,) = report.stacks
    assert stack.frames[-1].function == "main"
    other = (*stack.frames[:-1], frame("anything", "b.c"), frame("main", "b.c"))
    found = fingerprint(replace(report, stacks=(replace(stack, frames=other),)))
    assert found.text == fingerprint(report).text
    assert found.long_key == fingerprint(report).long_key


def test_drd_knows_one_side_only() -> None:
    (report,) = read("drd-gcc-12-vg_race.xml")
    assert [site.names[0][1] for site in fingerprint(report).sites] == ["reader"]
    assert fingerprint(report).doubts == ()


def test_different_misuses_in_one_function_differ_under_valgrind() -> None:
    for tool in ("drd", "helgrind"):
        reports = read(f"{tool}-gcc-12-vg_locks.xml")
        assert len(prints(reports)) == len(reports)


# Names and places


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("bump", "bump"),
        ("bump.isra.0", "bump"),
        ("bump.constprop.0.isra.0", "bump"),
        ("bump.part.3.cold", "bump"),
        ("bump.llvm.1234567", "bump"),
        ("bump.lto_priv.0", "bump"),
        ("main._omp_fn.0", "main"),
        (".omp_outlined._debug__.7", "omp_outlined"),
        ("nested.0", "nested"),
        ("memcpy@@GLIBC_2.14", "memcpy"),
        ("calls(void*)", "calls"),
        ("void run<int>(int)", "run"),
        ("std::pair<int, int> const& ns::make<a::b<c>>(x) const &", "ns::make"),
        ("base::~base()", "base::~base"),
        ("(anonymous namespace)::table<unsigned long, int>::operator()(int)", "table::operator()"),
        (
            "(anonymous namespace)::t<int>::operator/((anonymous namespace)::t<int*>)",
            "t::operator/",
        ),
        ("bool operator< <int>(A<int> const&, A<int> const&)", "operator<"),
        ("S::operator->()", "S::operator->"),
        ("S::operator>>(S const&) const", "S::operator>>"),
        ("S::operator<=>(S const&) const", "S::operator<=>"),
        ("A<int>::operator unsigned int() const", "A::operator unsigned int"),
        ("operator delete[](void*)", "operator delete[]"),
        ("operators(int)", "operators"),
        ("my_operator<int>(int)", "my_operator"),
        ("main::$_0::operator()(int) const", "main::lambda::operator()"),
        ("main::$_12::operator()(int) const", "main::lambda::operator()"),
        ("main::{lambda(int)#1}::operator()(int) const", "main::lambda::operator()"),
        ("main::'lambda'(int)::operator()(int) const", "main::lambda::operator()"),
        ("auto f()::{lambda(auto:1)#2}::operator()<int>(int) const", "f::lambda::operator()"),
        ("outer(int)::inner::method()", "outer::inner::method"),
        ("f(int) (.cold)", "f"),
        ("f(int) [clone .isra.0]", "f"),
        ("virtual thunk to D::f()", "D::f"),
        ("name[abi:cxx11](int)", "name"),
        ("_ZN3fooEv", "_ZN3fooEv"),
        ("unbalanced<(", "unbalanced"),
        ("<>", "<>"),
        ("", ""),
    ],
)
def test_bare_function(name: str, bare: str) -> None:
    assert bare_function(name) == bare


@given(st.text(alphabet="ab:<>()[]{}*&~ .$'#0_operator", max_size=40))
def test_bare_function_takes_anything(name: str) -> None:
    bare = bare_function(name)
    assert bool(bare) == bool(name)
    assert bare_function(bare) is not None


@pytest.mark.parametrize(
    ("file", "roots", "stable"),
    [
        ("/ci/7/proj/src/a.c", (), "a.c"),
        ("../src/a.c", (), "a.c"),
        ("/ci/7/proj/src/a.c", ("/ci/7/proj",), "src/a.c"),
        ("/ci/7/proj/build/../src/a.c", ("/ci/7/proj/",), "src/a.c"),
        ("/ci/7/proj/sub/src/a.c", ("/ci/7/proj", "/ci/7/proj/sub"), "src/a.c"),
        ("/ci/7/project/src/a.c", ("/ci/7/proj",), "a.c"),
        ("./src/a.c", ("/ci/7/proj",), "src/a.c"),
        ("../../src/a.c", ("/ci/7/proj",), "src/a.c"),
        ("/proc/self/cwd/src/a.c", ("/ci/7/proj",), "src/a.c"),
        ("/src/a.c", ("/",), "src/a.c"),
    ],
)
def test_stable_file(file: str, roots: tuple[str, ...], stable: str) -> None:
    assert stable_file(file, roots) == stable


def test_origin_goes_by_name_only_where_there_is_no_file() -> None:
    assert origin(frame("free", None)) is Origin.RUNTIME
    assert origin(frame("free", "pool.c")) is Origin.PROGRAM
    assert origin(frame("pool_free", None)) is Origin.PROGRAM


@pytest.mark.parametrize("compiler", ["clang-14", "clang-19"])
def test_the_list_of_intercepted_functions_is_that_of_the_runtimes(compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    for runtime in ("tsan", "asan", "msan"):
        library = subprocess.run(
            [compiler, f"-print-file-name=libclang_rt.{runtime}-x86_64.a"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        symbols = subprocess.run(
            ["nm", "--defined-only", library], capture_output=True, text=True, check=False
        ).stdout
        names = set(
            re.findall(r" [TtWw] _*interceptor_(?:trampoline_)?(\w+)$", symbols, re.MULTILINE)
        )
        assert len(names) > 100
        assert {name for name in names if not name.startswith("_Z")} - INTERCEPTED == set()


# Anything at all

TEXT = st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["main", "a.c", "/x/y.so.1"]))
FRAMES = st.builds(
    Frame, TEXT, TEXT, st.integers(0, 9), st.integers(0, 9), TEXT, st.none() | st.integers(0, 99)
)
ACCESSES = st.builds(
    Access,
    st.sampled_from(["read", "write", "free", "modifying", "else"]),
    st.booleans(),
    st.integers(0, 8),
    st.integers(0, 99),
    st.text(max_size=4),
    st.just(()),
)
STACKS = st.builds(
    Stack,
    st.text(max_size=12) | st.just("Mutex M1 acquired here while holding mutex M0 in main thread"),
    st.sampled_from(["access", "previous", "allocation", "thread", "mutex", "other"]),
    st.lists(FRAMES, max_size=4).map(tuple),
    st.none() | ACCESSES,
    st.booleans(),
)
KNOWN = sorted({r.kind for files in corpus().values() for rs in files.values() for r in rs})
ANY_REPORT = st.builds(
    Report,
    st.sampled_from(["ThreadSanitizer", "AddressSanitizer", "LeakSanitizer", "DRD", "else"]),
    st.sampled_from(KNOWN) | st.text(max_size=12),
    st.none() | st.integers(1, 9),
    st.lists(STACKS, max_size=4).map(tuple),
    TEXT,
    TEXT,
    st.booleans(),
    st.text(max_size=4),
)


@given(ANY_REPORT)
def test_any_report_has_a_fingerprint(report: Report) -> None:
    assert parts(report)
    for part in parts(report):
        found = fingerprint(part, ("/x",))
        assert re.fullmatch(r"v1-[0-9a-f]{16}", found.text)
        assert found.kind_class in KIND_CLASSES
        assert found.canonical.isascii()
        assert json.loads(found.canonical)[2] == found.kind_class
        assert fingerprint(replace(part, pid=None, location=None), ("/x",)).text == found.text
