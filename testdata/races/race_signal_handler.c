/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A signal handler runs in one thread and writes what another thread reads.
 *
 * report: data race in on_signal, last_seen
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <signal.h>

#include "step.h"

int last_signal;

static NOINLINE void on_signal(int signo)
{
	last_signal = signo;
}

static NOINLINE int last_seen(void)
{
	return last_signal;
}

static void *worker(void *arg)
{
	raise(SIGUSR1); /* synchronous: the handler has run when raise() returns */
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
