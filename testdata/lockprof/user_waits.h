/* SPDX-License-Identifier: BSD-2-Clause */
/* A profile of this program's waits, with one stack in it. */
#ifndef USER_WAITS_H
#define USER_WAITS_H

#include <raceshim/lockprof.h>
#include <semaphore.h>
#include <time.h>

#include "../cpuprof/user_memory.h"

/* user_wait - wait for what does not come, and that it should have come long ago */
static inline void user_wait(void)
{
	const struct rsh_lockprof_options all = {1, 1};
	const struct timespec past = {0, 0};
	sem_t never;

	if (rsh_lockprof_start(&all) != 0 || sem_init(&never, 0, 0) != 0 ||
	    sem_timedwait(&never, &past) == 0 || rsh_lockprof_stop() != 0)
		abort();
}

#endif
