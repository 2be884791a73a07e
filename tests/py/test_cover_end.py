# SPDX-License-Identifier: BSD-2-Clause
"""What a process leaves behind, whatever way it ends, and that it ends as it would have."""

from __future__ import annotations

import errno
import signal
import subprocess
from typing import TYPE_CHECKING

import cover_decoder
import pytest
from cover_programs import CLANGS, COVERAGE, Covered, Way, environment, said, start
from shim_builds import ROOT, run, symbols

if TYPE_CHECKING:
    from pathlib import Path

ENDING = ROOT / "testdata/cover/ending.c"
STATUS = 7
WAYS = [Way(compiler, detector) for compiler in CLANGS for detector in ("none", "thread")]
# Those of which a process dies that a detector does not want for itself.
KILLING = [
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGTRAP", "SIGABRT", "SIGUSR1", "SIGUSR2", "SIGPIPE",
    "SIGALRM", "SIGTERM", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR",
    "SIGSYS",
]  # fmt: skip
FAULTS = ["SIGILL", "SIGBUS", "SIGFPE", "SIGSEGV"]


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    return request.param


@pytest.fixture
def ending(way: Way, covered: Covered) -> Path:
    return covered.program("ending", ENDING, way)


def check_counts(run: cover_decoder.Run) -> None:
    """Check the counts of the function that the thread calls for ever, every other time with 1.

    The thread goes on between the two reads, of which that of `positive` is the later one.
    """
    both, positive = run.of(run.only, "blah") or (0, 0)
    assert both >= 6
    assert both <= 2 * positive + 1


@pytest.mark.parametrize("how", ["exit", "_exit", "_Exit", "quick_exit", "two-exits"])
def test_exit(ending: Path, how: str, tmp_path: Path) -> None:
    done = start(ending, how, folder=tmp_path)
    assert (done.returncode, done.stderr) == (STATUS, ""), said(done)
    check_counts(cover_decoder.read(tmp_path))


def test_handlers_and_destructors_are_counted(ending: Path, tmp_path: Path) -> None:
    done = start(ending, "return", folder=tmp_path)
    assert (done.returncode, done.stderr) == (STATUS, ""), said(done)
    assert done.stdout == "second\nfirst\ndestroyed\n"
    run = cover_decoder.read(tmp_path)
    for function in ("first_handler", "second_handler", "destroy"):
        assert run.of(run.only, function) == (1,), function


@pytest.mark.parametrize("name", [*KILLING, *FAULTS])
def test_signal(way: Way, ending: Path, name: str, covered: Covered, tmp_path: Path) -> None:
    number = getattr(signal, name)
    done = start(ending, "raise", str(int(number)), folder=tmp_path)
    check_counts(cover_decoder.read(tmp_path))
    # As without coverage, detector's report and all.
    stock = start(covered.bare("ending", ENDING, way), "raise", str(int(number)))
    assert done.returncode == stock.returncode, said(done)
    assert ("ThreadSanitizer" in done.stderr) == ("ThreadSanitizer" in stock.stderr), said(done)
    if name in KILLING or way.detector == "none":
        assert (done.returncode, done.stderr) == (-number, ""), said(done)


def test_fault(way: Way, ending: Path, tmp_path: Path) -> None:
    done = start(ending, "fault", folder=tmp_path)
    run = cover_decoder.read(tmp_path)
    check_counts(run)
    assert run.of(run.only, "by_fault") == (1,)
    if way.detector == "none":
        assert (done.returncode, done.stderr) == (-signal.SIGSEGV, ""), said(done)
    else:
        assert "ThreadSanitizer: SEGV on unknown address 0x000000000008" in done.stderr
        assert "in by_fault" in done.stderr
        assert done.returncode == 66, said(done)


def test_abort(ending: Path, tmp_path: Path) -> None:
    done = start(ending, "abort", folder=tmp_path)
    assert done.returncode == -signal.SIGABRT, said(done)
    check_counts(cover_decoder.read(tmp_path))


