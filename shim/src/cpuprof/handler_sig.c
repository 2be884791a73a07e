/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handler of SIGPROF: one sample of the thread that it interrupts.
 *
 * Which thread that is the signal itself says, since threads of a raw clone may share their
 * thread-local variables with others: a clock's signal carries the slot, or a descriptor that leads
 * to it. A slot found that way is compared with the thread pointer, so only the first signal of a
 * thread asks the kernel for its id, and signals that somebody has sent by hand.
 */

#include <linux/signal.h>

#include "core/ticks.h"
#include "session.h"
#include "slots.h"

#define FOREIGN_DEPTH 48      /* pcs of a thread without a slot, on its own stack */
#define QUIESCE       1000000 /* ns */

struct rshi_cpuprof rshi_cpuprof_sig;
/* Said again, since gcc forgets it: no call to find the variable, in any thread. */
__thread const struct rshi_labels *rshi_labels_sig __attribute__((tls_model("initial-exec")));

static inline uintptr_t thread_pointer(void)
{
	return (uintptr_t)&rshi_labels_sig;
}

static int is_own(struct rshi_slot *slot)
{
	uintptr_t thread = thread_pointer();

	if (slot->thread == thread)
		return 1;
	/* [H6] acquire, pairs with [H5]: the slot is as it was opened. */
	if (__atomic_load_n(&slot->tid, __ATOMIC_ACQUIRE) != rshi_gettid_sig())
		return 0;
	slot->thread = thread;
	return 1;
}

/* The slot of the thread that got this signal, and how many ticks of a clock it stands for. */
static struct rshi_slot *slot_of(const siginfo_t *info, uint32_t *ticks)
{
	struct rshi_cpuprof *s = &rshi_cpuprof_sig;
	uint32_t used = __atomic_load_n(&s->used, __ATOMIC_RELAXED), i = UINT32_MAX;

	*ticks = 1;
	if (info->si_code == SI_TIMER) {
		i = (uint32_t)(uintptr_t)info->si_value.sival_ptr;
		if (i < used &&
		    __atomic_load_n(&s->slots[i].timing.id, __ATOMIC_RELAXED) == info->si_tid)
			*ticks += (uint32_t)info->si_overrun;
		else
			i = UINT32_MAX;
	} else if (info->si_code > 0 && (unsigned int)info->si_fd < RSHI_FDS) {
		i = __atomic_load_n(&s->by_fd[info->si_fd], __ATOMIC_RELAXED) - 1;
	}
	if (i < used && is_own(&s->slots[i]))
		return &s->slots[i];
	return rshi_slot_find_sig(rshi_gettid_sig());
}

static void add(struct rshi_cpuprof *s, struct rshi_pool_ring *ring, int tid, uint32_t ticks,
                const uintptr_t *pcs, const struct rshi_stack *stack)
{
	uint64_t header[RSHI_HEADER_WORDS];

	if (!stack->n) {
		rshi_pool_lose_sig(s->pool, RSHI_LOST_UNWIND);
	} else {
		header[RSHI_HEADER_THREAD] = (uint64_t)(unsigned int)tid << 32 | ticks;
		header[RSHI_HEADER_LABELS] = (uint64_t)(uintptr_t)rshi_labels_sig | stack->end;
		if (rshi_pool_add_sig(s->pool, ring, rshi_ticks_sig(), header, pcs, stack->n))
			return;
	}
	if (ticks > 1)
		__atomic_fetch_add(&s->missed, ticks - 1, __ATOMIC_RELAXED);
}

__attribute__((noinline)) static void sample_foreign(struct rshi_cpuprof *s, const void *ucontext)
{
	uintptr_t pcs[FOREIGN_DEPTH];
	struct rshi_stack stack;

	rshi_unwind_sig(ucontext, pcs, FOREIGN_DEPTH, &stack);
	add(s, NULL, rshi_gettid_sig(), 1, pcs, &stack);
}

