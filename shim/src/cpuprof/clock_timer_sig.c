/* SPDX-License-Identifier: BSD-2-Clause */
/* POSIX timers that each send one thread a signal: on the thread's own time, and on everybody's. */

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/signal.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "core/ticks.h"
#include "session.h"

#define SHORTEST_WALL 100000u /* ns */

/* The clock of a thread's time, as the kernel numbers them. */
static int clock_of(int tid)
{
	return (int)((~(unsigned int)tid << 3) | 6u);
}

/* A first time anywhere in the period: threads that begin together are not sampled together. */
static uint64_t first_of(uint64_t period)
{
	uint64_t x = rshi_ticks_sig() * 0x9e3779b97f4a7c15u;

	return 1 + (x >> 20) % period;
}

static int start(struct rshi_timing *t, const struct rshi_clock *clock, int number, int tid,
                 uint64_t period, uint32_t slot)
{
	int id = -1, err = rshi_timer_create_sig(number, tid, SIGPROF, slot, &id);

	if (err)
		return err;
	t->clock = clock;
	__atomic_store_n(&t->id, id, __ATOMIC_RELAXED);
	err = rshi_timer_settime_sig(id, first_of(period), period);
	if (err)
		clock->disarm_sig(t);
	return err;
}

static void disarm(struct rshi_timing *t)
{
	rshi_timer_delete_sig(t->id);
	__atomic_store_n(&t->id, -1, __ATOMIC_RELAXED);
	t->clock = NULL;
}

static int is_armed(const struct rshi_timing *t)
{
	(void)t;
	return 1;
}

static int arm_cpu(struct rshi_timing *t, int tid, uint64_t period, uint32_t slot)
{
	return start(t, &rshi_clock_cpu_sig, clock_of(tid), tid, period, slot);
}

static int arm_wall(struct rshi_timing *t, int tid, uint64_t period, uint32_t slot)
{
	return start(t, &rshi_clock_wall_sig, CLOCK_MONOTONIC, tid, period, slot);
}

static int try_timer(int number)
{
	struct rshi_timing t;
	int err = start(&t, &rshi_clock_wall_sig, number, rshi_gettid_sig(), UINT32_MAX, 0);

	if (!err)
		disarm(&t);
	return err;
}

/* Timers on a thread's time go off when the kernel's clock ticks. */
static int try_cpu(uint64_t *period)
{
	int err = try_timer(clock_of(rshi_gettid_sig()));
	struct __kernel_timespec tick;

	if (err)
		return err;
	if (rshi_call_sig(__NR_clock_getres, CLOCK_MONOTONIC_COARSE, (long)&tick, 0, 0, 0) ||
	    *period >= (uint64_t)tick.tv_nsec)
		return 0;
	*period = (uint64_t)tick.tv_nsec;
	return ERANGE;
}

static int try_wall(uint64_t *period)
{
	int err = try_timer(CLOCK_MONOTONIC);

	if (err || *period >= SHORTEST_WALL)
		return err;
	*period = SHORTEST_WALL;
	return ERANGE;
}

const struct rshi_clock rshi_clock_cpu_sig = {
        .name = "timer_create",
        .try_sig = try_cpu,
        .arm_sig = arm_cpu,
        .disarm_sig = disarm,
        .is_armed_sig = is_armed,
};

const struct rshi_clock rshi_clock_wall_sig = {
        .name = "timer_create wall clock",
        .try_sig = try_wall,
        .arm_sig = arm_wall,
        .disarm_sig = disarm,
        .is_armed_sig = is_armed,
};
