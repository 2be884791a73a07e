/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads that the profiler has never heard of send themselves 100 SIGPROF each, whose stacks
 * collide in the shared table. Each signal is handled before pthread_kill() returns, and none is lost.
 * The control's handler is instrumented: the detector sees it write the table from both threads.
 *
 * control: data race in on_sigprof, on_sigprof
 * stdout: OK
 * cflags: -fno-builtin
 * uninstrumented: sampler.c ../races/step.c
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../races/step.h"
#include "sampler.h"

enum { SIGNALS = 100 };

#ifdef RSH_CONTROL
struct sampler_frame newest;

static NOINLINE void on_sigprof(int signo)
{
	struct sampler_frame frame = {.pc = (uintptr_t)&on_sigprof};

	memcpy(&newest, &frame, sizeof(newest));
	sampler_on_sigprof(signo);
}
#else
#define on_sigprof sampler_on_sigprof
#endif

static int send_to_self(void)
{
	int i;

	for (i = 0; i < SIGNALS; i++) {
		pthread_kill(pthread_self(), SIGPROF);
		sched_yield();
	}
	return sampler_handled() != SIGNALS;
}

static void *first(void *arg)
{
	arg = send_to_self() ? arg : NULL;
	step_set(1);
	return arg;
}

static void *second(void *arg)
{
	step_wait(1);
	return send_to_self() ? arg : NULL;
}

int main(void)
{
	void *(*const body[2])(void *) = {first, second};
	pthread_t threads[2];
	void *failed[2];
	int i;

	if (sampler_install(on_sigprof) != 0)
		return 1;
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, body[i], &threads[i]);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], &failed[i]);
	if (failed[0] != NULL || failed[1] != NULL || sampler_check() != 0)
		return 1;
	puts("OK");
	return 0;
}
