# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim prof record` and `race.build(…).profile()`: real programs under the real profiler."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness_programs import Programs, Raceshim

pytest_plugins = ["pytester"]

COMPILERS = ("clang-14", "clang-19", "gcc-12")
DETECTORS = ("none", "thread")
LINKED = ("preloaded", "linked")
#: Three quarters in hot75, a quarter in hot25, by the thread's own clock; `argv` says what else.
SOURCE = """\
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef LINKED
#include <raceshim/cpuprof.h>
void (*const used)(void) = (void (*)(void))rsh_cpuprof_start;
#endif

static uint64_t words[256];

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

#define SPIN(seconds)                                                   \\
	for (double end = now() + (seconds); now() < end;)              \\
		for (int i = 0; i < 20000; i++)                         \\
			words[i % 256] = words[i % 256] * 5 + 1;

__attribute__((noinline)) void hot75(void) { SPIN(0.03) }
__attribute__((noinline)) void hot25(void) { SPIN(0.01) }

__attribute__((noinline)) void *worker(void *arg)
{
	for (int i = 0; i < atoi(arg); i++) {
		hot75();
		hot25();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	const char *what = argc > 2 ? argv[2] : "";

	if (!strcmp(what, "exec"))
		execl("/proc/self/exe", argv[0], argv[1], NULL);
	if (!strcmp(what, "fork") && fork() == 0) {
		worker(argv[1]);
		exit(0);
	}
	pthread_create(&thread, NULL, worker, argv[1]);
	pthread_setname_np(thread, "hot");
	pthread_join(thread, NULL);
	if (!strcmp(what, "fork"))
		wait(NULL);
	if (!strcmp(what, "kill"))
		raise(SIGKILL);
	if (!strcmp(what, "wait")) {
		puts("waiting");
		fflush(stdout);
		pause();
	}
	return !strcmp(what, "fail") ? 7 : 0;
}
"""


@dataclass(frozen=True)
class Lab:
    """Builds the program, each way once, and records it."""

    raceshim: Raceshim
    folder: Path

    def program(self, compiler: str, detector: str, how: str = "preloaded") -> Path:
        """Return the program."""
        binary = self.folder / f"spin-{compiler}-{detector}-{how}"
        if not binary.exists():
            source = self.folder / "spin.c"
            source.write_text(SOURCE)
            options = ["--compiler", compiler, "--detector", detector]
            define = ["-DLINKED"] if how == "linked" else []
            self.raceshim("cc", *options, *define, "-O2", "-pthread", source, "-o", binary)
        return binary

    def record(
        self, cwd: Path, *words: str | Path, status: int = 0, env: dict[str, str] | None = None
    ) -> str:
        """Record; return what is on stderr."""
        return self.raceshim("prof", "record", *words, cwd=cwd, status=status, env=env).stderr

    def top(self, cwd: Path, *words: str | Path) -> dict[str, Any]:
        """Return what `top` says, as JSON."""
        printed = self.raceshim("prof", "top", "--json", "-", *words, cwd=cwd).stdout
        value: dict[str, Any] = json.loads(printed)
        return value


