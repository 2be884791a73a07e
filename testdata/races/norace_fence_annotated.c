/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Correct C11: a release fence before a relaxed store, an acquire fence after a relaxed load. The
 * detector does not model fences and reports a race that is none; the annotation says what the
 * fence does. The control leaves the annotation out, and is the false report.
 *
 * control: data race in write_message, read_message
 * cflags[gcc]: -Wno-tsan
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <raceshim/annotate.h>

#include "step.h"

#ifdef RSH_CONTROL
#define FENCE_RELEASES(addr)
#define FENCE_ACQUIRES(addr)
#else
#define FENCE_RELEASES(addr) RSH_RACE_RELEASE(addr)
#define FENCE_ACQUIRES(addr) RSH_RACE_ACQUIRE(addr)
#endif

static int ready;
int message;

static NOINLINE void write_message(void)
{
	message = 42;
}

static NOINLINE int read_message(void)
{
	return message;
}

static void *worker(void *arg)
{
	write_message();
	FENCE_RELEASES(&ready);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&ready, 1, __ATOMIC_RELAXED);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int flag, seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	flag = __atomic_load_n(&ready, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	FENCE_ACQUIRES(&ready);
	seen = read_message();
	pthread_join(thread, NULL);
	return !flag || seen != 42;
}
