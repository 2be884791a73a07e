/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table filled by a constructor is complete before main() starts a thread. In the control it is
 * filled when the thread already runs.
 *
 * control: data race in fill_table, look_up
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

int table[16];

#ifdef RSH_CONTROL
#define BEFORE_MAIN
#define AFTER_START() fill_table()
#else
#define BEFORE_MAIN __attribute__((constructor))
#define AFTER_START()
#endif

BEFORE_MAIN static NOINLINE void fill_table(void)
{
	int i;

	for (i = 0; i < 16; i++)
		table[i] = i * i;
}

static NOINLINE int look_up(int i)
{
	return table[i];
}

static void *worker(void *arg)
{
	step_wait(1);
	return look_up(7) == 49 ? NULL : arg;
}

int main(void)
{
	pthread_t thread;
	void *wrong;

	pthread_create(&thread, NULL, worker, table);
	AFTER_START();
	step_set(1);
	pthread_join(thread, &wrong);
	return wrong != NULL;
}
