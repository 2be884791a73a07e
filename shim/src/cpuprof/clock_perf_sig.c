/* SPDX-License-Identifier: BSD-2-Clause */
/* A clock of a thread's own from perf_event_open(2). */

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/perf_event.h>
#include <linux/resource.h>
#include <linux/signal.h>

#include <raceshim/sigsafe.h>

#include "core/files.h"
#include "session.h"

#define LOWEST_FD 200 /* out of the way of programs that count on small numbers */
#define NS_PER_S  1000000000u

static inline int error_of(long result)
{
	return result < 0 ? (int)-result : 0;
}

static int open_event(int tid, uint64_t period, int *fd)
{
	struct perf_event_attr attr;
	long result;

	rsh_memset_sig(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	attr.sample_period = period;
	attr.disabled = 1;
	/*
	 * Without privileges no other is allowed. With it, no signal becomes pending in an exec, whose
	 * new program would die of it.
	 */
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	result =
	        rshi_call_sig(__NR_perf_event_open, (long)&attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (result >= 0)
		*fd = (int)result;
	return error_of(result);
}

/* What the system's administrator allows at most, or 0. */
static uint64_t highest_rate(void)
{
	uint64_t rate = 0;
	char text[32];
	size_t n = 0;
	int fd;

	if (rshi_open_sig(RSHI_CWD, "/proc/sys/kernel/perf_event_max_sample_rate", &fd))
		return 0;
	if (rshi_read_sig(fd, text, sizeof(text), &n))
		n = 0;
	rshi_close_sig(fd);
	for (size_t i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		rate = rate * 10 + (uint64_t)(text[i] - '0');
	return rate;
}

static int try(uint64_t *period)
{
	uint64_t rate = highest_rate();
	int fd, err = open_event(0, *period, &fd);

	if (err)
		return err;
	rshi_close_sig(fd);
	if (!rate || NS_PER_S / *period <= rate)
		return 0;
	*period = NS_PER_S / rate;
	return ERANGE;
}

static long control(int fd, int command, long arg)
{
	return rshi_call_sig(__NR_fcntl, fd, command, arg, 0, 0);
}

/* Signals go to the thread as soon as this returns 0. */
static int send_signals(int fd, int tid)
{
	struct f_owner_ex owner;
	long result;

	owner.type = F_OWNER_TID;
	owner.pid = tid;
	result = control(fd, F_SETOWN_EX, (long)&owner);
	if (!result)
		result = control(fd, F_SETSIG, SIGPROF);
	if (!result)
		result = control(fd, F_SETFL, FASYNC | O_NONBLOCK);
	if (!result)
		result = rshi_call_sig(__NR_ioctl, fd, PERF_EVENT_IOC_ENABLE, 0, 0, 0);
	return error_of(result);
}

static uint64_t event_at(int fd)
{
	uint64_t event = 0;

	if (rshi_call_sig(__NR_ioctl, fd, PERF_EVENT_IOC_ID, (long)&event, 0, 0))
		return 0;
	return event;
}

static int arm(struct rshi_timing *t, int tid, uint64_t period, uint32_t slot)
{
	struct rshi_cpuprof *s = &rshi_cpuprof_sig;
	int fd, high, err;

	if (s->fds >= s->fds_max)
		return EMFILE;
	err = open_event(tid, period, &fd);
	if (err)
		return err;
	err = rshi_dup_sig(fd, LOWEST_FD, &high);
	if (!err) {
		rshi_close_sig(fd);
		fd = high;
	}
	if (fd >= RSHI_FDS) {
		rshi_close_sig(fd);
		return EMFILE;
	}
	t->clock = &rshi_clock_perf_sig;
	t->event = event_at(fd);
	__atomic_store_n(&t->id, fd, __ATOMIC_RELAXED);
	__atomic_store_n(&s->by_fd[fd], slot + 1, __ATOMIC_RELAXED);
	s->fds++;
	err = send_signals(fd, tid);
	if (err)
		t->clock->disarm_sig(t);
	return err;
}

static int is_armed(const struct rshi_timing *t)
{
	return event_at(t->id) == t->event;
}

static void disarm(struct rshi_timing *t)
{
	struct rshi_cpuprof *s = &rshi_cpuprof_sig;

	__atomic_store_n(&s->by_fd[t->id], 0, __ATOMIC_RELAXED);
	/* A program may have closed it, and have got the number for a file of its own. */
	if (is_armed(t))
		rshi_close_sig(t->id);
	t->clock = NULL;
	s->fds--;
}

/* A quarter: the program has not been written for so many more. */
uint32_t rshi_clock_descriptors_sig(void)
{
	struct rlimit64 limit;

	if (rshi_call_sig(__NR_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0))
		return 0;
	return limit.rlim_cur / 4 < RSHI_FDS ? (uint32_t)(limit.rlim_cur / 4) : RSHI_FDS;
}

const struct rshi_clock rshi_clock_perf_sig = {
        .name = "perf_event cpu-clock",
        .is_descriptor = 1,
        .try_sig = try,
        .arm_sig = arm,
        .disarm_sig = disarm,
        .is_armed_sig = is_armed,
};
