# SPDX-License-Identifier: BSD-2-Clause
"""Threads that wait while traces begin and end, and that are woken for nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from raceshim.trace._check import check
from raceshim.trace._read import read_file
from shim_builds import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim.trace._model import Trace

#: Writes the traces that it reads to DIRECTORY/1 and so on, and says how often conditions were
#: waited for.
PROGRAM = r"""
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <raceshim/trace.h>

#include "waiting.h"

#define WAITERS 3
#define FUTILE  5

static const struct rsh_trace_options all = {.automatic = RSH_TRACE_AUTO_ALL};
static const char *folder;
static int ends[2];
static atomic_int reader;

static void stop(void)
{
	static int n;
	char path[4096];
	const void *data;
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d", folder, ++n);
	file = fopen(path, "wb");
	RSH_TRACE_INSTANT("stop");
	rsh_trace_stop();
	while (!rsh_trace_read(&data, &size) && data)
		fwrite(data, 1, size, file);
	fclose(file);
}

static void *read_one(void *arg)
{
	char byte;

	atomic_store(&reader, (int)syscall(SYS_gettid));
	return read(ends[0], &byte, 1) == 1 ? NULL : arg;
}

static pthread_t wait_on_the_pipe(void)
{
	pthread_t thread;

	atomic_store(&reader, 0);
	pthread_create(&thread, NULL, read_one, &ends);
	await_sleep(&reader);
	return thread;
}

static void let_go(pthread_t thread)
{
	write(ends[1], "x", 1);
	pthread_join(thread, NULL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER, back = PTHREAD_COND_INITIALIZER;
static int may_go, woken, waits, waits_for_them;

static void *wait_for_leave(void *arg)
{
	pthread_mutex_lock(&mutex);
	while (!may_go) {
		waits++;
		pthread_cond_wait(&cond, &mutex);
		woken++;
		pthread_cond_signal(&back);
	}
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void wake_for_nothing(void)
{
	pthread_t threads[WAITERS];

	for (int i = 0; i < WAITERS; i++)
		pthread_create(&threads[i], NULL, wait_for_leave, NULL);
	pthread_mutex_lock(&mutex);
	for (int i = 0; i <= FUTILE; i++) {
		while (waits < WAITERS * (i + 1)) {
			pthread_mutex_unlock(&mutex);
			sched_yield();
			pthread_mutex_lock(&mutex);
		}
		may_go = i == FUTILE;
		pthread_cond_broadcast(&cond);
		while (woken < WAITERS * (i + 1)) {
			waits_for_them++;
			pthread_cond_wait(&back, &mutex);
		}
	}
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < WAITERS; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	folder = argv[argc - 1];
	if (pipe(ends))
		return 1;
	thread = wait_on_the_pipe();
	rsh_trace_start(&all);
	stop();
	rsh_trace_start(&all);
	let_go(thread);
	stop();
	rsh_trace_start(&all);
	thread = wait_on_the_pipe();
	stop();
	rsh_trace_start(&all);
	let_go(thread);
	stop();
	rsh_trace_start(&all);
	let_go(wait_on_the_pipe());
	stop();
	rsh_trace_start(&all);
	wake_for_nothing();
	stop();
	printf("%d %d\n", waits, waits_for_them);
	return 0;
}
"""


@pytest.fixture(scope="module", name="traces")
def _traces(
    sdk: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[int, Trace], list[int]]:
    """Return the traces, and how often the threads waited for conditions, and their maker."""
    folder = tmp_path_factory.mktemp("wakes")
    source, program = folder / "wakes.c", folder / "wakes"
    source.write_text(PROGRAM)
    run(
        "clang-19", "-fsanitize=thread", "-g", "-O1", "-w", f"-I{sdk}/include",
        f"-I{ROOT}/tests/c", source, sdk / "lib/libraceshim.a", "-pthread", "-o", program,
    )  # fmt: skip
    told = run(program, folder)
    return {n: read_file(folder / str(n)) for n in range(1, 7)}, [int(n) for n in told.split()]


def named(trace: Trace, name: str) -> Counter[str]:
    """Return how often something of this name has begun and ended."""
    return Counter(e.kind for e in trace.events if e.name == name)


def test_who_waits_meanwhile_is_no_trouble(traces: tuple[dict[int, Trace], list[int]]) -> None:
    """A call ends in the trace that it has begun in, or in none."""
    found, _ = traces
    for trace in found.values():
        assert (check(trace).wrong, trace.lost) == ((), 0)
        assert named(trace, "stop") == {"instant": 1}
    reads = [named(found[n], "read") for n in range(1, 6)]
    assert reads == [{}, {}, {"begin": 1}, {}, {"begin": 1, "end": 1}]


def test_each_futile_wake_up_is_the_end_of_a_wait(
    traces: tuple[dict[int, Trace], list[int]],
) -> None:
    found, (waits, waits_for_them) = traces
    assert waits >= 3 * 6
    total = waits + waits_for_them
    assert named(found[6], "wait for condition") == {"begin": total, "end": total}
