/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vector grows while another thread reads it: realloc() gives the old block away under the
 * reader.
 *
 * report: data race in first_element, grow
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <stdlib.h>

#include "step.h"

long *vector;

static NOINLINE long first_element(const long *from)
{
	return from[0];
}

static NOINLINE void grow(void)
{
	vector = realloc(vector, 4096 * sizeof(*vector));
}

static void *worker(void *from)
{
	long first = first_element(from);

	step_set(1);
	return (void *)first;
}

int main(void)
{
	pthread_t thread;
	void *first;

	vector = calloc(8, sizeof(*vector));
	pthread_create(&thread, NULL, worker, vector);
	step_wait(1);
	grow();
	pthread_join(thread, &first);
	free(vector);
	return first != NULL;
}
