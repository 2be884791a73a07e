/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread behind the profile. */

#include <errno.h>

#include "core/files.h"
#include "core/make_thread.h"
#include "env.h"
#include "output.h"
#include "reader.h"
#include "slots.h"

#define ROUND     100000000u /* ns between two looks at the threads */
#define LONG      10u        /* rounds between two looks at what they block */
#define GOING     100000u    /* ns between two looks whether the thread is gone */
#define UNSTARTED 0
#define STARTED   1
#define OVER      2

static uint32_t state; /* atomic */
static uint32_t quit;  /* atomic */

/* Once a round: who is there, and is SIGPROF still ours. */
static void look(uint32_t round)
{
	struct rshi_cpuprof *s = &rshi_cpuprof_sig;

	if (!__atomic_load_n(&s->on, __ATOMIC_RELAXED))
		return;
	if (!rshi_handler_is_ours_sig()) {
		/* The signals would go to the program's own handler. */
		rshi_handler_quiesce_sig(s);
		rshi_slots_end_sig();
		__atomic_store_n(&rshi_output.taken, 1, __ATOMIC_RELAXED);
		rshi_env_taken();
		return;
	}
	rshi_slots_scan_sig();
	if (round % LONG == 1) {
		uint32_t blocked = rshi_slots_blocked_sig();

		rshi_lock(&rshi_output.lock);
		rshi_output.blocked = blocked;
		rshi_unlock(&rshi_output.lock);
	}
}

static void *run(void *unused)
{
	struct rshi_pool *pool = rshi_output.pool;
	int is_raw = !rshi_output.profile;
	uint64_t last = rshi_now_sig(), now;

	(void)unused;
	rshi_cpuprof_sig.self = rshi_gettid_sig();
	/* [CR1] release, pairs with [CR2]: which thread this is. */
	__atomic_store_n(&state, STARTED, __ATOMIC_RELEASE);
	rshi_futex_wake_sig(&state, 1, NULL);
	/* [CR4] acquire, pairs with [CR3]. */
	for (uint32_t round = 1; !__atomic_load_n(&quit, __ATOMIC_ACQUIRE);) {
		if (is_raw) {
			/* Somebody else is woken by nothing: what is there waits. */
			rshi_futex_wait_sig(&quit, 0, ROUND);
		} else {
			rshi_pool_wait(pool, ROUND);
			rshi_lock(&rshi_output.lock);
			rshi_output_drain();
			rshi_unlock(&rshi_output.lock);
		}
		now = rshi_now_sig();
		if (now - last >= ROUND || now < last) {
			last = now;
			look(round++);
		}
	}
	/* [CR5] release, pairs with [CR2]: the thread is done with everything. */
	__atomic_store_n(&state, OVER, __ATOMIC_RELEASE);
	rshi_futex_wake_sig(&state, 1, NULL);
	return NULL;
}

static void wait_until(uint32_t wanted)
{
	uint32_t now;

	/* [CR2] acquire, pairs with [CR1] and [CR5]. */
	while ((now = __atomic_load_n(&state, __ATOMIC_ACQUIRE)) != wanted)
		rshi_futex_wait_sig(&state, now, 0);
}

int rshi_reader_start(void)
{
	int err;

	__atomic_store_n(&quit, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&state, UNSTARTED, __ATOMIC_RELAXED);
	err = rshi_thread_make(run);
	if (!err)
		wait_until(STARTED);
	return err;
}

/*
 * Not only done, but gone: the next session would find it among the program's threads, and nobody
 * may take the library out of memory in which it returns. The kernel says so at once, when it has.
 */
static void wait_until_gone(int tid)
{
	int pid = rshi_getpid_sig();

	while (!rshi_tgkill_sig(pid, tid, 0))
		rshi_futex_wait_sig(&state, OVER, GOING);
}

void rshi_reader_stop(void)
{
	/* [CR3] release, pairs with [CR4]: all is said that the reader has to know. */
	__atomic_store_n(&quit, 1, __ATOMIC_RELEASE);
	rshi_pool_call_sig(rshi_output.pool);
	rshi_futex_wake_sig(&quit, 1, NULL);
	wait_until(OVER);
	wait_until_gone(rshi_cpuprof_sig.self);
}

void rshi_reader_forked(void)
{
	rshi_cpuprof_sig.self = 0;
}
