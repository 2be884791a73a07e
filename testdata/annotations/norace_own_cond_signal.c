/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a condition variable is not the user's business: its plain sequence number,
 * guarded by a lock that the detector cannot see, is a race only for who looks at it. Between
 * the signal annotations nobody does, as nobody does between those of the wait.
 *
 * control: data race in own_signal, own_signal
 * annotation: RSH_RACE_COND_BEFORE_SIGNAL RSH_RACE_COND_AFTER_SIGNAL
 * uninstrumented: helper_hidden.c
 */
#include "own_mutex.h"

static struct {
	int inner; /* TSan does not see this lock */
	int sequence;
} cond;
static int signalled;

NOINLINE static void own_signal(void)
{
	PROVE(RSH_RACE_COND_BEFORE_SIGNAL(&cond));
	hidden_lock(&cond.inner);
	cond.sequence++;
	hidden_unlock(&cond.inner);
	PROVE(RSH_RACE_COND_AFTER_SIGNAL(&cond));
}

static void *one(void *arg)
{
	own_signal();
	hidden_post(&signalled);
	return arg;
}

static void *other(void *arg)
{
	hidden_wait(&signalled, 1);
	own_signal();
	return arg;
}

int main(void)
{
	run_two(one, other);
	return cond.sequence != 2;
}
