/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handler may talk to other threads through an atomic. The control's variable is a plain int.
 *
 * control: data race in on_signal, last_seen
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <signal.h>

#include "step.h"

#ifdef RSH_CONTROL
#define PUT(var, value) ((var) = (value))
#define GET(var)        (var)
#else
#define PUT(var, value) __atomic_store_n(&(var), value, __ATOMIC_RELAXED)
#define GET(var)        __atomic_load_n(&(var), __ATOMIC_RELAXED)
#endif

int last_signal;

static NOINLINE void on_signal(int signo)
{
	PUT(last_signal, signo);
}

static NOINLINE int last_seen(void)
{
	return GET(last_signal);
}

static void *worker(void *arg)
{
	raise(SIGUSR1);
	step_set(1);
	return arg;
}

int main(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	pthread_t thread;
	int seen;

	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = last_seen();
	pthread_join(thread, NULL);
	return seen != SIGUSR1;
}
