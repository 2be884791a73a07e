# SPDX-License-Identifier: BSD-2-Clause
"""A source of calls that may wait, as docs/trace.md has it, before programs that know nothing."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from raceshim.trace._check import check
from raceshim.trace._read import read_file
from shim_builds import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim.trace._model import Trace

PROGRAM = r"""
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

static int ends[2];

static void *take(void *arg)
{
	struct pollfd p = {ends[0], POLLIN, 0};
	char c;

	poll(&p, 1, -1);
	return read(ends[0], &c, 1) == 1 ? arg : NULL;
}

int main(void)
{
	pthread_t t;
	void *got;

	if (pipe(ends) || pthread_create(&t, NULL, take, &ends))
		return 1;
	if (write(ends[1], "x", 1) != 1 || pthread_join(t, &got))
		return 1;
	return got != &ends;
}
"""
WAYS = {"plain": (), "tsan": ("-fsanitize=thread",)}


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


def traced(program: Path, libraries: list[Path], wish: str) -> Trace:
    """Return what a program does that these libraries are preloaded into."""
    file = program.with_name("x.trace")
    env = {**os.environ, "RACESHIM_TRACE": f"{file}:raw{wish}"}
    env["LD_PRELOAD"] = " ".join(map(str, libraries))
    done = subprocess.run(
        [program], env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    trace = read_file(file)
    assert check(trace).wrong == ()
    return trace


@pytest.mark.parametrize("way", WAYS)
def test_calls_have_names(way: str, sdk: Path, source: Path, tmp_path: Path) -> None:
    (tmp_path / "program.c").write_text(PROGRAM)
    program = tmp_path / "program"
    run(
        "clang-19", "-g", "-O1", *WAYS[way], tmp_path / "program.c", "-pthread", "-o", program
    )  # fmt: skip
    locks = sdk / "lib/libraceshim-locks.so"
    trace = traced(program, [locks, source], ":auto")
    # A detector has threads of its own.
    (thread,) = {e.track for e in trace.events if e.name == "poll"}
    assert thread in {e.track for e in trace.events if e.name == "thread begins"}
    names = [(e.kind, e.name) for e in trace.events if e.track == thread and e.name != "?"]
    assert [n for n in names if n[1] in {"poll", "read"}] == [
        ("begin", "poll"), ("end", "poll"), ("begin", "read"), ("end", "read")
    ]  # fmt: skip
    assert names[-1] == ("instant", "thread ends")
    assert any(e.name == "wait for thread" for e in trace.events)
    # The controls: without a source, and without anybody who asks for calls.
    for libraries, wish in (([locks], ":auto"), ([locks, source], ":threads:waits")):
        trace = traced(program, libraries, wish)
        assert not [e for e in trace.events if e.name in {"poll", "read"}]
        assert [e for e in trace.events if e.name == "thread begins"]
