/* SPDX-License-Identifier: BSD-2-Clause */
/* The profiler of sampler.h. Never instrument it. */
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <raceshim/sigsafe.h>

#include "sampler.h"

#ifdef RSH_CONTROL
#define COPY memcpy /* -fno-builtin in the directives keeps it a call */
#else
#define COPY rsh_memcpy_sig
#endif

enum { SLOTS = 1024 };

/* The table; a slot belongs to whoever set its `busy`. */
static struct slot {
	int busy;
	uintptr_t id; /* of the last stack stored here; 0: none */
	struct sampler_frame frames[SAMPLER_DEPTH];
} table[SLOTS];

static unsigned long handled, stored, dropped;
static _Thread_local volatile unsigned long handled_here; /* the executable's own: no call */

static struct sampler_frame frame_of(uintptr_t id, uintptr_t depth)
{
	return (struct sampler_frame){.pc = id << 10 | depth, .sp = ~id - depth, .fp = id ^ depth};
}

void sampler_on_sigprof(int signo)
{
	uintptr_t id = __atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
	struct slot *slot = &table[id % SLOTS];
	uintptr_t depth;

	(void)signo;
	handled_here++;
	if (__atomic_exchange_n(&slot->busy, 1, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
		return;
	}
	for (depth = 0; depth < SAMPLER_DEPTH; depth++) {
		struct sampler_frame frame = frame_of(id, depth);

		COPY(&slot->frames[depth], &frame, sizeof(frame));
	}
	slot->id = id;
	__atomic_store_n(&slot->busy, 0, __ATOMIC_RELEASE);
	__atomic_fetch_add(&stored, 1, __ATOMIC_RELAXED);
}

/* glibc's own name for sigaction(), with the restorer it needs; no sanitizer intercepts it. */
int __sigaction(int signo, const struct sigaction *action, struct sigaction *old);

int sampler_install(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	return __sigaction(SIGPROF, &action, NULL) != 0;
}

int sampler_start(timer_t *timer, long hz)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
	struct itimerspec period = {.it_value = {.tv_nsec = 1000000000 / hz}};

	event._sigev_un._tid = (int)syscall(SYS_gettid);
	period.it_interval = period.it_value;
	return timer_create(CLOCK_MONOTONIC, &event, timer) != 0 ||
	       timer_settime(*timer, 0, &period, NULL) != 0;
}

int sampler_stop(timer_t timer)
{
	return timer_delete(timer) != 0;
}

unsigned long sampler_handled(void)
{
	return handled_here;
}

void sampler_rest(unsigned turns)
{
	while (turns-- > 0)
		__asm__ volatile("");
}

int sampler_check(void)
{
	uintptr_t depth;
	unsigned i;

	for (i = 0; i < SLOTS; i++) {
		const struct slot *slot = &table[i];

		for (depth = 0; slot->id != 0 && depth < SAMPLER_DEPTH; depth++) {
			struct sampler_frame want = frame_of(slot->id, depth);
			const struct sampler_frame *got = &slot->frames[depth];

			if (got->pc != want.pc || got->sp != want.sp || got->fp != want.fp)
				return 1;
		}
	}
	return stored + dropped != handled;
}
