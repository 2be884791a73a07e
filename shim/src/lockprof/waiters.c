/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of who waits for which lock. */

#include <stddef.h>

#include "waiters.h"

#define PLACES 4096
#define GROUP  8    /* places, from whose first one on those of a lock are looked for */
#define REACH  1024 /* and so far at most */

#define FREE  ((uintptr_t)0)
#define TAKEN ((uintptr_t)1) /* by a thread that is about to write the rest */

struct place {
	uintptr_t lock; /* atomic: FREE, TAKEN, or the address */
	uint64_t since; /* atomic: ticks; up to there it has been charged */
};

static struct place table[PLACES];
static uint32_t reach[PLACES / GROUP]; /* atomic: so far places of a group have been taken */

static uint32_t group_of(const void *lock)
{
	uint64_t h = (uint64_t)(uintptr_t)lock * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(h >> 32) % (PLACES / GROUP);
}

/* Whoever unlocks is to look as far as place @n of the group, which is not taken yet. */
static void reach_out(uint32_t group, uint32_t n)
{
	uint32_t *far = &reach[group], seen = __atomic_load_n(far, __ATOMIC_RELAXED);

	/* Relaxed: an unlock that does not know yet charges the place later, or another one does. */
	while (seen <= n && !__atomic_compare_exchange_n(far, &seen, n + 1, 0, __ATOMIC_RELAXED,
	                                                 __ATOMIC_RELAXED)) {
	}
}

rshi_place rshi_waiters_enter(const void *lock, uint64_t now)
{
	uint32_t group = group_of(lock);

	for (uint32_t i = 0; i < REACH; i++) {
		uint32_t at = (group * GROUP + i) % PLACES;
		struct place *p = &table[at];
		uintptr_t seen = __atomic_load_n(&p->lock, __ATOMIC_RELAXED);

		/* [LW1] acquire, pairs with [LW2]: who had the place before has left it. */
		if (seen != FREE ||
		    !__atomic_compare_exchange_n(&p->lock, &seen, TAKEN, 0, __ATOMIC_ACQUIRE,
		                                 __ATOMIC_RELAXED))
			continue;
		reach_out(group, i);
		__atomic_store_n(&p->since, now, __ATOMIC_RELAXED);
		/* [LW3] release, pairs with [LW4]: since when. */
		__atomic_store_n(&p->lock, (uintptr_t)lock, __ATOMIC_RELEASE);
		return at + 1;
	}
	return 0;
}

void rshi_waiters_leave(rshi_place place)
{
	/* [LW2] release, pairs with [LW1]: this thread has no more to do with it. */
	if (place)
		__atomic_store_n(&table[place - 1].lock, FREE, __ATOMIC_RELEASE);
}

uint64_t rshi_waiters_charge(const void *lock, uint64_t now, uint32_t *n)
{
	uint32_t group = group_of(lock), far = __atomic_load_n(&reach[group], __ATOMIC_RELAXED);
	uint64_t sum = 0;

	*n = 0;
	for (uint32_t i = 0; i < far; i++) {
		struct place *p = &table[(group * GROUP + i) % PLACES];
		uint64_t since;

		/* [LW4] acquire, pairs with [LW3]: since when it waits. */
		if (__atomic_load_n(&p->lock, __ATOMIC_ACQUIRE) != (uintptr_t)lock)
			continue;
		since = __atomic_load_n(&p->since, __ATOMIC_RELAXED);
		/*
		 * If the place has got to somebody else meanwhile, then most probably with a later
		 * time, and this fails; if not, somebody is charged with a few nanoseconds too many.
		 */
		if (since < now &&
		    __atomic_compare_exchange_n(&p->since, &since, now, 0, __ATOMIC_RELAXED,
		                                __ATOMIC_RELAXED)) {
			sum += now - since;
			++*n;
		}
	}
	return sum;
}

void rshi_waiters_forked(void)
{
	for (size_t i = 0; i < PLACES; i++)
		__atomic_store_n(&table[i].lock, FREE, __ATOMIC_RELAXED);
}
