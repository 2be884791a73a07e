# SPDX-License-Identifier: BSD-2-Clause
"""C programs that the tests of the harness build, and the command under test."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

COMPILERS = ("clang-19", "clang-14", "gcc-12")

HEAD = """\
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#define NOINLINE __attribute__((noinline))
/* Two accesses at the very same moment are missed now and then: they take turns, unseen. */
#ifdef __clang__
#define UNSEEN __attribute__((noinline, disable_sanitizer_instrumentation))
#else
#define UNSEEN __attribute__((noinline, no_sanitize_thread))
#endif
#ifdef RSH_VALGRIND /* which sees everything, and runs one thread at a time */
static void pass_turn(void) {}
static void await_turn(void) {}
#else
static volatile int turn;
UNSEEN static void pass_turn(void) { turn = 1; }
UNSEEN static void await_turn(void) { while (!turn) syscall(SYS_sched_yield); }
#endif
int shared;
char stack[1 << 20] __attribute__((aligned(4096)));
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
NOINLINE void *bump_in_thread(void *arg) { LOCK; shared++; UNLOCK; return arg; }
NOINLINE void bump_in_main(void) { LOCK; shared++; UNLOCK; }
NOINLINE void *first(void *arg) { bump_in_thread(arg); pass_turn(); return arg; }
NOINLINE void *held(void *arg) { char byte; while (read(*(int *)arg, &byte, 1) > 0); return arg; }
NOINLINE void *waits_for_lock(void *arg) { pthread_mutex_lock(&lock); return arg; }
NOINLINE void two_threads(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, first, 0);
    await_turn();
    bump_in_main();
    pthread_join(thread, 0);
}
"""
#: The body of main() of each program; `race` decides whether the lock is taken.
BODIES = {
    "plain": 'two_threads(); puts("done"); return argc > 1 ? atoi(argv[1]) : 0;',
    "echo": "int c; while ((c = getchar()) != EOF) putchar(c); two_threads(); return 0;",
    "child": """\
        pid_t pid = fork();
        if (pid == 0) { two_threads(); exit(0); }
        waitpid(pid, 0, 0);
        return 0;""",
    "again": """\
        char log[4096];
        const char *options = getenv("TSAN_OPTIONS");
        const char *path = options ? strstr(options, "log_path=") : 0;
        if (argc > 1) return 0;
        two_threads();
        /* The next one would begin the log anew: on a busy machine, before it is kept. */
        if (path && !getenv("EXEC_AT_ONCE")) {
            path += strlen("log_path='");
            snprintf(log, sizeof(log), "%.*s.%d", (int)strcspn(path, "'\\""), path, (int)getpid());
            while (!access(log, F_OK)) usleep(1000);
        }
        execl("/proc/self/exe", argv[0], "again", (char *)0);
        return 1;""",
    "underscore_exit": "two_threads(); _exit(0);",
    "sometimes": """\
        const char *run = getenv("RACESHIM_SCHEDULE_SEED");
        const char *input = getenv("RACESHIM_INPUT_SEED");
        pthread_t thread;
        if (run && input && atoi(run) % 4 == 0 && atoi(input) == 1) two_threads();
        pthread_create(&thread, 0, held, &(int){-1});
        pthread_join(thread, 0);
        return 0;""",
    "deadlock": """\
        pthread_t thread;
        if (argc > 1) return 0;
        pthread_mutex_lock(&lock);
        pthread_create(&thread, 0, waits_for_lock, 0);
        pthread_join(thread, 0);
        return 0;""",
    "spin": """\
        pthread_t thread;
        pthread_create(&thread, 0, first, 0);
        for (;;) syscall(SYS_getppid);""",
    "killed": "two_threads(); kill(getpid(), SIGKILL);",
    "crash": "two_threads(); *(volatile int *)8 = 1; return 0;",
    "abort": "two_threads(); abort();",
    "daemon": """\
        int out[2];
        char byte;
        if (pipe(out)) return 1;
        if (fork() == 0) {
            setsid();
            close(out[0]);
            if (write(out[1], "r", 1) != 1) _exit(1);
            while (access(argv[1], F_OK)) usleep(1000);
            two_threads();
            exit(0);
        }
        return read(out[0], &byte, 1) == 1 ? 0 : 1;""",
    "wait": """\
        FILE *ready = fopen(argv[1], "w");
        if (fork() == 0) setsid();
        fprintf(ready, "%d\\n", (int)getpid());
        fclose(ready);
        for (;;) pause();""",
    "serve": "two_threads(); for (;;) pause();",
    "check_failed": """\
        pthread_t thread;
        pthread_create(&thread, 0, bump_in_thread, 0);
        pthread_join(thread, 0);
        pthread_join(thread, 0);
        return 0;""",
    "leak_thread": """\
        pthread_t thread;
        pthread_create(&thread, 0, bump_in_thread, 0);
        sleep(1);
        return 0;""",
    "forked_thread": """\
        int hold[2];
        pthread_t thread;
        if (pipe(hold)) return 1;
        pthread_create(&thread, 0, held, &hold[0]);
        pid_t pid = fork();
        if (pid == 0) {
            if (argc > 1) two_threads(); /* ThreadSanitizer ends the child here */
            exit(0);
        }
        waitpid(pid, 0, 0);
        close(hold[1]);
        pthread_join(thread, 0);
        return 0;""",
    "stacks": """\
        pthread_t thread;
        pthread_attr_t attr;
        const char *kind = argc > 1 ? argv[1] : "";
        int count = strcmp(kind, "many") ? 1 : 20;
        if (!strcmp(kind, "none")) return 0;
        if (!strcmp(kind, "allocates")) return memset(malloc(1 << 26), 1, 1 << 26) == 0;
        if (!strcmp(kind, "runs-a-command")) return system("true");
        pthread_attr_init(&attr);
        if (!strcmp(kind, "small")) pthread_attr_setstacksize(&attr, 1 << 16);
        if (!strcmp(kind, "large")) pthread_attr_setstacksize(&attr, 1 << 26);
        if (!strcmp(kind, "own")) pthread_attr_setstack(&attr, stack, sizeof(stack));
        if (!strcmp(kind, "detached")) {
            pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
            pthread_create(&thread, &attr, first, 0);
            await_turn();
            return 0;
        }
        while (count--) {
            if (pthread_create(&thread, &attr, bump_in_thread, 0)) return 1;
            pthread_join(thread, 0);
        }
        return 0;""",
    "threadless": "shared = argc; if (argc > 1) two_threads(); return 0;",
    "first_time": """\
        pthread_t thread;
        if (access(argv[1], F_OK)) {
            close(creat(argv[1], 0600));
            two_threads();
        }
        pthread_create(&thread, 0, bump_in_thread, 0);
        pthread_join(thread, 0);
        return 0;""",
    "heap": """\
        char *block = malloc(8);
        free(block);
        return block[argc];""",
    "uninitialised": """\
        int *block = malloc(4 * sizeof(int));
        if (block[argc]) puts("set");
        return 0;""",
}


def source(body: str, *, race: bool) -> str:
    """Return a program of `BODIES`, with or without its race."""
    guard = "" if race else "pthread_mutex_lock(&lock)"
    release = "" if race else "pthread_mutex_unlock(&lock)"
    return (
        f"#define LOCK {guard}\n#define UNLOCK {release}\n{HEAD}\n"
        f"int main(int argc, char **argv)\n{{\n(void)argc; (void)argv;\n{BODIES[body]}\n}}\n"
    )


@dataclass(frozen=True)
class Raceshim:
    """The command under test, run as a user would."""

    environ: dict[str, str]

    def __call__(
        self,
        *words: str | Path,
        cwd: Path | None = None,
        status: int | None = 0,
        stdin: str | None = None,
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run it and check its exit status."""
        done = subprocess.run(
            self.line(*words),
            cwd=cwd,
            env=self.environ | (env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert status is None or done.returncode == status, f"{words}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def line(self, *words: str | Path) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", "raceshim", *map(str, words)]


@dataclass(frozen=True)
class Programs:
    """Builds programs of `BODIES`, each only once."""

    raceshim: Raceshim
    folder: Path

    def __call__(
        self,
        body: str,
        *,
        race: bool = False,
        compiler: str = "clang-19",
        detector: str = "thread",
        link_only: bool = False,
    ) -> Path:
        """Return the executable; with `link_only` the detector is not told to the compiler."""
        name = f"{body}-{'race' if race else 'norace'}-{compiler}-{detector}"
        name += "-linked" if link_only else ""
        binary = self.folder / name
        if not binary.exists():
            text = self.folder / f"{name}.c"
            text.write_text(source(body, race=race))
            options = ("--compiler", compiler, "--detector", detector)
            if link_only:
                bare = text.with_suffix(".o")
                none = ("--compiler", compiler, "--detector", "none")
                self.raceshim("cc", *none, "-O1", "-pthread", "-c", text, "-o", bare)
                text = bare
            self.raceshim("cc", *options, "-O1", "-pthread", text, "-o", binary)
        return binary


def clean_environment() -> dict[str, str]:
    """Return the environment without options that somebody has set for himself."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.endswith("SAN_OPTIONS")
        and (not name.startswith("RACESHIM_") or name == "RACESHIM_SDK")
    } | {"XDG_STATE_HOME": str(Path(tempfile.gettempdir()) / f"raceshim-tests-{os.getuid()}")}
