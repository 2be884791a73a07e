/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library's profiler with a traceback function of the program's: two threads send themselves 100
 * SIGPROF each, for which it makes up stacks that collide. Each signal is one sample, and its stack
 * that of its thread. The control's function is instrumented: the detector sees it count in both
 * threads.
 *
 * control: data race in on_traceback, on_traceback
 * stdout: OK
 * uninstrumented: stacks.c ../races/step.c
 */
#include <pthread.h>
#include <raceshim/cpuprof.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "../races/step.h"
#include "stacks.h"

enum { SIGNALS = 100 };

#ifdef RSH_CONTROL
unsigned long asked;

static NOINLINE size_t on_traceback(void *arg, const void *ucontext, uintptr_t *pcs, size_t max)
{
	asked++;
	return stacks_traceback(arg, ucontext, pcs, max);
}
#else
#define on_traceback stacks_traceback
#endif

static void *send_to_self(void *arg)
{
	unsigned turn = *(unsigned *)arg;

	step_wait(turn);
	stacks_number(turn);
	for (int i = 0; i < SIGNALS; i++) {
		pthread_kill(pthread_self(), SIGPROF);
		sched_yield();
	}
	step_set(turn + 1);
	return NULL;
}

/* How many samples have the stack of each thread; 1 if one has another stack than one of these. */
static int count(unsigned long found[2])
{
	static struct rsh_cpuprof_record records[8];
	size_t got;

	do {
		if (rsh_cpuprof_read(records, 8, &got) != 0)
			return 1;
		for (size_t i = 0; i < got; i++) {
			unsigned turn = stacks_whose(records[i].pcs, records[i].n);

			if (records[i].lost != -1 || turn > 2)
				return 1;
			if (turn != 0)
				found[turn - 1] += records[i].ticks;
		}
	} while (got != 0);
	return 0;
}

int main(void)
{
	const struct rsh_cpuprof_options options = {.hz = 1, .raw = 1};
	unsigned turns[2] = {1, 2};
	unsigned long found[2] = {0, 0};
	pthread_t threads[2];

	if (rsh_cpuprof_set_traceback(on_traceback, NULL) != 0 || rsh_cpuprof_start(&options) != 0)
		return 1;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, send_to_self, &turns[i]);
	step_set(1);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	if (rsh_cpuprof_stop() != 0 || count(found) != 0)
		return 1;
	/* The clock may have ticked in the middle of it. */
	puts(found[0] >= SIGNALS && found[1] >= SIGNALS ? "OK" : "wrong");
	return 0;
}