@pytest.mark.parametrize("compiler", CLANGS)
def test_report_of_address_sanitizer(compiler: str, covered: Covered, tmp_path: Path) -> None:
    source = (
        "#include <stdlib.h>\n"
        "int main(int argc, char **argv)\n"
        "{ char *p = malloc(8); (void)argv; p[8 + argc] = 1; return p[7]; }\n"
    )
    program = covered.program("overflow", source, Way(compiler, "address", "-O0"))
    done = start(program, folder=tmp_path)
    assert "heap-buffer-overflow" in done.stderr, said(done)
    assert done.returncode == 1, said(done)
    run = cover_decoder.read(tmp_path)
    assert run.of(run.only, "main") == (1,)


RACE = """\
#include <pthread.h>
static int shared, turn;
static void *first(void *arg)
{ shared++; __atomic_store_n(&turn, 1, __ATOMIC_RELAXED); return arg; }
static __attribute__((noinline)) void after(void) { shared++; }
int main(void)
{
	pthread_t thread;
	if (pthread_create(&thread, 0, first, 0)) return 1;
	while (!__atomic_load_n(&turn, __ATOMIC_RELAXED)) { }
	shared++;
	after();
	return pthread_join(thread, 0);
}
"""


@pytest.mark.parametrize("compiler", CLANGS)
def test_detector_that_ends_the_process(compiler: str, covered: Covered, tmp_path: Path) -> None:
    program = covered.program("racing", RACE, Way(compiler, "thread", "-O0"))
    for options, reached in (("halt_on_error=1", None), ("halt_on_error=0", (1,))):
        folder = tmp_path / options
        folder.mkdir()
        done = start(program, folder=folder, TSAN_OPTIONS=f"{options}:atexit_sleep_ms=0")
        assert (done.returncode, "data race" in done.stderr) == (66, True), said(done)
        run = cover_decoder.read(folder)
        assert (run.of(run.only, "main") or (0,))[0] == 1
        assert run.of(run.only, "after") == reached


@pytest.mark.parametrize("detector", ["none", "thread"])
def test_signal_from_outside(covered: Covered, detector: str, tmp_path: Path) -> None:
    source = (
        "#include <stdio.h>\n#include <unistd.h>\n"
        'int main(void) { puts("ready"); fflush(stdout); for (;;) pause(); }\n'
    )
    program = covered.program("waiting", source, Way(detector=detector))
    with subprocess.Popen(
        [program], env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM
    run = cover_decoder.read(tmp_path)
    assert run.of(run.only, "main") is not None


def test_ignored_signals_stay_ignored(ending: Path, tmp_path: Path) -> None:
    done = start(
        "sh", "-c", f"trap '' HUP; exec {ending} raise {int(signal.SIGHUP)}", folder=tmp_path
    )
    assert done.returncode == STATUS, said(done)
    check_counts(cover_decoder.read(tmp_path))


def test_own_handler_later(ending: Path, tmp_path: Path) -> None:
    done = start(ending, "handler", str(int(signal.SIGTERM)), folder=tmp_path)
    assert (done.returncode, done.stdout) == (STATUS, "handled\n"), said(done)
    run = cover_decoder.read(tmp_path)
    check_counts(run)
    # It ends with _exit, so what it ran is counted too.
    assert run.of(run.only, "handle") == (1,)


def test_own_handler_that_goes_on_to_ours(ending: Path, tmp_path: Path) -> None:
    done = start(ending, "chain", str(int(signal.SIGTERM)), folder=tmp_path)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "chained\n"), said(done)
    check_counts(cover_decoder.read(tmp_path))


