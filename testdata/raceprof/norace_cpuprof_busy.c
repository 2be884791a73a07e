/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library's profiler at 5,000 samples a second of each of two threads that keep the detector
 * busy. What they share then, under a lock, is silent; what they share without one, in the control, is
 * reported. And every signal became a sample or was counted as lost.
 *
 * control: data race in add, add
 * stdout: OK
 * uninstrumented: sampler.c ../races/step.c
 */
#include <pthread.h>
#include <raceshim/cpuprof.h>
#include <stdio.h>

#include "../races/step.h"
#include "sampler.h"

enum { SAMPLES = 1000 };

#ifdef RSH_CONTROL
#define LOCKED(what) what
#else
#define LOCKED(what)                                                                               \
	pthread_mutex_lock(&mutex);                                                                \
	what;                                                                                      \
	pthread_mutex_unlock(&mutex)
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
#endif

static unsigned long sum; /* under the mutex */

static NOINLINE void busy_call(volatile unsigned long *calls)
{
	++*calls;
}

static NOINLINE void add(unsigned long n)
{
	sum += n;
}

/* Until the profile has SAMPLES more of both threads, whatever the machine is doing. */
static void be_busy(void)
{
	struct rsh_cpuprof_stats stats;
	volatile unsigned long calls = 0;
	uint64_t begin;

	rsh_cpuprof_stats(&stats);
	begin = stats.accepted;
	do {
		for (int i = 0; i < 1000; i++) {
			busy_call(&calls);
			sampler_rest(20);
		}
		rsh_cpuprof_stats(&stats);
	} while (stats.accepted < begin + SAMPLES);
}

/* What was done before is forgotten while the other one is still busy: they add when both are not. */
static void *first_thread(void *arg)
{
	be_busy();
	step_wait(1);
	LOCKED(add(1));
	step_set(2);
	step_wait(3);
	return arg;
}

static void *second_thread(void *arg)
{
	be_busy();
	step_set(1);
	step_wait(2);
	LOCKED(add(2));
	step_set(3);
	return arg;
}

int main(void)
{
	const struct rsh_cpuprof_options options = {.hz = RSH_CPUPROF_HZ_MAX};
	struct rsh_cpuprof_stats stats;
	uint64_t lost = 0;
	pthread_t threads[2];

	if (rsh_cpuprof_start(&options) != 0)
		return 1;
	pthread_create(&threads[0], NULL, first_thread, NULL);
	pthread_create(&threads[1], NULL, second_thread, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	if (rsh_cpuprof_stop() != 0 || rsh_cpuprof_stats(&stats) != 0)
		return 1;
	for (int why = 0; why < RSH_CPUPROF_LOST_CLASSES; why++)
		lost += stats.lost[why];
	puts(stats.accepted == stats.delivered + lost && sum == 3 ? "OK" : "wrong");
	return 0;
}
