/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_REFUSING_H
#define RSH_TESTS_REFUSING_H

/* Memory refused in a process of its own: what has begun a profile there has it for ever. */

#include <sys/wait.h>
#include <unistd.h>

#include "allocations.h"
#include "check.h"

/*
 * Run @profile with the call for memory refused that is @at-th from now, and the @from-th and all that
 * follow; 0 is none. Returns whether @profile did not return 0.
 */
static inline int with_refusals(size_t at, size_t from, int (*profile)(void))
{
	enum { GOES_WELL = 3, LACKS_MEMORY };
	pid_t child = fork();
	int status = 1;

	CHECK(child >= 0);
	if (!child) {
		allocations.fail_at = at ? allocations.calls + at : 0;
		allocations.fail_from = from ? allocations.calls + from : 0;
		_exit(profile() ? LACKS_MEMORY : GOES_WELL);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == GOES_WELL || WEXITSTATUS(status) == LACKS_MEMORY);
	return WEXITSTATUS(status) == LACKS_MEMORY;
}

#endif /* RSH_TESTS_REFUSING_H */