def test_handler_that_was_there_before(way: Way, covered: Covered, tmp_path: Path) -> None:
    """It is called as if ours was not there; what is written later replaces what ours wrote."""
    library = tmp_path / "libhandler.so"
    source = tmp_path / "handler.c"
    source.write_text(
        "#include <signal.h>\n#include <unistd.h>\n"
        'static void on(int n) { (void)n; (void)!write(1, "on\\n", 3); }\n'
        "__attribute__((constructor)) static void set(void) { signal(SIGUSR1, on); }\n"
        "int handler_is_linked(void) { return 0; }\n"
    )
    run(way.compiler, "-shared", "-fPIC", source, "-o", library)
    main = (
        "#include <signal.h>\nint handler_is_linked(void);\n"
        "static __attribute__((noinline)) void after(void) { }\n"
        "int main(void) { raise(SIGUSR1); raise(SIGUSR1); after(); return handler_is_linked(); }\n"
    )
    target = tmp_path / "programs"
    target.mkdir()
    program = Covered(covered.sdk, target).program(
        "handled", main, way, library, f"-Wl,-rpath,{tmp_path}"
    )
    out = tmp_path / "out"
    out.mkdir()
    done = start(program, folder=out)
    assert (done.returncode, done.stdout, done.stderr) == (0, "on\non\n", ""), said(done)
    seen = cover_decoder.read(out)
    assert seen.of(seen.only, "after") == (1,)


def test_handler_for_one_signal_that_was_there_before(covered: Covered, tmp_path: Path) -> None:
    """SA_RESETHAND holds for ours too: the second signal kills, as it would without coverage."""
    library = tmp_path / "libhandler.so"
    source = tmp_path / "handler.c"
    source.write_text(
        "#include <signal.h>\n#include <unistd.h>\n"
        'static void on(int n) { (void)n; (void)!write(1, "on\\n", 3); }\n'
        "__attribute__((constructor)) static void set(void)\n"
        "{ struct sigaction once = {.sa_handler = on, .sa_flags = SA_RESETHAND};\n"
        "  sigaction(SIGUSR1, &once, 0); }\n"
        "int handler_is_linked(void) { return 0; }\n"
    )
    run("clang-19", "-shared", "-fPIC", source, "-o", library)
    main = (
        "#include <signal.h>\nint handler_is_linked(void);\n"
        "static __attribute__((noinline)) void between(void) { }\n"
        "int main(void)\n"
        "{ raise(SIGUSR1); between(); raise(SIGUSR1); return handler_is_linked(); }\n"
    )
    target = tmp_path / "programs"
    target.mkdir()
    program = Covered(covered.sdk, target).program(
        "handled_once", main, Way(), library, f"-Wl,-rpath,{tmp_path}"
    )
    out = tmp_path / "out"
    out.mkdir()
    done = start(program, folder=out)
    assert (done.returncode, done.stdout) == (-signal.SIGUSR1, "on\n"), said(done)
    seen = cover_decoder.read(out)  # of the first signal: then there was no handler any more
    assert seen.of(seen.only, "main") == (1,)
    assert not any(seen.of(seen.only, "between") or (0,))


def test_what_cannot_be_written_at_a_signal_is_told(covered: Covered, tmp_path: Path) -> None:
    """And the process dies of it as it would have. A limit of files' sizes stands for no room."""
    program = covered.program("ending", ENDING, Way())
    assert start(program, "exit", folder=tmp_path).returncode == STATUS
    for file in tmp_path.glob("covcounters.*"):
        file.unlink()
    line = f"trap '' XFSZ; ulimit -f 0; exec {program} raise {signal.SIGTERM.value}"
    done = start("bash", "-c", line, folder=tmp_path)
    assert done.returncode == -signal.SIGTERM, said(done)
    told = f"raceshim: error: cannot write coverage counters to {tmp_path}: error {errno.EFBIG}\n"
    assert done.stderr == told
    assert [file.name.partition(".")[0] for file in tmp_path.iterdir()] == ["covmeta"]


def test_default_action_set_by_the_program(ending: Path, tmp_path: Path) -> None:
    """The one way that leaves nothing, as cover.h says: the kernel runs no code of the process."""
    done = start(ending, "default", str(int(signal.SIGTERM)), folder=tmp_path)
    assert done.returncode == -signal.SIGTERM
    assert not list(tmp_path.glob("covcounters.*"))
    assert len(list(tmp_path.glob("covmeta.*"))) == 1


