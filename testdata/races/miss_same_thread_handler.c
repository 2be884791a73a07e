/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handler breaks into its own thread, between the two halves of an update, and sees one of them.
 * Both accesses are one thread's, so there is nothing to report. In the control another thread gets
 * the signal.
 *
 * control: data race in on_signal, update_pair
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <signal.h>

#include "step.h"

struct {
	int left, right;
} pair;

static int torn;

static NOINLINE void on_signal(int signo)
{
	(void)signo;
	__atomic_store_n(&torn, pair.left != pair.right, __ATOMIC_RELAXED);
}

static NOINLINE void update_pair(void (*interruption)(void))
{
	pair.left = 1;
	interruption();
	pair.right = 1;
}

static void interrupt_self(void)
{
	raise(SIGUSR1);
}

#ifdef RSH_CONTROL
static void *worker(void *arg)
{
	step_wait(1);
	interrupt_self();
	step_set(2);
	return arg;
}

static void interrupt_other(void)
{
	step_set(1);
	step_wait(2);
}

static void update(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	update_pair(interrupt_other);
	pthread_join(thread, NULL);
}
#else
static void update(void)
{
	update_pair(interrupt_self);
}
#endif

int main(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGUSR1, &action, NULL);
	update();
	return !__atomic_load_n(&torn, __ATOMIC_RELAXED);
}
