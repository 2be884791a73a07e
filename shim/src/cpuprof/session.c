/* SPDX-License-Identifier: BSD-2-Clause */
/* Beginning and ending a session. */

#include <errno.h>

#include <raceshim/cpuprof.h>
#include "core/files.h"
#include "core/make_thread.h"
#include "core/samples.h"
#include "follow.h"
#include "fork.h"
#include "output.h"
#include "reader.h"
#include "session_control.h"
#include "slots.h"

#define HZ_DEFAULT   100u
#define NS_PER_S     1000000000u
#define RINGS_MAX    1024u
#define RINGS_MIN    16u
#define SIZE_LEAST   4096u /* words of a ring */
#define SIZE_MOST    65536u
#define WORDS_SAMPLE 40u /* of a sample in ordinary programs */

struct rshi_lock rshi_session_lock;
static uint32_t runs; /* atomic, stored with the lock: between start and stop */

/* Words for a quarter of a second of one thread's samples. */
static size_t size_of_ring(uint32_t hz)
{
	size_t size = SIZE_LEAST;

	while (size < SIZE_MOST && size < hz * WORDS_SAMPLE / 4)
		size *= 2;
	return size;
}

static const struct rshi_clock *clock_of(uint32_t clock)
{
	switch (clock) {
	case RSH_CPUPROF_TIMER:
		return &rshi_clock_cpu_sig;
	case RSH_CPUPROF_WALL:
		return &rshi_clock_wall_sig;
	default:
		return &rshi_clock_perf_sig;
	}
}

/* Find a clock for what is asked for; what it becomes is in the output. */
static int choose(const struct rsh_cpuprof_options *o)
{
	struct rshi_cpuprof *s = &rshi_cpuprof_sig;
	struct rshi_output *out = &rshi_output;
	uint64_t wanted = NS_PER_S / (o->hz ? o->hz : HZ_DEFAULT), period = wanted;
	int err;

	out->clock = o->clock == RSH_CPUPROF_AUTO ? RSH_CPUPROF_PERF : o->clock;
	out->reason = 0;
	s->clock = clock_of(out->clock);
	s->fallback = NULL;
	err = s->clock->try_sig(&period);
	if (err && o->clock == RSH_CPUPROF_AUTO) {
		out->reason = err;
		out->clock = RSH_CPUPROF_TIMER;
		s->clock = &rshi_clock_cpu_sig;
		period = wanted;
		err = s->clock->try_sig(&period);
		if (err == ERANGE)
			err = 0;
	} else if (!err && o->clock == RSH_CPUPROF_AUTO) {
		s->fallback = &rshi_clock_cpu_sig;
	}
	s->period = period;
	out->period = period;
	out->hz = (uint32_t)((NS_PER_S + period / 2) / period);
	return err == ERANGE ? RSH_ECPUPROFRATE : err;
}

static int make_output(int is_raw)
{
	size_t rings = RINGS_MAX, size = size_of_ring(rshi_output.hz);
	int err;

	do {
		err = rshi_output_begin(is_raw, rshi_cpuprof_sig.period, rings, size);
		rings /= 2;
	} while (err == ENOMEM && rings >= RINGS_MIN);
	return err;
}

/* What there is goes where samples go, now. */
static void flush(void)
{
	rshi_lock(&rshi_output.lock);
	rshi_output_drain();
	rshi_unlock(&rshi_output.lock);
}

/* With everything there: let the samples come. */
static int turn_on(void)
{
	struct rshi_cpuprof *s = &rshi_cpuprof_sig;
	int err;

	rshi_samples_from(flush);
	s->pool = rshi_output.pool;
	s->missed = 0;
	s->fell_back = 0;
	s->unsampled = 0;
	s->clock_error = 0;
	s->fds_max = rshi_clock_descriptors_sig();
	err = rshi_reader_start();
	if (err)
		return err;
	err = rshi_handler_install_sig(s);
	if (err) {
		rshi_reader_stop();
		return err;
	}
	s->pid = rshi_getpid_sig();
	s->session = s->session == UINT32_MAX ? 1 : s->session + 1;
	__atomic_store_n(&s->on, s->session, __ATOMIC_RELAXED);
	/* Without /proc it is this thread, and those that it makes. */
	if (rshi_slots_scan_sig()) {
		struct rshi_slot *slot = rshi_slot_reserve_sig();

		if (slot)
			rshi_slot_enter_sig(slot);
	}
	return 0;
}

static int start(const struct rsh_cpuprof_options *o)
{
	int err;

	if (runs)
		return EBUSY;
	rshi_births_follow(RSHI_FOLLOWER_PROFILE, &rshi_cpuprof_follower_sig);
	err = rshi_slots_begin_sig();
	if (err)
		return err;
	rshi_output_end();
	err = choose(o);
	if (!err)
		err = make_output(o->raw != 0);
	if (err)
		return err;
	err = turn_on();
	if (err)
		rshi_output_end();
	else
		__atomic_store_n(&runs, 1, __ATOMIC_RELAXED);
	return err;
}

int rshi_session_start(const struct rsh_cpuprof_options *o)
{
	int err;

	if (o->hz > RSH_CPUPROF_HZ_MAX || o->clock > RSH_CPUPROF_WALL)
		return EINVAL;
	rshi_fork_prepare();
	rshi_thread_prepare();
	rshi_lock(&rshi_session_lock);
	err = start(o);
	rshi_unlock(&rshi_session_lock);
	return err;
}

static void stop(void)
{
	struct rshi_cpuprof *s = &rshi_cpuprof_sig;

	rshi_handler_quiesce_sig(s);
	rshi_slots_end_sig();
	rshi_handler_remove_sig(s);
	rshi_reader_stop();
	rshi_lock(&rshi_output.lock);
	rshi_output_drain();
	rshi_output.end = rshi_now_sig();
	rshi_unlock(&rshi_output.lock);
	__atomic_store_n(&runs, 0, __ATOMIC_RELAXED);
}

int rshi_session_stop(void)
{
	int err = ESRCH;

	rshi_lock(&rshi_session_lock);
	if (runs) {
		stop();
		err = 0;
	}
	rshi_unlock(&rshi_session_lock);
	return err;
}

int rshi_session_runs(void)
{
	return __atomic_load_n(&runs, __ATOMIC_RELAXED) != 0;
}

void rshi_session_forked(void)
{
	struct rshi_cpuprof *s = &rshi_cpuprof_sig;

	__atomic_store_n(&s->on, 0, __ATOMIC_RELAXED);
	rshi_slots_forked_sig();
	if (runs)
		rshi_handler_remove_sig(s);
	rshi_reader_forked();
	rshi_output_end();
	__atomic_store_n(&runs, 0, __ATOMIC_RELAXED);
}
