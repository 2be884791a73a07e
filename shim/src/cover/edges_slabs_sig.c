/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread's first edge in a link unit: it gets a slab. And what all slabs have counted. */

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <stddef.h>

#include <raceshim/sigsafe.h>

#include "core/sys.h"
#include "edges_slabs.h"

#define PAGE    4096u
#define ALIGNED 64

/* One mapping, of which pages that count nothing take no memory. */
struct slab {
	struct slab *next; /* immutable once the slab is in the list; slabs never leave it */
	uint64_t owner;    /* atomic */
	/* Of one whose unit has been unloaded. */
	struct slab *forgotten;
	uintptr_t guards[2];
	size_t size;
	uint64_t counts[] __attribute__((aligned(ALIGNED))); /* the owner's */
};

/*
 * An owner is a thread of a process, and a number that makes each owner a different one: a thread
 * that looked at a slab long ago does not take it from a new owner that has the old one's id.
 * Nobody has thread id 0. Process and thread ids have 22 bits: PID_MAX_LIMIT.
 */
#define ID_BITS     22
#define ID_MASK     (((uint64_t)1 << ID_BITS) - 1)
#define OWNER_MASK  (((uint64_t)1 << (2 * ID_BITS)) - 1)
#define NEXT_NUMBER (OWNER_MASK + 1)
#define LOOK_MIN    4

static inline size_t edges_of(const struct rsh_cover_slabs *s)
{
	return (size_t)(s->guards[1] - s->guards[0]);
}

static inline size_t size_of(const struct rsh_cover_slabs *s)
{
	return sizeof(struct slab) + edges_of(s) * sizeof(uint64_t);
}

static struct slab *first_of(const struct rsh_cover_slabs *s)
{
	/* [E1] acquire, pairs with [E2]: the slab's link and size. */
	return __atomic_load_n((struct slab *const *)&s->first, __ATOMIC_ACQUIRE);
}

/*
 * Make @me the owner instead of @old, if that is still the owner. Acquire and release: the counts
 * of the one before are seen, and go on, from where they were.
 */
static int take(struct slab *slab, uint64_t old, uint64_t me)
{
	uint64_t number = (old & ~OWNER_MASK) + NEXT_NUMBER;

	/* [E3] acquire and release, pairs with [E3]: the counts in the slab. */
	return __atomic_compare_exchange_n(&slab->owner, &old, number | me, 0, __ATOMIC_ACQ_REL,
	                                   __ATOMIC_RELAXED);
}

/*
 * One that nobody has; or that a thread had whose id this thread has now. Or this very thread has
 * it: then this is a handler that interrupted the taking, or the taking that was interrupted.
 */
static struct slab *take_free(const struct rsh_cover_slabs *s, uint64_t me)
{
	for (struct slab *slab = first_of(s); slab; slab = slab->next) {
		uint64_t owner = __atomic_load_n(&slab->owner, __ATOMIC_RELAXED);
		uint64_t who = owner & OWNER_MASK;

		if ((who == 0 || who == me) && take(slab, owner, me))
			return slab;
	}
	return NULL;
}

/*
 * Is the owner gone for good? Slabs of another process are one's own parent's, from before a fork:
 * the thread that forked still has one of them, under its new id. Or they are a vfork child's, whose
 * thread-local storage is its parent's, who goes on with the slab.
 */
static int is_gone(uint64_t owner, uint64_t pid)
{
	int tid = (int)(owner & ID_MASK);

	return tid && ((owner >> ID_BITS) & ID_MASK) == pid &&
	       rshi_tgkill_sig((int)pid, tid, 0) == ESRCH;
}

/* Free all slabs of threads that are gone, and take one. */
static struct slab *take_from_the_gone(struct rsh_cover_slabs *s, uint64_t me)
{
	struct slab *mine = NULL;
	uint32_t alive = 0;

	for (struct slab *slab = first_of(s); slab; slab = slab->next) {
		uint64_t owner = __atomic_load_n(&slab->owner, __ATOMIC_RELAXED);

		if (!is_gone(owner, me >> ID_BITS))
			alive++;
		else if (take(slab, owner, mine ? 0 : me))
			mine = mine ? mine : slab;
	}
	/* Not at every new thread: only once there are twice as many slabs as were needed. */
	__atomic_store_n(&s->look, 2 * alive < LOOK_MIN ? LOOK_MIN : 2 * alive, __ATOMIC_RELAXED);
	return mine;
}

