/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex of one's own is destroyed while somebody holds it. Only RSH_RACE_MUTEX_DESTROY tells
 * TSan that its life ends there.
 *
 * report: destroy of a locked mutex in destroy_mutex
 * control: clean
 * annotation: RSH_RACE_MUTEX_DESTROY
 * uninstrumented: helper_hidden.c
 */
#include "own_mutex.h"

static int mutex;

NOINLINE static void destroy_mutex(void)
{
	PROVE(RSH_RACE_MUTEX_DESTROY(&mutex));
}

int main(void)
{
	RSH_RACE_MUTEX_CREATE(&mutex);
	own_lock(&mutex);
	destroy_mutex();
	return 0;
}
