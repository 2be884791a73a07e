# SPDX-License-Identifier: BSD-2-Clause
"""The canary's library by itself: what it needs, and what a process sees of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from harness_programs import COMPILERS, Programs, Raceshim
from raceshim.cc import _prefix
from shim_builds import build, run, symbols

CLAIMS = "RACESHIM_CANARY_CLAIMS"
#: Nothing that a process without ThreadSanitizer would miss.
WEAK = {"__tsan_write_range_pc", "fork", "pthread_create", "pthread_join"}
PROBE = """\
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static void *nothing(void *arg) { return arg; }
int main(void)
{
	struct timespec now = { 0, 0 };
	sigset_t chld, old;
	pthread_t thread;
	int status = 0;
	pid_t pid;

	/* A descriptor that is free, children, signals: all as without a canary. */
	printf("%d\\n", open("/dev/null", O_RDONLY | O_CLOEXEC));
	printf("%d %d\\n", (int)wait(&status), errno == ECHILD);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, NULL, &old);
	printf("%d %d\\n", sigismember(&old, SIGCHLD), sigtimedwait(&chld, NULL, &now));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pthread_create(&thread, NULL, nothing, NULL);
		pthread_join(thread, NULL);
		_exit(3);
	}
	waitpid(pid, &status, 0);
	printf("%d\\n", WEXITSTATUS(status));
	return 0;
}
"""


@pytest.fixture
def library(sdk_environment: dict[str, str]) -> Path:
    """Return the library that the gate preloads."""
    assert sdk_environment is not None
    return Path(_prefix.canary())


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    """Return a folder for claims."""
    folder = tmp_path / "claims"
    folder.mkdir()
    return folder


def environment(library: Path, claims: Path, **more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.endswith("SAN_OPTIONS")}
    return clean | {"LD_PRELOAD": str(library), CLAIMS: str(claims)} | more


def seen(command: list[str], env: dict[str, str]) -> tuple[int, bytes, bytes]:
    """Return all that a process shows."""
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    "flags", ["", "-O0 -fsanitize=thread --coverage -fstack-protector-all -D_FORTIFY_SOURCE=2"]
)
def test_it_needs_nothing(tmp_path: Path, compiler: str, flags: str) -> None:
    option = "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY"
    built = build(tmp_path, compiler, flags, option, targets=["rsh_canary"])
    library = built / "shim/libraceshim-canary.so"
    assert {(s.name, s.kind) for s in symbols("-D", "-u", library)} == {(n, "w") for n in WEAK}
    defined = {s.name for s in symbols("-D", "--defined-only", library)}
    assert defined == {"rsh_canary_first", "rsh_canary_second"}
    dynamic = run("readelf", "-d", library)
    assert "(NEEDED)" not in dynamic
    assert "(TEXTREL)" not in dynamic


@pytest.mark.parametrize(
    "command",
    [
        ["/bin/true"],
        ["/bin/false"],
        ["sh", "-c", "echo $$ >/dev/null; (exit 3)"],
        ["sh", "-c", "ls -l /proc/self/fd | wc -l; wait; cat </dev/null"],
        ["python3", "-c", "import os, threading; print(os.listdir('/proc/self/fd'))"],
    ],
)
def test_a_process_without_a_detector_is_as_it_was(
    library: Path, claims: Path, command: list[str]
) -> None:
    bare = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    before = seen(command, bare)
    for more in ({}, {"LD_BIND_NOW": "1"}):
        env = environment(library, claims, **more)
        assert seen(command, env) == before
    assert list(claims.iterdir()) == []


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_race_is_reported_once_per_program(
    library: Path, claims: Path, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    program = programs("plain", compiler=compiler)
    env = environment(library, claims, TSAN_OPTIONS=f"log_path={tmp_path}/log", LD_BIND_NOW="1")
    for _ in range(2):
        done = subprocess.run([program], env=env, capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("done\n", "")
    (log,) = tmp_path.glob("log.*")
    text = log.read_text()
    assert text.count("WARNING: ThreadSanitizer: data race") == 1
    assert text.count("WARNING") == 1
    assert "rsh_canary_first" in text
    assert "rsh_canary_second" in text
    (claim,) = claims.iterdir()
    pid, name, options, undefined, child, status, end = claim.read_bytes().split(b"\0")
    assert int(pid) > 0
    assert (name, options) == (os.fsencode(program), os.fsencode(env["TSAN_OPTIONS"]))
    assert (undefined, status, end) == (b"", b"0", b"")
    assert log.suffix == f".{int(child)}"


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("shell", ["", "trap '' CHLD; "], ids=["default", "ignored"])
def test_nothing_of_it_is_left_in_the_process(  # noqa: PLR0917
    raceshim: Raceshim, library: Path, claims: Path, tmp_path: Path, compiler: str, shell: str
) -> None:
    text, program = tmp_path / "probe.c", tmp_path / "probe"
    text.write_text(PROBE)
    raceshim("cc", "--compiler", compiler, "-O1", "-pthread", text, "-o", program)
    blocked = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD}); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    env = environment(library, claims, TSAN_OPTIONS=f"log_path={tmp_path}/log")
    bare = {k: v for k, v in env.items() if k not in {"LD_PRELOAD", CLAIMS}}
    for start in ([], ["python3", "-c", blocked]):
        for claim in claims.iterdir():
            claim.unlink()
        command = ["sh", "-c", f'{shell}exec "$@"', "sh", *start, program]
        before = subprocess.run(command, env=bare, capture_output=True, text=True, check=True)
        after = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        assert after.stdout == before.stdout
        assert before.stdout.count("\n") == 4
        assert len(list(claims.iterdir())) == 1
    assert len(list(tmp_path.glob("log.*"))) == 2


def test_a_folder_that_cannot_be_written_to_is_no_error(
    library: Path, programs: Programs, tmp_path: Path
) -> None:
    for folder in (tmp_path / "missing", Path("/proc"), Path("/dev/null")):
        env = environment(library, folder, TSAN_OPTIONS=f"log_path={tmp_path}/log")
        done = subprocess.run([programs("plain")], env=env, capture_output=True, check=True)
        assert (done.stdout, done.stderr) == (b"done\n", b"")
    assert list(tmp_path.iterdir()) == []


def test_a_new_program_in_the_same_place_is_tried_again(
    raceshim: Raceshim, library: Path, claims: Path, tmp_path: Path
) -> None:
    text, program = tmp_path / "p.c", tmp_path / "p"
    env = environment(library, claims, TSAN_OPTIONS=f"log_path={tmp_path}/log")
    for number in (1, 2):
        text.write_text(f"int main(void) {{ return {number} - {number}; }}\n")
        raceshim("cc", text, "-o", program)
        subprocess.run([program], env=env, check=True)
        assert len(list(claims.iterdir())) == number
