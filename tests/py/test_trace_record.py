# SPDX-License-Identifier: BSD-2-Clause
"""Programs that trace themselves because RACESHIM_TRACE or `raceshim trace record` says so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from perfetto_official import decode
from raceshim.trace._check import check
from raceshim.trace._model import TraceError
from raceshim.trace._read import read_file
from shim_builds import COMPILERS, ROOT, one_clang, run

if TYPE_CHECKING:
    from harness_programs import Raceshim
    from raceshim.trace._model import Trace
    from shim_builds import Builds

#: `argv` says what else: fork, exec, kill, closes, stop, wait.
SOURCE = """\
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <raceshim/trace.h>

static void *work(void *arg)
{
	uint64_t task = (uint64_t)arg;

	RSH_TRACE_FLOW_END("go", task);
	for (int i = 0; i < 2000; i++) {
		RSH_TRACE_REGION("work");
		RSH_TRACE_COUNTER("done", i);
		RSH_TRACE_REGION_END("work");
	}
	RSH_TRACE_TASK_END("job", task);
	return NULL;
}

static int is(const char *a, const char *b)
{
	return !strcmp(a, b);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	pthread_t threads[4];

	if (is(what, "exec"))
		execl("/proc/self/exe", argv[0], NULL);
	for (int i = 0; i < 4; i++) {
		uint64_t task = RSH_TRACE_TASK("job", 0);

		RSH_TRACE_FLOW("go", task);
		pthread_create(&threads[i], NULL, work, (void *)task);
	}
	RSH_TRACE_LOG("app", "hello \\xc3\\xa9");
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	if (is(what, "fork") && fork() == 0) {
		RSH_TRACE_INSTANT("child");
		exit(0);
	}
	if (is(what, "fork"))
		wait(NULL);
	if (is(what, "closes"))
		for (int fd = 3; fd < 1024; fd++)
			close(fd);
	if (is(what, "stop")) {
		const void *data;
		size_t n;

		rsh_trace_stop();
		RSH_TRACE_INSTANT("not recorded");
		while (rsh_trace_start(NULL))
			usleep(1000);
		RSH_TRACE_INSTANT("the program's own");
		rsh_trace_stop();
		while (!rsh_trace_read(&data, &n) && data)
			;
	}
	if (is(what, "kill")) {
		RSH_TRACE_INSTANT("before");
		rsh_trace_advance();
		puts("ready");
		fflush(stdout);
		for (;;) {
			RSH_TRACE_INSTANT("beat");
			usleep(10000);
		}
	}
	return is(what, "fail") ? 7 : 0;
}
"""
#: Tasks and flows of four threads, the message, and what the threads do.
EVENTS = 4 * 2 + 1 + 4 * (1 + 3 * 2000 + 1)
WAYS = {
    "plain": ("clang-19",),
    "static": ("clang-19", "-static"),
    "clang-14": ("clang-14", "-fsanitize=thread"),
    "clang-19": ("clang-19", "-fsanitize=thread"),
    "gcc-12": ("gcc-12", "-fsanitize=thread"),
}


@dataclass(frozen=True)
class Lab:
    """Builds the program, each way once."""

    sdk: Path
    folder: Path

    def program(self, way: str = "plain") -> Path:
        """Return the program."""
        binary = self.folder / f"traced-{way}"
        if not binary.exists():
            source = self.folder / "traced.c"
            source.write_text(SOURCE)
            run(
                *WAYS[way], "-g", "-O1", "-w", f"-I{self.sdk}/include", source,
                self.sdk / "lib/libraceshim.a", "-pthread", "-o", binary,
            )  # fmt: skip
        return binary


@pytest.fixture(scope="module", name="lab")
def _lab(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(sdk, tmp_path_factory.mktemp("traced"))


def traced(
    program: Path, file: Path, *words: str, more: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program that is to write this file."""
    return subprocess.run(
        [program, *words],
        env={**os.environ, "RACESHIM_TRACE": f"{file}{more}"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def whole(file: Path) -> Trace:
    """Return a trace that is in order and was ended."""
    trace = read_file(file)
    findings = check(trace)
    assert (findings.wrong, findings.notes, trace.cut, trace.lost) == ((), (), None, 0)
    assert trace.generations[-1].last
    return trace


@pytest.mark.parametrize("way", one_clang(WAYS))
def test_every_event_is_in_the_file(lab: Lab, way: str, tmp_path: Path) -> None:
    for more in ("", ":raw"):
        file = tmp_path / "x"
        done = traced(lab.program(way), file, more=more)
        assert (done.returncode, done.stderr) == (0, "")
        trace = whole(file)
        assert len(trace.events) == EVENTS
        assert sum(e.name == "work" and e.kind == "begin" for e in trace.events) == 8000
        (message,) = (e.text for e in trace.events if e.text is not None)
        assert message == "hello \u00e9"
        assert file.read_bytes().startswith(b"G" if more else b"\x0a")
        if not more:
            decode(file.read_bytes())
            (process,) = (t for t in trace.tracks.values() if t.kind == "process")
            assert process.command == (str(lab.program(way)),)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["x"]


@pytest.mark.parametrize("way", one_clang(WAYS))
def test_automatic_events_are_in_the_file(lab: Lab, way: str, tmp_path: Path) -> None:
    file = tmp_path / "x"
    done = traced(lab.program(way), file, more=":raw:auto")
    assert (done.returncode, done.stderr) == (0, "")
    trace = whole(file)
    count = Counter((e.kind, e.name) for e in trace.events if e.category == "raceshim")
    # Under clang's detector waits come to the library by themselves.
    waits = 4 if way.startswith("clang-") else 0
    assert count == +Counter(
        {
            ("instant", "thread begins"): 4,
            ("instant", "thread ends"): 4,
            ("begin", "wait for thread"): waits,
            ("end", "wait for thread"): waits,
        }
    )
    arrows = [e for e in trace.events if e.name == "pthread_create"]
    assert len(arrows) == 8
    assert len(trace.events) == EVENTS + 8 + 8 + 2 * waits


#: Says what time it is, emits an event, and says it again.
CLOCK = """\
#include <time.h>
#include <raceshim/trace.h>

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(void)
{
	for (int i = 0; i < 50; i++) {
		RSH_TRACE_INSTANT_1("before", now());
		RSH_TRACE_INSTANT("event");
		RSH_TRACE_INSTANT_1("behind", now());
		if (i % 10 == 9)
			rsh_trace_advance();
	}
	return 0;
}
"""
#: Nanoseconds by which the processor's clock may be taken for another time of the kernel's.
APART = 1_000_000


def test_times_are_the_kernels(lab: Lab, tmp_path: Path) -> None:
    source, program = tmp_path / "clock.c", tmp_path / "clock"
    source.write_text(CLOCK)
    library = lab.sdk / "lib/libraceshim.a"
    run("clang-19", "-O1", "-w", f"-I{lab.sdk}/include", source, library, "-o", program)
    for more in ("", ":raw"):
        assert traced(program, tmp_path / "x", more=more).returncode == 0
        trace = whole(tmp_path / "x")
        assert len(trace.generations) >= 6
        told = [e for e in trace.events if e.category != "raceshim"]
        assert [e.name for e in told] == ["before", "event", "behind"] * 50
        for before, event, behind in zip(told[::3], told[1::3], told[2::3], strict=True):
            ((_, begin),), ((_, end),) = before.args, behind.args
            assert int(str(begin)) - APART < event.time < int(str(end)) + APART


def test_record_asks_for_automatic_events(lab: Lab, raceshim: Raceshim, tmp_path: Path) -> None:
    for words, begun in ((("--auto",), 4), ((), 0)):
        raceshim("trace", "record", *words, "-o", "x", "--", lab.program(), cwd=tmp_path)
        trace = whole(tmp_path / "x")
        assert sum(e.name == "thread begins" for e in trace.events) == begun


#: It knows nothing of traces.
UNLINKED = """\
#include <pthread.h>
#include <unistd.h>

static int ends[2];

static void *work(void *arg)
{
	char byte;

	return read(ends[0], &byte, 1) == 1 ? NULL : arg;
}

int main(void)
{
	pthread_t thread;
	void *got;

	if (pipe(ends) || pthread_create(&thread, NULL, work, ends))
		return 1;
	if (write(ends[1], "x", 1) != 1 || pthread_join(thread, &got))
		return 1;
	return got ? 1 : 0;
}
"""


@pytest.mark.parametrize("way", one_clang(way for way in WAYS if way != "static"))
def test_record_traces_any_program_as_it_is(raceshim: Raceshim, way: str, tmp_path: Path) -> None:
    source, program = tmp_path / "any.c", tmp_path / "any"
    source.write_text(UNLINKED)
    run(*WAYS[way], "-g", "-O1", source, "-pthread", "-o", program)
    raceshim("trace", "record", "--auto", "-o", "x", "--", program, cwd=tmp_path)
    count = Counter(e.name for e in whole(tmp_path / "x").events if e.category == "raceshim")
    wanted = {
        "thread ends": 1, "wait for thread": 2, "read": 2, "write": 2,
    }  # fmt: skip
    assert count.pop("thread begins") >= 1  # a detector has threads of its own
    assert count == wanted
    # The controls: it has nothing to say by itself, and nobody may ask it.
    for words in ((), ("--auto", "--preload", "no")):
        done = raceshim("trace", "record", *words, "--", program, cwd=tmp_path, status=4)
        assert "with --auto, any program" in done.stderr


def test_record_traces_what_a_shell_starts(raceshim: Raceshim, tmp_path: Path) -> None:
    line = "cat /etc/passwd | cat >copy; test -s copy"
    raceshim("trace", "record", "--auto", "-o", "x", "--", "sh", "-c", line, cwd=tmp_path)
    # A shell ends by _exit, and leaves what it has written by then.
    traces = [read_file(path) for path in tmp_path.glob("x.*")]
    assert not any(check(trace).wrong for trace in traces)
    names = [{e.name for e in trace.events} for trace in traces]
    assert sum({"read", "write"} <= those for those in names) == 2  # each cat
    assert (tmp_path / "copy").read_bytes() == Path("/etc/passwd").read_bytes()


def test_children_write_their_own(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "x"
    assert traced(lab.program(), file, "fork").returncode == 0
    assert len(whole(file).events) == EVENTS
    (other,) = tmp_path.glob("x.*")
    assert [e.name for e in whole(other).events] == ["child"]


def test_what_an_exec_begins_is_the_trace(lab: Lab, tmp_path: Path) -> None:
    assert traced(lab.program(), tmp_path / "x", "exec").returncode == 0
    assert len(whole(tmp_path / "x").events) == EVENTS


def test_a_program_may_close_all_descriptors(lab: Lab, tmp_path: Path) -> None:
    done = traced(lab.program(), tmp_path / "x", "closes")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(whole(tmp_path / "x").events) == EVENTS


def test_a_program_may_end_the_trace_and_begin_its_own(lab: Lab, tmp_path: Path) -> None:
    done = traced(lab.program(), tmp_path / "x", "stop")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(whole(tmp_path / "x").events) == EVENTS


def test_of_a_killed_process_all_but_the_last_generation_is_there(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "x"
    with subprocess.Popen(
        [lab.program(), "kill"], env={**os.environ, "RACESHIM_TRACE": str(file)},
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        trace = None
        while trace is None:  # a generation is not written at once
            with suppress(TraceError):
                trace = read_file(file)
        process.send_signal(signal.SIGKILL)
    trace = read_file(file)
    findings = check(trace)
    assert findings.wrong == ()
    assert "the trace was not ended: its process was killed, or still runs" in findings.notes
    assert sum(e.name == "before" for e in trace.events) == 1


def test_what_is_wrong_is_said_and_the_program_runs(lab: Lab, tmp_path: Path) -> None:
    for value, message in (
        (f"{tmp_path}/none/x", "No such file or directory"),
        (":raw:waits", r"there is no path: PATH\[:raw\]\[:auto\]"),
        (f"{tmp_path}", "Is a directory"),
    ):
        done = subprocess.run(
            [lab.program(), "fail"], env={**os.environ, "RACESHIM_TRACE": value},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 7
        assert re.fullmatch(
            rf"raceshim: error: no trace will be written: RACESHIM_TRACE=.*: {message}\n",
            done.stderr,
        ), done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_told_at_the_end(lab: Lab, tmp_path: Path) -> None:
    small = tmp_path / "small"
    script = f"mount -t tmpfs -o size=16k none {small} && RACESHIM_TRACE={small}/x {lab.program()}"
    small.mkdir()
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    if "Operation not permitted" in done.stderr or "unshare failed" in done.stderr:
        pytest.skip("no mounts here")
    assert done.returncode == 0
    assert "raceshim: error: cannot write the trace" in done.stderr
    assert "No space left on device" in done.stderr


def test_record_gives_a_single_process_the_name(
    lab: Lab, raceshim: Raceshim, tmp_path: Path
) -> None:
    for options, name in (((), "raceshim.pftrace"), (("--raw",), "raceshim.trace")):
        done = raceshim("trace", "record", *options, "--", lab.program(), cwd=tmp_path)
        assert re.fullmatch(rf"raceshim: {EVENTS} events over .*; 0 lost; in {name}\n", done.stderr)
        assert len(whole(tmp_path / name).events) == EVENTS
    assert len(list(tmp_path.iterdir())) == 2


def test_record_passes_the_status_on_and_names_every_file(
    lab: Lab, raceshim: Raceshim, tmp_path: Path
) -> None:
    out = tmp_path / "run.pftrace"
    done = raceshim("trace", "record", "-o", out, "--", lab.program(), "fork", cwd=tmp_path)
    assert done.stderr.count("; 0 lost; in run.") == 2
    files = sorted(p.name for p in tmp_path.iterdir())
    assert len(files) == 2
    assert all(re.fullmatch(r"run\.\d+\.pftrace", name) for name in files)
    raceshim("trace", "record", "-o", out, "--", lab.program(), "fail", cwd=tmp_path, status=7)
    assert [p.name for p in tmp_path.iterdir()] == ["run.pftrace"]  # the earlier ones are gone


def test_record_without_a_trace_is_inconclusive(raceshim: Raceshim, tmp_path: Path) -> None:
    done = raceshim("trace", "record", "--", "true", cwd=tmp_path, status=4)
    assert "no trace: no process of the command has left one" in done.stderr
    raceshim("trace", "record", "--", "false", cwd=tmp_path, status=1)
    raceshim("trace", "record", cwd=tmp_path, status=2)
    raceshim("trace", "record", "--", "./no-such-command", cwd=tmp_path, status=2)


def test_tracing_changes_no_verdict(lab: Lab, tmp_path: Path) -> None:
    """A race that a tracer with a lock would hide is reported, traced or not."""
    source = tmp_path / "race.c"
    source.write_text(
        "#include <pthread.h>\n#include <raceshim/trace.h>\nint shared;\n"
        "static void *work(void *arg)\n{\n"
        '\tRSH_TRACE_REGION("work");\n\tshared++;\n\tRSH_TRACE_REGION_END("work");\n'
        "\treturn arg;\n}\n"
        "int main(void)\n{\n\tpthread_t a, b;\n"
        "\tpthread_create(&a, NULL, work, NULL);\n\tpthread_create(&b, NULL, work, NULL);\n"
        "\tpthread_join(a, NULL);\n\tpthread_join(b, NULL);\n\treturn 0;\n}\n"
    )
    program = tmp_path / "race"
    run(
        "clang-19", "-g", "-O1", "-fsanitize=thread", f"-I{lab.sdk}/include", source,
        lab.sdk / "lib/libraceshim.a", "-pthread", "-o", program,
    )  # fmt: skip
    for more, events in [("", 4), (":auto", 16)] * 5:
        done = traced(program, tmp_path / "x", more=more)
        assert done.returncode == 66, done.stderr
        assert "data race" in done.stderr
        assert len(whole(tmp_path / "x").events) == events


@pytest.mark.long
@pytest.mark.parametrize("compiler", COMPILERS)
def test_what_writes_the_file_is_looked_at_too(
    lab: Lab, builds: Builds, compiler: str, tmp_path: Path
) -> None:
    """In a build whose own code the detector sees there is nothing to report either."""
    options = ("-DRSH_SANITIZE=thread", "-DRSH_VISIBLE=ON", "-DRSH_INSTALL=OFF")
    folder = builds.of(compiler, *options, targets=["rsh_shim"])
    lab.program()  # writes the source
    program = tmp_path / "visible"
    run(
        compiler, "-fsanitize=thread", "-g", "-O1", "-w", f"-I{lab.sdk}/include",
        lab.folder / "traced.c", folder / "shim/libraceshim.a", "-pthread", "-o", program,
    )  # fmt: skip
    for more in ("", ":raw", ":auto"):
        done = traced(program, tmp_path / "x", more=more)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(whole(tmp_path / "x").events) >= EVENTS


def test_the_variable_is_documented() -> None:
    assert "RACESHIM_TRACE" in (ROOT / "docs/trace.md").read_text()
