# SPDX-License-Identifier: BSD-2-Clause
"""Calls that may wait: libc's, and those of a source as docs/trace.md has it.

The programs know nothing of it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from raceshim.trace._check import check
from raceshim.trace._read import read_file
from shim_builds import COMPILERS, ROOT, one_clang, run, symbols

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim.trace._model import Trace

#: A thread waits for its maker, in several ways; a byte that is read orders what follows. With
#: -DRACE the byte comes after what it should order.
PROGRAM = r"""
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int ends[2];
static int shared;

static void *take(void *arg)
{
	struct pollfd p = {ends[0], POLLIN, 0};
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found;
	char c;

	if (getaddrinfo("127.0.0.1", NULL, &hints, &found))
		return NULL;
	freeaddrinfo(found);
	poll(&p, 1, -1);
	errno = 77;
	if (recv(ends[0], &c, 1, 0) != 1 || errno != 77)
		return NULL;
	shared++;
	if (read(-1, &c, 1) != -1 || errno != EBADF)
		return NULL;
	return arg;
}

int main(void)
{
	pthread_t t;
	void *got;
	int status;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || pthread_create(&t, NULL, take, &ends))
		return 1;
#ifndef RACE
	shared++;
#endif
	if (write(ends[1], "x", 1) != 1)
		return 1;
#ifdef RACE
	shared++;
#endif
	if (pthread_join(t, &got))
		return 1;
	if (fork() == 0)
		_exit(write(ends[1], "y", 1) != 1);
	if (wait(&status) < 0 || status)
		return 1;
	return got != &ends;
}
"""
WAYS = {"plain": ("clang-19",), **{name: (name, "-fsanitize=thread") for name in COMPILERS}}
FLAGS = ("-g", "-O1", "-w")


@pytest.fixture(scope="module", name="source")
def _source(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the library that the page shows."""
    folder = tmp_path_factory.mktemp("source")
    blocks = re.findall(r"```c\n(.*?)```", (ROOT / "docs/trace.md").read_text(), re.DOTALL)
    (text,) = (block for block in blocks if "rsh_trace_source_add" in block)
    (folder / "calls.c").write_text(text)
    run(
        "clang-19", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC",
        f"-I{sdk}/include", folder / "calls.c", "-o", folder / "calls.so",
    )  # fmt: skip
    return folder / "calls.so"


def build(way: str, folder: Path, *more: str | Path) -> Path:
    """Build the program in a way."""
    program, source = folder / "program", folder / "program.c"
    source.write_text(PROGRAM)
    run(*WAYS[way], *FLAGS, source, *more, "-pthread", "-o", program)
    return program


def start(
    program: Path, libraries: list[Path], wish: str
) -> tuple[Trace, subprocess.CompletedProcess[str]]:
    """Return the trace of a program that these libraries are preloaded into, and what it said."""
    file = program.with_name("x.trace")
    env = {**os.environ, "RACESHIM_TRACE": f"{file}:raw{wish}"}
    env["LD_PRELOAD"] = " ".join(map(str, libraries))
    done = subprocess.run(
        [program], env=env, capture_output=True, text=True, check=False, timeout=120
    )
    trace = read_file(file)
    found = check(trace)
    assert (found.wrong, trace.lost) == ((), 0)
    return trace, done


def traced(program: Path, libraries: list[Path], wish: str) -> Trace:
    """Return the trace of a program that ends well."""
    trace, done = start(program, libraries, wish)
    assert (done.returncode, done.stderr) == (0, "")
    return trace


def calls(trace: Trace) -> list[tuple[str, str]]:
    """Return what the thread calls, from its beginning to its end."""
    # A detector has threads of its own.
    track = next(e.track for e in trace.events if e.name == "poll")
    mine = [e for e in trace.events if e.track == track and e.category == "raceshim"]
    assert (mine[0].name, mine[-1].name) == ("thread begins", "thread ends")
    return [(e.kind, e.name) for e in mine[1:-1] if e.name != "pthread_create"]


IN_THREAD = [(kind, name) for name in ("poll", "recv", "read") for kind in ("begin", "end")]


