/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whoever returns from pthread_once() sees what the initialiser wrote, also when another thread ran
 * it. The control only looks at a flag of its own.
 *
 * control: data race in read_config, use_config
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
int timeout;

static NOINLINE void read_config(void)
{
	timeout = 30;
}

static NOINLINE int use_config(void)
{
	return timeout;
}

#ifdef RSH_CONTROL
static void ensure_config(void)
{
	static int done;

	if (__atomic_exchange_n(&done, 1, __ATOMIC_RELAXED) == 0)
		read_config();
}
#else
static void ensure_config(void)
{
	pthread_once(&once, read_config);
}
#endif

static void *worker(void *arg)
{
	ensure_config();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	int seen;

	(void)once;
	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	ensure_config();
	seen = use_config();
	pthread_join(thread, NULL);
	return seen != 30;
}
