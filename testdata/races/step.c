/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock of step.h: one futex word, reached by raw system calls only. Never instrument it. */
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "step.h"

static unsigned now;

void step_set(unsigned n)
{
	unsigned seen = __atomic_load_n(&now, __ATOMIC_RELAXED);

	while (seen < n &&
	       !__atomic_compare_exchange_n(&now, &seen, n, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		;
	syscall(SYS_futex, &now, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void step_wait(unsigned n)
{
	unsigned seen;

	while ((seen = __atomic_load_n(&now, __ATOMIC_ACQUIRE)) < n)
		syscall(SYS_futex, &now, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

void step_nap(void)
{
	const struct timespec millisecond = {.tv_nsec = 1000000};

	syscall(SYS_nanosleep, &millisecond, NULL);
}

int step_self(void)
{
	return (int)syscall(SYS_gettid);
}

void step_gone(int tid)
{
	while (syscall(SYS_tgkill, syscall(SYS_getpid), tid, 0) == 0)
		syscall(SYS_sched_yield);
}
