/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a destroyed mutex is used again, for a mutex of another place in the order of
 * locks. RSH_RACE_MUTEX_DESTROY ends the first one's history; without it the two are one mutex
 * that is taken in both orders.
 *
 * control: lock-order-inversion (potential deadlock) in lock_inside, lock_outside
 * annotation: RSH_RACE_MUTEX_DESTROY
 * uninstrumented: helper_hidden.c
 */
#include "own_mutex.h"

static int memory, other;

NOINLINE static void lock_inside(int *mutex)
{
	own_lock(&other);
	own_lock(mutex);
	own_unlock(mutex);
	own_unlock(&other);
}

NOINLINE static void lock_outside(int *mutex)
{
	own_lock(mutex);
	own_lock(&other);
	own_unlock(&other);
	own_unlock(mutex);
}

int main(void)
{
	RSH_RACE_MUTEX_CREATE(&memory);
	lock_inside(&memory);
	PROVE(RSH_RACE_MUTEX_DESTROY(&memory));
	PROVE(RSH_RACE_MUTEX_CREATE(&memory));
	lock_outside(&memory);
	RSH_RACE_MUTEX_DESTROY(&memory);
	return 0;
}
