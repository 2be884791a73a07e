/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * setenv() against getenv(): a race by the C library's own book, inside the C library, which is not
 * instrumented and here not intercepted either. The control keeps the variable itself.
 *
 * control: data race in set_mode, get_mode
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "step.h"

#ifdef RSH_CONTROL
const char *mode;
#define PUT(value) (mode = (value))
#define GET()      mode
#else
#define PUT(value) setenv("MODE", value, 1)
#define GET()      getenv("MODE")
#endif

static NOINLINE void set_mode(const char *value)
{
	PUT(value);
}

static NOINLINE const char *get_mode(void)
{
	return GET();
}

static void *worker(void *arg)
{
	set_mode("fast");
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	const char *seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	seen = get_mode();
	pthread_join(thread, NULL);
	return seen == NULL || strcmp(seen, "fast") != 0;
}