def test_fork(ending: Path, tmp_path: Path) -> None:
    done = start(ending, "fork", folder=tmp_path)
    assert (done.returncode, done.stdout) == (STATUS, "parent\nchild\ndestroyed\ndestroyed\n") or (
        done.stdout.count("destroyed") == 2
    ), said(done)
    run = cover_decoder.read(tmp_path)
    assert len(run.metas) == 1
    assert len({units[0].pid for units in run.files.values()}) == 2
    (child,) = [f for f in run.files if run.of(f, "in_child")]
    (parent,) = set(run.files) - {child}
    assert run.of(parent, "in_parent") == (1,)
    assert run.of(child, "in_parent") is None
    assert (run.of(child, "in_child"), run.of(child, "destroy")) == ((1,), (1,))
    main = run.of(child, "main")
    assert main is None or main[0] == 0


def test_vfork_leaves_the_parent_alone(way: Way, ending: Path, tmp_path: Path) -> None:
    done = start(ending, "vfork", folder=tmp_path)
    assert (done.returncode, done.stderr) == (STATUS, ""), said(done)
    run = cover_decoder.read(tmp_path)
    (parent,) = [f for f in run.files if run.of(f, "blah")]
    check_counts(cover_decoder.Run(run.metas, {parent: run.files[parent]}))
    # TSan makes a fork of it: that child counts in memory of its own.
    assert len(run.files) == (1 if way.detector == "none" else 2)


@pytest.mark.parametrize("how", ["daemon", "closed"])
def test_descriptors_that_the_program_closes(ending: Path, how: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = start(ending, how, folder=tmp_path / "out")
    assert (done.returncode, done.stderr) == (STATUS, ""), said(done)
    check_counts(cover_decoder.read(tmp_path / "out"))


def test_relative_directory(ending: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = start(ending, "daemon", cwd=tmp_path, RACESHIM_COVERDIR="out")
    assert (done.returncode, done.stderr) == (STATUS, ""), said(done)
    check_counts(cover_decoder.read(tmp_path / "out"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing", "No such file or directory"), ("file", "Not a directory")],
)
def test_bad_directory(ending: Path, name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = start(ending, "exit", folder=tmp_path / name)
    assert done.returncode == STATUS
    assert done.stderr == (
        "raceshim: error: no coverage files will be written: "
        f"RACESHIM_COVERDIR={tmp_path / name}: {reason}\n"
    )


@pytest.mark.parametrize("compiler", CLANGS)
def test_environment_is_read_once(compiler: str, covered: Covered, tmp_path: Path) -> None:
    source = (
        "#include <stdlib.h>\nint main(int argc, char **argv)\n"
        '{ return setenv("RACESHIM_COVERDIR", argv[argc - 1], 1); }\n'
    )
    program = covered.program("setter", source, Way(compiler))
    for folder in ("first", "later"):
        (tmp_path / folder).mkdir()
    done = start(program, tmp_path / "later", folder=tmp_path / "first")
    assert (done.returncode, done.stderr) == (0, ""), said(done)
    assert len(cover_decoder.read(tmp_path / "first").files) == 1
    # One that is set too late is none.
    done = start(program, tmp_path / "later")
    assert done.stderr.count("RACESHIM_COVERDIR is not set") == 1
    assert list((tmp_path / "later").iterdir()) == []


@pytest.mark.parametrize("value", [None, ""])
def test_no_directory(ending: Path, value: str | None, tmp_path: Path) -> None:
    more = {} if value is None else {"RACESHIM_COVERDIR": value}
    done = start(ending, "exit", cwd=tmp_path, **more)
    assert done.returncode == STATUS
    assert done.stderr == (
        "raceshim: warning: no coverage files will be written: RACESHIM_COVERDIR is not set\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_stock_runtime_is_not_linked(way: Way, ending: Path, tmp_path: Path) -> None:
    assert not [s.name for s in symbols(ending) if "InstrProf" in s.name or "lprof" in s.name]
    done = start(ending, "exit", cwd=tmp_path)
    assert done.returncode == STATUS
    assert not list(tmp_path.iterdir())

    # The control: without the registration clang brings its own, and it writes its own file.
    stock = tmp_path / "stock"
    run(way.compiler, "-pthread", *COVERAGE, ENDING, "-o", stock)
    assert [s.name for s in symbols(stock) if "lprof" in s.name]
    start(stock, "exit", cwd=tmp_path)
    assert (tmp_path / "default.profraw").exists()
