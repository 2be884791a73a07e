/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks that need not be made again. */

#include "dwarf.h"
#include "sys.h"
#include "unwind_trail.h"

#define LOOKS       6    /* at so many that begin alike; the walk costs as much as some more */
#define PASSED_LONG 4096 /* times */

static uint64_t mix(uint64_t a, uint64_t b)
{
	return (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
}

static struct rshi_kept_walk *place_of(struct rshi_kept_walk *places, uint64_t place)
{
	return &places[place >> (64 - RSHI_KEPT_WALK_BITS)];
}

void rshi_kept_walks_open_sig(struct rshi_kept_walks *walks)
{
	void *mine;

	/* Relaxed: the kernel's zeros are there for whoever has the address. */
	if (!__atomic_load_n(&walks->places, __ATOMIC_RELAXED) &&
	    !rshi_mmap_sig(sizeof(struct rshi_kept_walk) << RSHI_KEPT_WALK_BITS, &mine))
		__atomic_store_n(&walks->places, mine, __ATOMIC_RELAXED);
}

/* Whether the objects that the walk has passed are still those that they were. */
static int has_its_objects(const struct rshi_kept_walk *w, uint32_t n)
{
	struct rshi_object now;

	for (uint32_t i = 0; i < n; i++) {
		/* [WK3] acquire, pairs with [WK4] */
		uintptr_t pc = __atomic_load_n(&w->objects[i].pc, __ATOMIC_ACQUIRE);
		uint64_t tag = __atomic_load_n(&w->objects[i].tag, __ATOMIC_ACQUIRE);

		if (rshi_object_find_sig(pc, &now) || now.tag != tag)
			return 0;
	}
	return 1;
}

/* How many of its words are on the stack as they were; the one that is not goes to *@found. */
static inline uint32_t compare(const struct rshi_kept_walk *w, const struct rshi_here *here,
                               uintptr_t room, uint32_t n, uintptr_t *found)
{
	const uintptr_t *stack = (const uintptr_t *)here->sp;
	uint32_t i;

	/*
	 * In the order of the walk, and each only if those before are the same: so each is one that the
	 * walk would read, in pages that it would not ask about.
	 */
	for (i = 0; i < n; i++) {
		/* [WK3] acquire, pairs with [WK4]: newer words show in the version. */
		uint32_t at = __atomic_load_n(&w->at[i], __ATOMIC_ACQUIRE);

		*found = 0;
		if (at >= room)
			break;
		*found = stack[at];
		/* [WK3] as above */
		if (*found != __atomic_load_n(&w->value[i], __ATOMIC_ACQUIRE))
			break;
	}
	return i;
}

/* Whether it is not worth its place. */
static int pass_by(struct rshi_kept_walk *w)
{
	uint32_t passed = __atomic_load_n(&w->passed, __ATOMIC_RELAXED);

	/* Relaxed, and nothing that has to be exact. */
	__atomic_store_n(&w->passed, passed + 1, __ATOMIC_RELAXED);
	return passed >= PASSED_LONG;
}

void *rshi_walk_recall_sig(struct rshi_kept_walks *walks, const struct rshi_here *here,
                           uint64_t *place)
{
	struct rshi_kept_walk *places = __atomic_load_n(&walks->places, __ATOMIC_RELAXED);
	const struct rshi_known_stack *known = &rshi_known_stack_sig;
	uintptr_t room = (known->hi - here->sp) / sizeof(uintptr_t), found;
	uint64_t h = mix(here->pc, here->sp << 16);

	*place = h;
	if (!places || here->sp - known->lo >= known->hi - known->lo ||
	    here->sp % sizeof(uintptr_t))
		return NULL;
	for (int look = 0; look < LOOKS; look++) {
		struct rshi_kept_walk *w = place_of(places, h);
		/* [WK1] acquire, pairs with [WK2]: the words are at least as new as this version. */
		uint64_t version = __atomic_load_n(&w->version, __ATOMIC_ACQUIRE);
		/* [WK3] acquire, pairs with [WK4]: newer words show in the version below. */
		uint32_t n = __atomic_load_n(&w->n, __ATOMIC_ACQUIRE), same = UINT32_MAX;
		uint32_t n_objects = __atomic_load_n(&w->n_objects, __ATOMIC_ACQUIRE);
		uint32_t uses_fp = __atomic_load_n(&w->uses_fp, __ATOMIC_ACQUIRE);
		void *result = __atomic_load_n(&w->result, __ATOMIC_ACQUIRE);

		*place = h;
		/* [WK3] as above */
		if (version % 2 || __atomic_load_n(&w->pc, __ATOMIC_ACQUIRE) != here->pc ||
		    __atomic_load_n(&w->sp, __ATOMIC_ACQUIRE) != here->sp)
			return NULL;
		found = here->fp;
		/* [WK3] as above */
		if (!uses_fp || __atomic_load_n(&w->fp, __ATOMIC_ACQUIRE) == found)
			same = compare(w, here, room, n, &found);
		if (same == n) {
			if ((n_objects && !has_its_objects(w, n_objects)) ||
			    __atomic_load_n(&w->version, __ATOMIC_RELAXED) != version)
				return NULL;
			if (__atomic_load_n(&w->passed, __ATOMIC_RELAXED))
				__atomic_store_n(&w->passed, 0, __ATOMIC_RELAXED);
			return result;
		}
		if (pass_by(w))
			return NULL;
		h = mix(h + same, found);
	}
	return NULL;
}

void rshi_walk_keep_sig(const struct rshi_kept_walks *walks, const struct rshi_here *here,
                        uint64_t place, const struct rshi_trail *trail, void *result)
{
	struct rshi_kept_walk *places = __atomic_load_n(&walks->places, __ATOMIC_RELAXED), *w;
	uint64_t version;

	if (!places || trail->n > RSHI_TRAIL_MAX)
		return;
	w = place_of(places, place);
	version = __atomic_load_n(&w->version, __ATOMIC_RELAXED);
	if (version % 2 || !__atomic_compare_exchange_n(&w->version, &version, version + 1, 0,
	                                                __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	/* [WK4] release, pairs with [WK3]: the odd version is visible before any of these. */
	__atomic_store_n(&w->pc, here->pc, __ATOMIC_RELEASE);
	__atomic_store_n(&w->sp, here->sp, __ATOMIC_RELEASE);
	__atomic_store_n(&w->fp, here->fp, __ATOMIC_RELEASE);
	__atomic_store_n(&w->result, result, __ATOMIC_RELEASE);
	/* [WK4] so, too */
	__atomic_store_n(&w->n, trail->n, __ATOMIC_RELEASE);
	__atomic_store_n(&w->uses_fp, trail->uses_fp, __ATOMIC_RELEASE);
	__atomic_store_n(&w->n_objects, trail->n_objects, __ATOMIC_RELEASE);
	__atomic_store_n(&w->passed, 0, __ATOMIC_RELAXED);
	/* [WK4] so, too */
	for (uint32_t i = 0; i < trail->n; i++) {
		__atomic_store_n(&w->at[i], trail->at[i], __ATOMIC_RELEASE);
		__atomic_store_n(&w->value[i], trail->value[i], __ATOMIC_RELEASE);
	}
	/* [WK4] so, too */
	for (uint32_t i = 0; i < trail->n_objects; i++) {
		__atomic_store_n(&w->objects[i].pc, trail->objects[i].pc, __ATOMIC_RELEASE);
		__atomic_store_n(&w->objects[i].tag, trail->objects[i].tag, __ATOMIC_RELEASE);
	}
	/* [WK2] release, pairs with [WK1]: the walk is complete. */
	__atomic_store_n(&w->version, version + 2, __ATOMIC_RELEASE);
}
