/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Neighbouring bit-fields are one memory location: setting one rewrites the other.
 *
 * report: data race in set_dirty, set_locked
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

struct page {
	unsigned dirty : 1;
	unsigned locked : 1;
};

struct page page;

static NOINLINE void set_dirty(void)
{
	page.dirty = 1;
}

static NOINLINE void set_locked(void)
{
	page.locked = 1;
}

static void *worker(void *arg)
{
	set_dirty();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	set_locked();
	pthread_join(thread, NULL);
	return !page.dirty || !page.locked;
}