@pytest.fixture(scope="module")
def lab(raceshim: Raceshim, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(raceshim, tmp_path_factory.mktemp("lab"))


def share(top: dict[str, Any], function: str) -> float:
    """Return the share of two functions' time that is in one of them, in per cent."""
    cum = {row["name"]: row["cum"] for row in top["rows"]}
    both = cum["hot75"] + cum["hot25"]
    return float(100 * cum[function] / both)


@pytest.mark.parametrize("how", LINKED)
@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_program_is_profiled_as_it_is(
    lab: Lab, tmp_path: Path, compiler: str, detector: str, how: str
) -> None:
    program = lab.program(compiler, detector, how)
    preload = ["--preload", "no"] if how == "linked" else []
    told = lab.record(tmp_path, "-F", "1000", *preload, "--", program, "25")
    assert len(told.splitlines()) == 1
    assert re.fullmatch(
        r"raceshim: \d+ samples, [\d.]+(s|ms) of cpu, 0 lost; clock: [^;]+; in raceshim\.pb\.gz\n",
        told,
    )
    assert [p.name for p in tmp_path.iterdir()] == ["raceshim.pb.gz"]
    whole = lab.top(tmp_path, "raceshim.pb.gz")
    assert 60 < share(whole, "hot75") < 90
    assert whole["lost"] == {}
    # Samples of the thread reach from what it ran to where it began.
    worker = lab.top(tmp_path, "--label", "thread=hot", "raceshim.pb.gz")
    cum = {row["name"]: row["cum"] for row in worker["rows"]}
    assert cum["worker"] > 0.95 * worker["selected"]
    assert cum["hot75"] + cum["hot25"] > 0.9 * worker["selected"]
    assert worker["selected"] > 0.5e9


def test_both_preloaded_and_linked_is_one_profile(lab: Lab, tmp_path: Path) -> None:
    program = lab.program("clang-19", "none", "linked")
    lab.record(tmp_path, "-F", "1000", "--", program, "25")
    whole = lab.top(tmp_path, "raceshim.pb.gz")
    assert 0.5e9 < whole["total"] < 2e9
    assert 60 < share(whole, "hot75") < 90


def test_every_process_leaves_a_file(lab: Lab, tmp_path: Path) -> None:
    program = lab.program("clang-19", "thread")
    told = lab.record(tmp_path, "-o", "x.pb.gz", "-F", "500", "--", program, "10", "fork")
    files = sorted(p.name for p in tmp_path.iterdir())
    assert len(files) == 2
    assert all(re.fullmatch(r"x\.\d+\.pb\.gz", name) for name in files)
    assert told.startswith("raceshim: 2 processes, ")
    assert all(name in told for name in files)
    alone = [lab.top(tmp_path, name)["total"] for name in files]
    both = lab.top(tmp_path, *files)
    assert both["total"] == sum(alone)
    assert min(alone) > 0.2e9
    # A second recording of that name replaces the first.
    lab.record(tmp_path, "-o", "x.pb.gz", "--", program, "1")
    assert [p.name for p in tmp_path.iterdir()] == ["x.pb.gz"]


def test_a_program_that_becomes_another_one_is_profiled(lab: Lab, tmp_path: Path) -> None:
    program = lab.program("clang-19", "none")
    lab.record(tmp_path, "-F", "500", "--", program, "10", "exec")
    assert lab.top(tmp_path, "raceshim.pb.gz")["total"] > 0.2e9


@pytest.mark.parametrize(
    ("words", "status"), [(["1", "fail"], 7), (["1", "kill"], 137), (["0"], 0)]
)
def test_the_status_is_the_commands(
    lab: Lab, tmp_path: Path, words: list[str], status: int
) -> None:
    told = lab.record(tmp_path, "--", lab.program("clang-19", "none"), *words, status=status)
    assert ("no profile" in told) == (status == 137)


def test_a_command_without_a_profile_is_no_success(
    lab: Lab, raceshim: Raceshim, tmp_path: Path
) -> None:
    (tmp_path / "x.c").write_text("int main(void) { return 0; }\n")
    raceshim("cc", "--detector", "none", "-static", tmp_path / "x.c", "-o", tmp_path / "static")
    told = lab.record(tmp_path, "--", tmp_path / "static", status=4)
    assert "no profile" in told
    assert "static" in told


@pytest.mark.parametrize("race", [False, True])
def test_verdicts_stay_what_they_are(
    lab: Lab, programs: Programs, tmp_path: Path, race: bool
) -> None:
    program = programs("plain", race=race)
    gate = lab.raceshim.line("gate", "--", program)
    told = lab.record(tmp_path, "-F", "1000", "--", *gate, status=1 if race else 0)
    assert " processes, " in told
    assert any(
        re.search(rf"/{program.name}$", mapping["file"])
        for mapping in json.loads(
            lab.raceshim("prof", "raw", "--json", "-", ".", cwd=tmp_path).stdout
        )["mappings"]
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to record"),
        (["-F", "0", "--", "true"], "--frequency: '0' is no whole number from 1 to 5000"),
        (["--clock", "sun", "--", "true"], "--clock: 'sun' is none of"),
        (["--", "no-such-command"], "no such command: no-such-command"),
        (["-o", "nowhere/x.pb.gz", "--", "true"], "no folder to write to"),
        (["-o", "100%.pb.gz", "--", "true"], "a % in the path"),
        (["-o", ".", "--", "true"], "a directory"),
    ],
)
def test_what_cannot_be_recorded_is_told(
    lab: Lab, tmp_path: Path, words: list[str], message: str
) -> None:
    assert message in lab.record(tmp_path, *words, status=2)


