# SPDX-License-Identifier: BSD-2-Clause
"""A program with a race that emits events, and ends as it is told to, built each way once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shim_builds import COMPILERS, run

if TYPE_CHECKING:
    from pathlib import Path

#: `argv` says how it ends: segv, deep, abort, term, own, clean. The two threads take turns past
#: any detector, so both events are there when the second one races.
SOURCE = """\
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <raceshim/trace.h>

static int shared, turn[2], goes_on = 1;

static void *work(void *arg)
{
	char byte;

	if (arg && read(turn[0], &byte, 1) != 1)
		abort();
	for (int i = 0; i < 100; i++) {
		RSH_TRACE_REGION("work");
		RSH_TRACE_COUNTER("done", i);
		RSH_TRACE_REGION_END("work");
	}
	if (arg)
		RSH_TRACE_INSTANT("second");
	else
		RSH_TRACE_INSTANT("first");
#ifndef CONTROL
	shared++;
#endif
	return NULL;
}

static void *emit(void *arg)
{
	while (__atomic_load_n(&goes_on, __ATOMIC_RELAXED)) {
		RSH_TRACE_INSTANT("busy");
		usleep(100);
	}
	return arg;
}

static volatile int depth;

static int deep(int n)
{
	volatile char frame[4096];

	frame[n % 4096] = 1;
	depth = n;
	return deep(n + 1) + frame[0];
}

static void own(int signo)
{
	(void)!write(1, "own\\n", 4);
	signal(signo, SIG_DFL);
	raise(signo);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	pthread_t threads[2], busy;

	if (!strcmp(what, "own"))
		signal(SIGUSR2, own);
	if (pipe(turn))
		return 3;
	pthread_create(&busy, NULL, emit, NULL);
	pthread_create(&threads[0], NULL, work, NULL);
	pthread_create(&threads[1], NULL, work, turn);
	usleep(1000);
	rsh_step(turn[1]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	RSH_TRACE_INSTANT("joined");
	if (!strcmp(what, "fork")) {
		if (fork() == 0) {
			RSH_TRACE_INSTANT("child");
			abort();
		}
		wait(NULL);
	}
	if (!strcmp(what, "segv"))
		*(volatile int *)8 = 1;
	if (!strcmp(what, "deep"))
		return deep(0);
	if (!strcmp(what, "abort"))
		abort();
	if (!strcmp(what, "term"))
		kill(getpid(), SIGTERM);
	if (!strcmp(what, "own"))
		raise(SIGUSR2);
	__atomic_store_n(&goes_on, 0, __ATOMIC_RELAXED);
	pthread_join(busy, NULL);
	return 0;
}
"""
#: The byte that lets the second thread go is written where no detector sees it.
STEP = """\
void rsh_step(int fd)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result)
			: "a"(1l), "D"((long)fd), "S"("x"), "d"(1l) : "rcx", "r11", "memory");
}
"""
#: What a user may have: the runtime's hook that is for him.
HOOK = """\
#include <unistd.h>

void __tsan_on_report(void *report)
{
	(void)report;
	(void)!write(1, "the user's\\n", 11);
}
"""
WAYS = {"plain": ("clang-19",), **{name: (name, "-fsanitize=thread") for name in COMPILERS}}
#: Ends, and the signals that they are of.
SIGNALS = {"segv": 11, "deep": 11, "abort": 6, "term": 15}
DETECTED = [name for name in WAYS if name != "plain"]


@dataclass(frozen=True)
class Lab:
    """Builds the program, each way once."""

    sdk: Path
    folder: Path

    def program(self, way: str, *more: str | Path, name: str = "") -> Path:
        """Return the program."""
        binary = self.folder / f"flying-{way}{name}"
        if not binary.exists():
            source, step = self.folder / "flying.c", self.folder / "step.c"
            source.write_text(
                SOURCE.replace("static int shared", "void rsh_step(int fd);\n\nstatic int shared")
            )
            step.write_text(STEP)
            compiler, *flags = WAYS[way]
            run(compiler, "-O1", "-c", step, "-o", self.folder / f"step-{way}.o")
            run(
                compiler, *flags, "-g", "-O1", "-w", f"-I{self.sdk}/include", source, *more,
                self.folder / f"step-{way}.o", self.sdk / "lib/libraceshim.a", "-pthread",
                "-o", binary,
            )  # fmt: skip
        return binary
