/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_CLOCK_H
#define RSH_CPUPROF_CLOCK_H

/*
 * What makes a thread's samples come: one clock for each thread, which sends it SIGPROF.
 *
 * To add one: a file that fills a struct rshi_clock. Everything may be called from any thread of the
 * process, for any other one.
 */

#include <stdint.h>

/* A clock of one thread. */
struct rshi_timing {
	const struct rshi_clock *clock; /* NULL: it has none */
	int id;                         /* atomic: the timer's, or a descriptor */
	uint64_t event;                 /* what is at that descriptor, if it is one */
};

struct rshi_clock {
	const char *name;
	int is_descriptor; /* signals carry the descriptor; otherwise the slot and the timer's id */

	/*
	 * Whether @period nanoseconds are possible: 0, ERANGE with the shortest possible one at
	 * *@period, or why there is no such clock here.
	 */
	int (*try_sig)(uint64_t *period);

	/* Start and end the clock of thread @tid, whose slot is number @slot. Return 0 or an errno. */
	int (*arm_sig)(struct rshi_timing *t, int tid, uint64_t period, uint32_t slot);
	void (*disarm_sig)(struct rshi_timing *t);

	/* Whether it still is: a program may close descriptors that it does not know. */
	int (*is_armed_sig)(const struct rshi_timing *t);
};

/*
 * Time that the thread runs, outside the kernel, measured by the kernel's high-resolution timers.
 * A descriptor for each thread; containers often do not allow it.
 */
extern const struct rshi_clock rshi_clock_perf_sig;

/* How many descriptors it may have of those that the process may, at this moment. */
uint32_t rshi_clock_descriptors_sig(void);

/* Time that the thread runs, measured when the kernel's clock ticks: no more often than that. */
extern const struct rshi_clock rshi_clock_cpu_sig;

/* Time that passes, also while the thread waits; what it waits in is interrupted. */
extern const struct rshi_clock rshi_clock_wall_sig;

#endif /* RSH_CPUPROF_CLOCK_H */