def test_a_blank_in_the_librarys_path_is_no_trouble(lab: Lab, tmp_path: Path) -> None:
    from raceshim.cc import _prefix  # noqa: PLC0415

    prefix = tmp_path / "a b:c"
    shutil.copytree(_prefix.prefix(), prefix, symlinks=True)
    work = tmp_path / "work"
    work.mkdir()
    program = lab.program("clang-19", "none")
    lab.record(work, "--", program, "5", env={"RACESHIM_SDK": str(prefix)})
    assert (work / "raceshim.pb.gz").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_and_the_summary_comes(
    lab: Lab, tmp_path: Path, number: signal.Signals
) -> None:
    program = lab.program("clang-19", "none")
    line = lab.raceshim.line("prof", "record", "--", program, "1", "wait")
    process = subprocess.Popen(
        line,
        cwd=tmp_path,
        env=lab.raceshim.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "no profile" in told


def test_lines_come_from_the_debug_information(lab: Lab, tmp_path: Path) -> None:
    program = lab.program("clang-19", "none")
    lab.record(tmp_path, "-F", "1000", "--", program, "10")
    rows = lab.top(tmp_path, "--by", "line", "raceshim.pb.gz")["rows"]
    lines = SOURCE.splitlines()
    spin = {i for i, line in enumerate(lines, 1) if "hot75(void)" in line or "hot25(void)" in line}
    hot = [row for row in rows if row["name"] in ("hot75", "hot25")]
    assert {Path(row["file"]).name for row in hot} == {"spin.c"}
    assert {row["line"] for row in hot} <= spin
    assert sum(row["cum"] for row in hot) > 0.3e9


def test_lines_of_a_program_that_was_built_anew_are_not_told(lab: Lab, tmp_path: Path) -> None:
    program = tmp_path / "program"
    shutil.copyfile(lab.program("clang-19", "none"), program)
    program.chmod(0o755)
    lab.record(tmp_path, "--", program, "5")
    shutil.copyfile(lab.program("gcc-12", "none"), program)
    done = lab.raceshim("prof", "top", "--lines", "raceshim.pb.gz", cwd=tmp_path)
    assert "has been built anew since" in done.stderr
    assert "hot75" in done.stdout


def test_time_that_passes_is_sampled_too(lab: Lab, tmp_path: Path) -> None:
    start = time.monotonic()
    lab.record(tmp_path, "--wall", "-F", "200", "--", "sleep", "0.5")
    passed = time.monotonic() - start
    printed = lab.raceshim("prof", "raw", "--json", "-", "raceshim.pb.gz", cwd=tmp_path).stdout
    assert json.loads(printed)["type"] == "wall"
    total = lab.top(tmp_path, "raceshim.pb.gz")["total"] / 1e9
    assert 0.3 < total < passed


FIXTURE = """\
import pytest

def test_shares(race):
    run = race.build("spin.c", cflags=["-O2", "-Wno-unused"]).profile("20")
    run.observed.assert_no_data_race()
    assert run.samples > 100
    assert run.lost == {}
    run.assert_share("worker", at_least=50)
    hot = run.only(thread="hot")
    assert hot.samples <= run.samples
    assert 55 < hot.assert_share("hot75", 55, 90).share("hot75")
    assert hot.share("hot75", flat=True) < 90
    assert hot.share("nobody") == 0

def test_too_much(race):
    race.build("spin.c", cflags=["-O2"]).profile("10").assert_share("hot75", at_most=5)

def test_no_profile(race):
    race.build("spin.c", cflags=["-O2"]).profile("1", "kill")
"""


def test_the_fixture_profiles(
    sdk_environment: dict[str, str], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "RACESHIM_SDK" in sdk_environment:
        monkeypatch.setenv("RACESHIM_SDK", sdk_environment["RACESHIM_SDK"])
    pytester.path.joinpath("spin.c").write_text(SOURCE)
    pytester.makepyfile(FIXTURE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        ["*hot75: cum * %, not between 0 and 5*", "*flat*cum*", "*no process has left a profile*"]
    )