static void sample(struct rshi_cpuprof *s, struct rshi_slot *slot, uint32_t ticks,
                   const void *ucontext)
{
	int tid = __atomic_load_n(&slot->tid, __ATOMIC_RELAXED);
	struct rshi_stack stack;

	if (!__atomic_load_n(&slot->is_open, __ATOMIC_RELAXED)) {
		/* It is about to end, and its ring may be another thread's. */
		rshi_pool_lose_sig(s->pool, RSHI_LOST_WINDOW);
		return;
	}
	if (!slot->ring)
		slot->ring = rshi_pool_claim_sig(s->pool, tid);
	rshi_unwind_sig(ucontext, slot->pcs, RSHI_UNWIND_MAX, &stack);
	add(s, slot->ring, tid, ticks, slot->pcs, &stack);
}

static void on_signal(int signo, void *siginfo, void *ucontext)
{
	struct rshi_cpuprof *s = &rshi_cpuprof_sig;
	/* Relaxed: what is found for an older session is not used, see below. */
	uint32_t on = __atomic_load_n(&s->on, __ATOMIC_RELAXED), ticks, *inside;
	struct rshi_slot *slot;

	(void)signo;
	if (!on)
		return;
	slot = slot_of(siginfo, &ticks);
	inside = slot ? &slot->inside : &s->inside;
	/*
	 * [H1] sequentially consistent, pairs with [H2] and [H4]: on the two locations `inside` and `on`. Either
	 * this sees that the session is over, or who ends it sees that somebody is inside, and waits.
	 */
	__atomic_fetch_add(inside, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&s->on, __ATOMIC_SEQ_CST) == on) {
		if (slot)
			sample(s, slot, ticks, ucontext);
		else
			sample_foreign(s, ucontext);
	}
	/* [H3] release, pairs with [H4]: the handler is done with the slot and the pool. */
	__atomic_fetch_sub(inside, 1, __ATOMIC_RELEASE);
}

static void wait_until_left(const uint32_t *inside)
{
	uint32_t n;

	/*
	 * [H4] sequentially consistent, pairs with [H3] and [H1]: with the second one on what has been
	 * taken back before this. Nobody wakes it: it looks again.
	 */
	while ((n = __atomic_load_n(inside, __ATOMIC_SEQ_CST)))
		rshi_futex_wait_sig(inside, n, QUIESCE);
}

void rshi_handler_quiesce_sig(struct rshi_cpuprof *s)
{
	/* [H2] sequentially consistent, pairs with [H1]. */
	__atomic_store_n(&s->on, 0, __ATOMIC_SEQ_CST);
	rshi_handler_wait_sig(s);
}

void rshi_handler_wait_sig(struct rshi_cpuprof *s)
{
	uint32_t used = __atomic_load_n(&s->used, __ATOMIC_RELAXED);

	wait_until_left(&s->inside);
	for (uint32_t i = 0; i < used; i++)
		wait_until_left(&s->slots[i].inside);
}

#define IGNORED ((void (*)(int, void *, void *))1) /* SIG_IGN, in our type */

int rshi_handler_install_sig(struct rshi_cpuprof *s)
{
	struct rshi_sigaction action;

	action.handler = on_signal;
	action.flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
	action.mask = ~UINT64_C(0);
	return rshi_sigaction_sig(SIGPROF, &action, &s->before);
}

int rshi_handler_is_ours_sig(void)
{
	struct rshi_sigaction now;

	return !rshi_sigaction_sig(SIGPROF, NULL, &now) && now.handler == on_signal;
}

void rshi_handler_remove_sig(struct rshi_cpuprof *s)
{
	struct rshi_sigaction action;

	if (!rshi_handler_is_ours_sig())
		return;
	/* The kernel forgets pending signals that are ignored, of all threads. */
	action.handler = IGNORED;
	action.flags = 0;
	action.mask = 0;
	rshi_sigaction_sig(SIGPROF, &action, NULL);
	/* The default would be to die of a signal that somebody sends later. */
	if (s->before.handler && s->before.handler != IGNORED)
		rshi_sigaction_sig(SIGPROF, &s->before, NULL);
}