@pytest.mark.parametrize("way", one_clang(WAYS))
def test_calls_of_libc_have_names(way: str, sdk: Path, tmp_path: Path) -> None:
    program, locks = build(way, tmp_path), sdk / "lib/libraceshim-locks.so"
    trace = traced(program, [locks], ":auto")
    assert calls(trace) == IN_THREAD
    count = Counter((e.kind, e.name) for e in trace.events if e.name in {"write", "wait"})
    # The child's call is not of this trace.
    assert count == {(k, n): 1 for k in ("begin", "end") for n in ("write", "wait")}
    # Each with its descriptor, the two ends: which they are depends on who opens files meanwhile.
    of = {e.name: dict(e.args)["of"] for e in trace.events if e.kind == "begin" and e.args}
    assert of["recv"] != of["write"]
    assert all(3 <= int(str(of[name]), 16) < 10 for name in ("recv", "write"))
    # The control: nobody has asked for calls.
    trace = traced(program, [locks], ":threads:waits")
    assert not [e for e in trace.events if e.name in {"poll", "recv", "read", "write", "wait"}]
    assert [e for e in trace.events if e.name == "thread begins"]


@pytest.mark.parametrize("way", one_clang(way for way in WAYS if way.startswith("clang")))
def test_behind_a_linked_detector_nothing_is_preloaded(way: str, sdk: Path, tmp_path: Path) -> None:
    archive = ("-Wl,-u,rsh_trace_start", sdk / "lib/libraceshim.a")
    trace = traced(build(way, tmp_path, *archive), [], ":calls:threads")
    assert calls(trace) == IN_THREAD


@pytest.mark.parametrize("way", one_clang(way for way in WAYS if way != "plain"))
@pytest.mark.parametrize("preloaded", [True, False], ids=("preloaded", "linked"))
def test_a_call_orders_as_much_as_ever(
    way: str,
    preloaded: bool,
    sdk: Path,
    tmp_path: Path,
) -> None:
    """What comes behind the byte is reported, with the same frames as without a trace."""
    archive = ("-Wl,-u,rsh_trace_start", sdk / "lib/libraceshim.a")
    program = build(way, tmp_path, "-DRACE", *(() if preloaded else archive))
    libraries = [sdk / "lib/libraceshim-locks.so"] if preloaded else []
    for _ in range(3):
        _, done = start(program, libraries, ":auto")
        assert done.returncode == 66, done.stderr
        assert done.stderr.count("WARNING: ThreadSanitizer: data race") == 1
        assert "rshi_" not in done.stderr


def test_programs_that_are_fortified_call_others(sdk: Path, tmp_path: Path) -> None:
    program, source = tmp_path / "fortified", tmp_path / "fortified.c"
    source.write_text(
        "#include <stdlib.h>\n#include <unistd.h>\n"
        "int main(int argc, char **argv)\n{\n\tchar bytes[8];\n\tint ends[2];\n\n"
        '\treturn pipe(ends) || write(ends[1], "abc", 3) != 3 ||\n'
        "\t       read(ends[0], bytes, (size_t)atoi(argv[argc - 1])) != 3;\n}\n"
    )
    run("gcc-12", "-O2", "-D_FORTIFY_SOURCE=2", source, "-o", program)
    assert "__read_chk" in run("nm", "-u", program)
    file = tmp_path / "x"
    env = {**os.environ, "RACESHIM_TRACE": f"{file}:calls"}
    env["LD_PRELOAD"] = str(sdk / "lib/libraceshim-locks.so")
    run(program, "3", env=env)
    assert [e.name for e in read_file(file).events] == ["write", "write", "read", "read"]
    # It is still checked.
    done = subprocess.run([program, "9"], env=env, capture_output=True, text=True, check=False)
    assert "buffer overflow detected" in done.stderr


@pytest.mark.parametrize("way", ["plain", "clang-19"])
def test_calls_of_a_source_have_names(way: str, sdk: Path, source: Path, tmp_path: Path) -> None:
    program, locks = build(way, tmp_path), sdk / "lib/libraceshim-locks.so"
    looked_up = [("begin", "getaddrinfo"), ("end", "getaddrinfo")]
    assert calls(traced(program, [locks, source], ":auto"))[:2] == looked_up
    # The control: without anybody who asks for calls.
    trace = traced(program, [locks, source], ":threads:waits")
    assert not [e for e in trace.events if e.name == "getaddrinfo"]
    assert [e for e in trace.events if e.name == "thread begins"]


@pytest.mark.parametrize("compiler", ["clang-14", "clang-19"])
def test_what_a_detector_calls_is_found_by_its_name(compiler: str) -> None:
    listed = (ROOT / "shim/src/trace/call_hooks_behind.c").read_text()
    names = {
        f"_ZN14__interception{n}real_{f}E" for n, f in re.findall(r"HAS\((\d+), (\w+)\)", listed)
    }
    assert len(names) == 30
    runtime = run(compiler, "-print-file-name=libclang_rt.tsan-x86_64.a").strip()
    assert names <= {symbol.name for symbol in symbols(runtime)}
