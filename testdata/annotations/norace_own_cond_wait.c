/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A condition variable of one's own gives the mutex up while it waits and takes it again. The
 * wait annotations say so; without them the waiter seems to hold the mutex all the time and the
 * signaller to lock a locked one.
 *
 * control: double lock of a mutex in take_mutex
 * annotation: RSH_RACE_COND_BEFORE_WAIT RSH_RACE_COND_AFTER_WAIT
 * uninstrumented: helper_hidden.c
 */
#include "own_mutex.h"

static int mutex, cond, waiting;

static void own_wait(void)
{
	PROVE(RSH_RACE_COND_BEFORE_WAIT(&cond, &mutex));
	hidden_unlock(&mutex);
	hidden_post(&waiting);
	hidden_wait(&cond, 1);
	hidden_lock(&mutex);
	PROVE(RSH_RACE_COND_AFTER_WAIT(&cond, &mutex));
}

NOINLINE static void take_mutex(void)
{
	own_lock(&mutex);
}

static void *waiter(void *arg)
{
	own_lock(&mutex);
	own_wait();
	own_unlock(&mutex);
	return arg;
}

static void *signaller(void *arg)
{
	hidden_wait(&waiting, 1);
	take_mutex();
	own_unlock(&mutex);
	hidden_post(&cond);
	return arg;
}

int main(void)
{
	run_two(waiter, signaller);
	return 0;
}
