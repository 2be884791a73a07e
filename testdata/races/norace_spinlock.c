/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pthread_spin_lock() never sleeps and is a lock all the same. The control leaves it out.
 *
 * control: data race in enter, leave
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

pthread_spinlock_t spinlock;

#ifdef RSH_CONTROL
#define LOCK()
#define UNLOCK()
#else
#define LOCK()   pthread_spin_lock(&spinlock)
#define UNLOCK() pthread_spin_unlock(&spinlock)
#endif

int inside;

static NOINLINE void enter(void)
{
	LOCK();
	inside++;
	UNLOCK();
}

static NOINLINE void leave(void)
{
	LOCK();
	inside--;
	UNLOCK();
}

static void *worker(void *arg)
{
	enter();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE);
	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	leave();
	pthread_join(thread, NULL);
	pthread_spin_destroy(&spinlock);
	return inside != 0;
}