static struct slab *new_slab(struct rsh_cover_slabs *s, uint64_t me)
{
	struct slab *slab, *head;
	void *p;

	if (rshi_mmap_sig(size_of(s), &p))
		return NULL;
	slab = p;
	slab->owner = me;
	__atomic_add_fetch(&s->slabs, 1, __ATOMIC_RELAXED);
	head = first_of(s);
	do
		slab->next = head;
	while (!__atomic_compare_exchange_n((struct slab **)&s->first, &head, slab, 1,
	                                    /* [E2] release, pairs with [E1]: the slab. */
	                                    __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	return slab;
}

static struct slab *get_slab(struct rsh_cover_slabs *s)
{
	uint64_t me = (uint64_t)rshi_getpid_sig() << ID_BITS | (uint64_t)rshi_gettid_sig();
	uint32_t look = __atomic_load_n(&s->look, __ATOMIC_RELAXED);
	struct slab *slab = take_free(s, me);

	if (!slab && __atomic_load_n(&s->slabs, __ATOMIC_RELAXED) >= (look ? look : LOOK_MIN))
		slab = take_from_the_gone(s, me);
	return slab ? slab : new_slab(s, me);
}

/* Without a slab, for want of memory: in the guard, which all threads share. It does not wrap. */
static void count_in_guard(const struct rsh_cover_slabs *s, const uint32_t *of)
{
	uint32_t *guard = &s->guards[0][of - s->guards[0]];
	uint32_t n = __atomic_load_n(guard, __ATOMIC_RELAXED);

	while (n != UINT32_MAX && !__atomic_compare_exchange_n(guard, &n, n + 1, 1,
	                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Written to by the builtin, which is not seen. NOLINTNEXTLINE(readability-non-const-parameter) */
void rsh_cover_unit_count(struct rsh_cover_slabs *s, const uint32_t *guard, uintptr_t *mine)
{
	struct slab *slab = get_slab(s);
	uintptr_t base, before = 0;

	if (!slab) {
		count_in_guard(s, guard);
		return;
	}
	/* Such that two times a guard's address added to it is the edge's counter. */
	base = (uintptr_t)slab->counts - 2 * (uintptr_t)s->guards[0];
	if (!__atomic_compare_exchange_n(mine, &before, base, 0, __ATOMIC_RELAXED,
	                                 __ATOMIC_RELAXED) &&
	    before != base) {
		/* A handler was quicker. */
		take(slab, __atomic_load_n(&slab->owner, __ATOMIC_RELAXED), 0);
		base = before;
	}
	RSH_COVER_COUNT(base, guard);
}

void rshi_slabs_read_sig(const struct rsh_cover_slabs *s, uint64_t *counts)
{
	size_t n = edges_of(s);

	for (size_t i = 0; i < n; i++)
		counts[i] = __atomic_load_n(&s->guards[0][i], __ATOMIC_RELAXED);
	for (const struct slab *slab = first_of(s); slab; slab = slab->next)
		for (size_t i = 0; i < n; i++)
			counts[i] += __atomic_load_n(&slab->counts[i], __ATOMIC_RELAXED);
}

static struct slab *forgotten; /* guarded by the callers' lock */

void rshi_slabs_forget_sig(struct rsh_cover_slabs *s)
{
	size_t size = size_of(s);

	for (struct slab *slab = first_of(s); slab; slab = slab->next) {
		if (slab->size)
			continue; /* forgotten before */
		slab->size = size;
		slab->guards[0] = (uintptr_t)s->guards[0];
		slab->guards[1] = (uintptr_t)s->guards[1];
		slab->forgotten = forgotten;
		forgotten = slab;
		/* All but the page with the header. An error (larger pages) only costs memory. */
		if (size > PAGE)
			(void)rshi_call_sig(__NR_madvise, (long)slab + PAGE, (long)(size - PAGE),
			                    MADV_DONTNEED, 0, 0);
	}
}

void rshi_slabs_reclaim_sig(const struct rsh_cover_slabs *s)
{
	struct slab **link = &forgotten;

	while (*link) {
		struct slab *slab = *link;

		if (slab->guards[0] < (uintptr_t)s->guards[1] &&
		    slab->guards[1] > (uintptr_t)s->guards[0]) {
			*link = slab->forgotten;
			rshi_munmap_sig(slab, slab->size);
		} else {
			link = &slab->forgotten;
		}
	}
}
