# SPDX-License-Identifier: BSD-2-Clause
"""The lock profile in programs: by the linker, by preloading, and what detectors say meanwhile."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from shim_builds import COMPILERS, ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-pthread", f"-I{ROOT / 'shim/include'}")
WRAPS = ROOT / "shim/share/lockprof.wrap"
#: What ThreadSanitizer says of each way to misuse a lock.
MISUSES = {
    "inversion": "lock-order-inversion (potential deadlock)",
    "double": "double lock of a mutex",
    "unlock": "unlock of an unlocked mutex (or by a wrong thread)",
    "stranger": "unlock of an unlocked mutex (or by a wrong thread)",
    "destroy": "destroy of a locked mutex",
    "race": "data race",
}
#: Those in which somebody waits for the lock, and so is measured.
MEASURED = {"inversion", "double", "stranger", "race"}


@dataclass(frozen=True, slots=True)
class Built:
    """A program in three forms: without the library, with its hooks, with it to be preloaded."""

    plain: Path
    linked: Path
    library: Path


def linked(sdk: Path) -> tuple[str | Path, ...]:
    """Return what a link with the hooks needs."""
    return (f"-Wl,@{WRAPS}", "-Wl,-u,rsh_lockprof_start", sdk / "lib/libraceshim.a")


def build(folder: Path, sdk: Path, compiler: str, *flags: str) -> Built:
    """Compile the program of the misuses."""
    source = ROOT / "tests/c/misused.c"
    for name, more in (("plain", ()), ("linked", linked(sdk))):
        (folder / name).mkdir()
        run(compiler, *FLAGS, *flags, source, *more, "-o", folder / name / "misused")
    paths = (folder / "plain/misused", folder / "linked/misused")
    return Built(*paths, sdk / "lib/libraceshim-locks.so")


def reports(program: Path, misuse: str, preload: str = "") -> tuple[str, list[int]]:
    """Return what the detector says, without what changes from run to run, and the stacks."""
    environment = os.environ | {"LD_PRELOAD": preload, "TSAN_OPTIONS": "second_deadlock_stack=1"}
    done = subprocess.run(
        [program, misuse], env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 66, done.stderr
    text = re.sub(r"0x[0-9a-f]+", "PTR", done.stderr)
    text = re.sub(r"\b(pid|tid)=\d+", r"\1", text)
    text = re.sub(r"(?<=tid, )(running|finished)(?=\))", "state", text)
    # A library that counts itself has locks of its own.
    locks: dict[str, str] = {}
    text = re.sub(r"\bM\d+\b", lambda m: locks.setdefault(m[0], f"M{len(locks)}"), text)
    text = re.sub(r" \([^()]*\+PTR\)(?: \(BuildId: \w+\))?", "", text)
    return text, [int(word) for word in done.stdout.split()]


def without_hooks(text: str) -> str:
    """Take our own frame out of the stacks, and out of the line that is made of the first one."""
    kept = []
    for line in text.splitlines():
        if re.match(r" +#\d+ rshi_wait_", line):
            continue
        where = re.sub(r"^(SUMMARY: .*?) (?:\S+:\d+ )?in \w+$", r"\1", line)
        kept.append(re.sub(r"^( +)#\d+ ", r"\1# ", where))
    return "\n".join(kept)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_what_is_said_of_misused_locks(compiler: str, sdk: Path, tmp_path: Path) -> None:
    built = build(tmp_path, sdk, compiler, "-fsanitize=thread")
    for misuse, verdict in MISUSES.items():
        control, nothing = reports(built.plain, misuse)
        assert nothing == []
        assert f"WARNING: ThreadSanitizer: {verdict}" in control
        # The runtime of gcc is a library: in front of us only if it is preloaded before.
        preloads = [str(built.library)]
        if compiler.startswith("gcc"):
            preloads.append(f"libtsan.so.2 {built.library}")
        said = [reports(built.linked, misuse)]
        said += [reports(built.plain, misuse, preload) for preload in preloads]
        for text, stacks in said:
            assert (stacks[0] > 0) == (misuse in MEASURED)
            assert without_hooks(text) == without_hooks(control)
        behind = said if compiler.startswith("clang") else said[2:]
        assert [text for text, _ in behind] == [control] * len(behind)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_waits_in_a_shared_library(compiler: str, sdk: Path, tmp_path: Path) -> None:
    source = tmp_path / "waits.cpp"
    source.write_text(
        "#include <condition_variable>\n#include <mutex>\n#include <thread>\n#include <cstdio>\n"
        "#include <dlfcn.h>\n#include <raceshim/lockprof.h>\n"
        "std::mutex m; std::condition_variable c; bool go;\n"
        "template <class F> F *find(F *, const char *name)\n"
        "{ return reinterpret_cast<F *>(dlsym(RTLD_DEFAULT, name)); }\n"
        "int main() {\n"
        "  rsh_lockprof_options all = {1, 1}; static rsh_lock_record r[99]; size_t n;\n"
        '  if (find(rsh_lockprof_start, "rsh_lockprof_start")(&all)) return 1;\n'
        "  std::thread t([] { std::lock_guard<std::mutex> l(m); go = true; c.notify_one(); });\n"
        "  { std::unique_lock<std::mutex> l(m); while (!go) c.wait(l); }\n"
        "  t.join();\n"
        '  if (find(rsh_blockprof_read, "rsh_blockprof_read")(r, 99, &n)) return 2;\n'
        "  unsigned kinds = 0;\n"
        "  for (size_t i = 0; i < n; i++) kinds |= 1u << r[i].kind;\n"
        '  printf("%d\\n", kinds >> RSH_LOCK_JOIN & 1);\n'
        "}\n"
    )
    for flags in ((), ("-fsanitize=thread",)):
        command = compiler.replace("clang", "clang++").replace("gcc", "g++")
        line = [command, "-g", "-pthread", f"-I{ROOT / 'shim/include'}", *flags, source]
        run(*line, "-o", tmp_path / "waits", "-Wl,--unresolved-symbols=ignore-all")
        preloaded = os.environ | {"LD_PRELOAD": str(sdk / "lib/libraceshim-locks.so")}
        assert run(tmp_path / "waits", env=preloaded) == "1\n"


SMALL = """
#include <pthread.h>
#include <stdio.h>
#include <raceshim/lockprof.h>
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static void *run(void *arg) { pthread_mutex_lock(&m); pthread_mutex_unlock(&m); return arg; }
int main(void) {
	struct rsh_lock_record r[9];
	pthread_t t;
	size_t n = 0;
	const struct rsh_lockprof_options all = {1, 1};
	int err = rsh_lockprof_start(&all);
	pthread_create(&t, NULL, run, NULL);
	pthread_join(t, NULL);
	rsh_blockprof_read(r, 9, &n);
	printf("%d %d\\n", err, n > 0);
	return 0;
}
"""


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ("", "38 0"),
        ("--locks=yes", "0 1"),
        ("--locks no", "38 0"),
        ("--locks=yes -static", "0 1"),
        ("--locks=yes -O0 -no-pie", "0 1"),
    ],
)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_hooks_are_there_if_they_are_asked_for(
    compiler: str, options: str, printed: str, raceshim: Raceshim, tmp_path: Path
) -> None:
    source = tmp_path / "small.c"
    source.write_text(SMALL)
    cc = ("cc", "--compiler", compiler, "--detector", "none", *options.split())
    raceshim(*cc, "-pthread", source, "-o", tmp_path / "small")
    assert run(tmp_path / "small") == f"{printed}\n"


def test_the_list_of_the_linker_is_that_of_the_hooks() -> None:
    functions = (ROOT / "shim/src/core/wait_functions.h").read_text().replace("\\\n", "")
    hooked = re.findall(r"RSHI_(?:LOCK|UNLOCK|COND|WAIT)\(\s*([a-z]\w+),\s+RSHI_LIST", functions)
    wrapped = re.findall(r"--wrap=(\w+)", WRAPS.read_text())
    assert len(hooked) == len(set(hooked)) > 20
    assert sorted(hooked) == sorted(wrapped)
