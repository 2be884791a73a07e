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
		uintptr_t pc = __atomic_load_n(&w->objects[i].pc, __ATOMIC_RELAXED);
		uint64_t tag = __atomic_load_n(&w->objects[i].tag, __ATOMIC_RELAXED);

		if (rshi_object_find_sig(pc, &now) || now.tag != tag)
			return 0;
	}
	return 1;
}

/* Anywhere on a stack. */
typedef uintptr_t on_stack
        __attribute__((vector_size(2 * sizeof(uintptr_t)), may_alias, aligned(sizeof(uintptr_t))));

/* What differs between the pair @i as it was, and that on the stack whose upper word is @now. */
static inline rshi_two_words differs(const struct rshi_kept_batch *b, unsigned int i,
                                     const uintptr_t *now)
{
	return *(const on_stack *)(now - 1) ^ b->was.pair[i];
}

/* Whether the words of a batch are on the stack as they were. */
static inline int is_same_batch(const struct rshi_kept_batch *b, const uintptr_t *stack,
                                uintptr_t room)
{
	/* At once: so the last one is above the others, whoever writes meanwhile. */
	uint64_t at = __atomic_load_n(&b->at, __ATOMIC_RELAXED);
	const uintptr_t *now[] = {stack + (uint16_t)at, stack + (uint16_t)(at >> 16),
	                          stack + (uint16_t)(at >> 32), stack + (at >> 48)};
	const uintptr_t *was = b->was.word;

	_Static_assert(RSHI_KEPT_BATCH == sizeof(now) / sizeof(*now), "as many as are here");
	if (at >> 48 >= room)
		return 0;
	if (__atomic_load_n(&b->in_pairs, __ATOMIC_RELAXED)) {
		rshi_two_words all = differs(b, 0, now[0]) | differs(b, 1, now[1]) |
		                     differs(b, 2, now[2]) | differs(b, 3, now[3]);

		return !(all[0] | all[1]);
	}
	return !((*now[0] ^ was[0]) | (*now[1] ^ was[1]) | (*now[2] ^ was[2]) | (*now[3] ^ was[3]));
}

/* Whether it starts with another frame pointer, and that matters. */
static inline int has_other_fp(const struct rshi_kept_walk *w, const struct rshi_here *here)
{
	return __atomic_load_n(&w->uses_fp, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&w->fp, __ATOMIC_RELAXED) != here->fp;
}

/*
 * Whether all its words are as they were.
 *
 * In the order of the walk, and each batch only if those before are the same: so its first word is one
 * that the walk would read, in a page that it would not ask about, and the others are in that page.
 */
static inline int is_same(const struct rshi_kept_walk *w, const struct rshi_here *here,
                          uintptr_t room)
{
	uint32_t n = __atomic_load_n(&w->n, __ATOMIC_RELAXED);

	if (has_other_fp(w, here))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!is_same_batch(&w->batch[i], (const uintptr_t *)here->sp, room))
			return 0;
	}
	return 1;
}

/* Where to look next: by what the first word is that is not the same. */
static __attribute__((noinline)) uint64_t next_place(const struct rshi_kept_walk *w,
                                                     const struct rshi_here *here, uintptr_t room,
                                                     uint64_t place)
{
	uint32_t n = __atomic_load_n(&w->n, __ATOMIC_RELAXED), i;
	uintptr_t found = here->fp;

	if (has_other_fp(w, here))
		return mix(place, found);
	for (i = 0; i < n * RSHI_KEPT_BATCH; i++) {
		const struct rshi_kept_batch *b = &w->batch[i / RSHI_KEPT_BATCH];
		unsigned int in_batch = i % RSHI_KEPT_BATCH;
		uint64_t in_pairs = __atomic_load_n(&b->in_pairs, __ATOMIC_RELAXED);
		uintptr_t at =
		        (uint16_t)(__atomic_load_n(&b->at, __ATOMIC_RELAXED) >> 16 * in_batch);
		const uintptr_t *now = (const uintptr_t *)here->sp + at;

		found = 0;
		if (at >= room)
			break;
		found = *now;
		if (found != (in_pairs ? b->was.pair[in_batch][1] : b->was.word[in_batch]))
			break;
		found = now[-1];
		if (in_pairs && found != b->was.pair[in_batch][0])
			break;
	}
	return mix(place + i, found);
}

/* Whether it is not worth its place. */
static int pass_by(struct rshi_kept_walk *w)
{
	uint32_t passed = __atomic_load_n(&w->passed, __ATOMIC_RELAXED);

	/* Relaxed, and nothing that has to be exact. */
	__atomic_store_n(&w->passed, passed + 1, __ATOMIC_RELAXED);
	return passed >= PASSED_LONG;
}

