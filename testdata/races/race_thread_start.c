/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pthread_create() publishes what was written before it, not what is written after it: main fills
 * in the job when the thread already runs.
 *
 * report: data race in fill_job, take_job
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

struct job {
	int kind;
};

static NOINLINE void fill_job(struct job *job)
{
	job->kind = 7;
}

static NOINLINE int take_job(const struct job *job)
{
	return job->kind;
}

static struct job shared;

static void *worker(void *arg)
{
	step_wait(1);
	return take_job(arg) == 7 ? NULL : arg;
}

int main(void)
{
	pthread_t thread;
	void *failed;

	pthread_create(&thread, NULL, worker, &shared);
	fill_job(&shared);
	step_set(1);
	pthread_join(thread, &failed);
	return failed != NULL;
}
