/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Profiles and traces that two threads begin at the same time, one of them while it loads a library.
 * The other one has to ask the loader something meanwhile, and waits for it: with a lock of the
 * profile's, it would wait for ever.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <raceshim/cpuprof.h>
#include <raceshim/detect.h>
#include <raceshim/heapprof.h>
#include <raceshim/trace.h>

#include "waiting.h"

#define HOOKS (RSH_HAS_TSAN || RSH_HAS_ASAN || RSH_HAS_MSAN)

static const struct rsh_lockprof_options all = {1, 1};
static atomic_int is_loading, is_begun;
static atomic_int other; /* thread id of the other one */
static int (*begin)(void);

static int begin_heap(void)
{
	int err = rsh_heapprof_rate(1);

	/* There is somebody who tells of allocations, or it was looked for. */
	return err == RSH_EHEAPSOURCE && !HOOKS ? 0 : err;
}

static int begin_locks(void)
{
	return rsh_lockprof_start(&all);
}

/* Whoever comes second is told that it runs. */
static int or_runs(int err)
{
	return err == EBUSY ? 0 : err;
}

static int begin_cpu(void)
{
	return or_runs(rsh_cpuprof_start(NULL));
}

static int begin_trace(void)
{
	static const struct rsh_trace_options options = {.automatic = RSH_TRACE_AUTO_ALL};

	return or_runs(rsh_trace_start(&options));
}

static int begin_flight(void)
{
	static const struct rsh_flight_options options = {.automatic = RSH_TRACE_AUTO_ALL};

	return or_runs(rsh_flight_start(&options));
}

static void *begin_too(void *arg)
{
	while (!atomic_load(&is_loading))
		usleep(100);
	atomic_store(&other, (int)syscall(SYS_gettid));
	CHECK_EQ(begin(), 0);
	atomic_store(&is_begun, 1);
	/* As long as somebody looks whether it sleeps. */
	while (atomic_load(&is_loading))
		usleep(100);
	return arg;
}

/* Called by the library. */
__attribute__((visibility("default"))) void while_loading(void);

void while_loading(void)
{
	atomic_store(&is_loading, 1);
	while (!atomic_load(&other))
		usleep(100);
	/* More than once: it may wait for a detector; or for nobody, if it has nothing to ask. */
	for (int asleep = 0; asleep < 3 && !atomic_load(&is_begun); usleep(1000))
		asleep = is_asleep(atomic_load(&other)) ? asleep + 1 : 0;
	CHECK_EQ(begin(), 0);
	atomic_store(&is_loading, 0);
}

static void load(char *program)
{
	char path[4096];

	CHECK(snprintf(path, sizeof(path), "%.*s/loads.so", (int)(strrchr(program, '/') - program),
	               program) < (int)sizeof(path));
	CHECK(dlopen(path, RTLD_NOW));
}

int main(int argc, char **argv)
{
	static int (*const beginnings[])(void) = {begin_heap, begin_locks, begin_cpu, begin_trace,
	                                          begin_flight};

	CHECK(argc == 1);
	/* In a process of its own each, where nobody has begun it. */
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++) {
		pid_t child = fork();
		pthread_t thread;
		int status;

		CHECK(child >= 0);
		if (child) {
			CHECK_EQ(waitpid(child, &status, 0), child);
			CHECK_EQ(status, 0);
			continue;
		}
		begin = beginnings[i];
		CHECK_EQ(pthread_create(&thread, NULL, begin_too, NULL), 0);
		load(argv[0]);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		_exit(0);
	}
	return 0;
}