/* Whether it is that walk, now that its words are the same. */
static inline int is_valid(struct rshi_kept_walk *w, uint64_t version)
{
	uint32_t n_objects = __atomic_load_n(&w->n_objects, __ATOMIC_RELAXED);

	if (n_objects && !has_its_objects(w, n_objects))
		return 0;
	/* [WK3] acquire, pairs with [WK4]: whatever was newer shows in the version. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&w->version, __ATOMIC_RELAXED) != version)
		return 0;
	if (__atomic_load_n(&w->passed, __ATOMIC_RELAXED))
		__atomic_store_n(&w->passed, 0, __ATOMIC_RELAXED);
	return 1;
}

void *rshi_walk_recall_sig(struct rshi_kept_walks *walks, const struct rshi_here *here,
                           uint64_t *place)
{
	struct rshi_kept_walk *places = __atomic_load_n(&walks->places, __ATOMIC_RELAXED);
	const struct rshi_known_stack *known = &rshi_known_stack_sig;
	uintptr_t room = (known->hi - here->sp) / sizeof(uintptr_t);
	uint64_t h = mix(here->pc, here->sp << 16);

	*place = h;
	if (!places || here->sp - known->lo >= known->hi - known->lo ||
	    here->sp % sizeof(uintptr_t))
		return NULL;
	for (int look = 1;; look++) {
		struct rshi_kept_walk *w = place_of(places, h);
		/* [WK1] acquire, pairs with [WK2]: the words are at least as new as this version. */
		uint64_t version = __atomic_load_n(&w->version, __ATOMIC_ACQUIRE);
		void *result = __atomic_load_n(&w->result, __ATOMIC_RELAXED);

		*place = h;
		if (version % 2 || __atomic_load_n(&w->pc, __ATOMIC_RELAXED) != here->pc ||
		    __atomic_load_n(&w->sp, __ATOMIC_RELAXED) != here->sp)
			return NULL;
		if (is_same(w, here, room))
			return is_valid(w, version) ? result : NULL;
		if (look == LOOKS || pass_by(w))
			return NULL;
		h = next_place(w, here, room, h);
	}
}

/* Whether a word may be compared together with those that are in the batch already. */
static int goes_with(const struct rshi_kept_batch *b, uintptr_t sp, uint64_t at)
{
	uint64_t first = (uint16_t)b->at, last = b->at >> 48;

	return at >= last &&
	       rshi_page_of(sp + at * sizeof(sp)) == rshi_page_of(sp + first * sizeof(sp));
}

/* Put what the trail has at @i at @to, and at the rest of the batch's places. */
static void put(struct rshi_kept_batch *b, uint32_t to, const struct rshi_trail *trail, uint32_t i)
{
	for (uint32_t k = to; k < RSHI_KEPT_BATCH; k++) {
		b->at &= ~(UINT64_C(0xffff) << 16 * k);
		b->at |= (uint64_t)trail->at[i] << 16 * k;
		if (b->in_pairs)
			b->was.pair[k] = (rshi_two_words){trail->value[i + 1], trail->value[i]};
		else
			b->was.word[k] = trail->value[i];
	}
}

/* Returns 0 if there is not enough room. */
static int keep_words(struct rshi_kept_walk *w, const struct rshi_trail *trail)
{
	struct rshi_kept_batch *b = NULL;
	uint32_t in_batch = 0;

	w->n = 0;
	for (uint32_t i = 0; i < trail->n; i++) {
		uint64_t at = trail->at[i];
		uint64_t in_pairs = i + 1 < trail->n && trail->at[i + 1] + UINT64_C(1) == at;

		if (!b || in_batch == RSHI_KEPT_BATCH || b->in_pairs != in_pairs ||
		    !goes_with(b, trail->sp, at)) {
			if (w->n == RSHI_KEPT_BATCHES)
				return 0;
			b = &w->batch[w->n++];
			b->in_pairs = in_pairs;
			b->at = 0;
			in_batch = 0;
		}
		put(b, in_batch++, trail, i);
		i += (uint32_t)in_pairs;
	}
	return 1;
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
	__atomic_thread_fence(__ATOMIC_RELEASE);
	w->pc = here->pc;
	w->sp = here->sp;
	w->fp = here->fp;
	w->result = result;
	w->uses_fp = trail->uses_fp;
	w->passed = 0;
	w->n_objects = trail->n_objects;
	for (uint32_t i = 0; i < trail->n_objects; i++)
		w->objects[i] = trail->objects[i];
	if (!keep_words(w, trail))
		w->pc = 0; /* nobody is called from there */
	/* [WK2] release, pairs with [WK1]: the walk is complete. */
	__atomic_store_n(&w->version, version + 2, __ATOMIC_RELEASE);
}
