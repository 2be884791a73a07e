/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap profile, in the middle of allocators: calls nothing, waits for nobody for long. */

#include <asm/unistd.h>

#include "chance.h"
#include "core/sys.h"
#include "live.h"
#include "profile.h"

#define STACK_BYTES ((size_t)64 << 20)
#define FOLLOW_ALL  4096 /* at smaller rates nearly every page has an object that is followed */
#define INNER       16   /* frames between the program and who tells, at most */
#define STRIPES     64
#define SPINS       200
#define NAP         100000 /* nanoseconds */

enum { ALLOC_OBJECTS, ALLOC_BYTES, FREE_OBJECTS, FREE_BYTES, WORDS };

/* What some of the sites share. */
static _Alignas(64) struct stripe {
	uint32_t lock; /* atomic */
	/* guarded by it */
	uint64_t sampled;
	uint64_t freed;
	uint64_t padding[5];
} stripes[STRIPES];

static struct {
	uint64_t rate;    /* atomic */
	uint64_t lost;    /* atomic */
	uint32_t sources; /* atomic */
} profile;

struct rshi_stacktab rshi_heap_stacks_sig;

/* The thread is in here already, in what a handler has interrupted, or between a fork's handlers. */
static __thread uint32_t is_busy __attribute__((tls_model("initial-exec")));
static __thread uint32_t has_all __attribute__((tls_model("initial-exec")));

static struct stripe *stripe_of(const struct rshi_stack_record *site)
{
	return &stripes[((uintptr_t)site >> 4) % STRIPES];
}

static void take_stripe(struct stripe *s)
{
	uint32_t free = 0;

	/* [HS1] acquire, pairs with [HS2]: sees what the last holder did */
	for (unsigned int i = 1; !__atomic_compare_exchange_n(&s->lock, &free, 1, 0,
	                                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
	     i++) {
		/* Held for a moment, unless the holder does not run: then sleep, so that it does. */
		if (i % SPINS == 0)
			rshi_futex_wait_sig(&s->lock, 1, NAP);
		free = 0;
	}
}

static void release_stripe(struct stripe *s)
{
	/* [HS2] release, pairs with [HS1]: what the holder did */
	__atomic_store_n(&s->lock, 0, __ATOMIC_RELEASE);
}

static struct stripe *enter(const struct rshi_stack_record *site)
{
	struct stripe *s = stripe_of(site);

	if (!has_all)
		take_stripe(s);
	return s;
}

static void leave(struct stripe *s)
{
	if (!has_all)
		release_stripe(s);
}

static void lose(void)
{
	__atomic_fetch_add(&profile.lost, 1, __ATOMIC_RELAXED);
}

int rshi_heap_open_sig(void)
{
	int err = rshi_stacktab_open_sig(&rshi_heap_stacks_sig, WORDS, STACK_BYTES);

	return err ? err : rshi_live_open_sig();
}

uint64_t rshi_heap_rate_sig(void)
{
	return __atomic_load_n(&profile.rate, __ATOMIC_RELAXED);
}

void rshi_heap_set_rate_sig(uint64_t rate)
{
	uint32_t next = __atomic_load_n(&rshi_heap_gate_sig.generation, __ATOMIC_RELAXED) + 1;

	if (rate && rate < FOLLOW_ALL)
		rshi_live_follow_all_sig();
	__atomic_store_n(&profile.rate, rate, __ATOMIC_RELAXED);
	/* [HR1] release, pairs with [HR2]: the rate, and that everything is open. */
	__atomic_store_n(&rshi_heap_gate_sig.generation, next ? next : 1, __ATOMIC_RELEASE);
}

uint32_t rshi_heap_sources_sig(void)
{
	return __atomic_load_n(&profile.sources, __ATOMIC_RELAXED);
}

void rshi_heap_add_source_sig(uint32_t source)
{
	__atomic_fetch_or(&profile.sources, source, __ATOMIC_RELAXED);
}

/* How far it is to the next sample. */
static void draw(struct rshi_heap_thread *t)
{
	t->count = t->rate ? 0 - rshi_chance_gap_sig(&t->random, t->rate) : 0;
}

/* Whether the allocation is to be sampled, at which rate; the next one is drawn. */
static uint64_t is_sample(struct rshi_heap_thread *t, size_t size)
{
	/* [HR2] acquire, pairs with [HR1]: the rate. */
	uint32_t generation = __atomic_load_n(&rshi_heap_gate_sig.generation, __ATOMIC_ACQUIRE);

	/* Chance has no memory: the gap begins here at the new rate. */
	if (t->generation != generation) {
		t->generation = generation;
		t->rate = rshi_heap_rate_sig();
		draw(t);
		if (!t->rate ||
		    !__builtin_add_overflow(t->count, (uint64_t)size + !size, &t->count))
			return 0;
	}
	draw(t);
	return t->rate;
}

static void count_gone(const struct rshi_heap_object *object)
{
	struct stripe *s = enter(object->site);

	object->site->values[FREE_OBJECTS] += object->count;
	object->site->values[FREE_BYTES] += object->count * object->size;
	s->freed++;
	leave(s);
}

static struct rshi_stack_record *site_of(const struct rshi_here *here,
                                         size_t (*cut)(const uintptr_t *pcs, size_t n))
{
	uintptr_t pcs[RSH_HEAPPROF_DEPTH + INNER];
	unsigned int flags;
	struct rshi_stack stack;
	size_t first, n;

	rshi_unwind_here_sig(here, pcs, cut ? RSH_HEAPPROF_DEPTH + INNER : RSH_HEAPPROF_DEPTH,
	                     &stack);
	first = cut ? cut(pcs, stack.n) : 0;
	n = stack.n - first;
	flags = stack.end == RSHI_END_ROOT && n <= RSH_HEAPPROF_DEPTH ? 0 : RSHI_STACK_CUT;
	if (n > RSH_HEAPPROF_DEPTH)
		n = RSH_HEAPPROF_DEPTH;
	return rshi_stacktab_find_sig(&rshi_heap_stacks_sig, 0, flags, pcs + first, n);
}

void rshi_heap_alloc_sig(struct rshi_heap_thread *t, const void *p, size_t size,
                         const struct rshi_here *here,
                         size_t (*cut)(const uintptr_t *pcs, size_t n))
{
	uint64_t rate = is_sample(t, size);
	struct rshi_heap_object object, stale;
	struct stripe *s;

	if (!rate || !p)
		return;
	t->samples++;
	if (is_busy) {
		lose();
		return;
	}
	is_busy = 1;
	__asm__ volatile("" ::: "memory");
	object.site = site_of(here, cut);
	object.size = size;
	object.count = rshi_chance_count_sig(&t->random, rate, size);
	if (rshi_live_add_sig(p, &object, &stale)) {
		lose();
	} else {
		s = enter(object.site);
		object.site->values[ALLOC_OBJECTS] += object.count;
		object.site->values[ALLOC_BYTES] += object.count * size;
		s->sampled++;
		leave(s);
	}
	if (stale.site)
		count_gone(&stale);
	__asm__ volatile("" ::: "memory");
	is_busy = 0;
}

int rshi_heap_take_sig(const void *p, struct rshi_heap_object *object)
{
	return rshi_live_take_sig(p, object);
}

void rshi_heap_gone_sig(const struct rshi_heap_object *object)
{
	if (is_busy) {
		lose();
		return;
	}
	is_busy = 1;
	__asm__ volatile("" ::: "memory");
	count_gone(object);
	__asm__ volatile("" ::: "memory");
	is_busy = 0;
}

void rshi_heap_back_sig(const void *p, const struct rshi_heap_object *object)
{
	struct rshi_heap_object stale;

	/* There was room a moment ago; if others have taken it, the object is not followed any more. */
	if (rshi_live_add_sig(p, object, &stale))
		rshi_heap_gone_sig(object);
}

int rshi_heap_site_sig(const struct rshi_stack_record *record, struct rshi_heap_site *site)
{
	struct stripe *s;

	is_busy++;
	__asm__ volatile("" ::: "memory");
	s = enter(record);
	site->alloc_objects = record->values[ALLOC_OBJECTS];
	site->alloc_bytes = record->values[ALLOC_BYTES];
	site->free_objects = record->values[FREE_OBJECTS];
	site->free_bytes = record->values[FREE_BYTES];
	leave(s);
	__asm__ volatile("" ::: "memory");
	is_busy--;
	site->pcs = record->pcs;
	site->n = record->n;
	site->flags = record->flags;
	return site->alloc_objects != 0;
}

void rshi_heap_stats_sig(struct rsh_heapprof_stats *stats)
{
	uint32_t sources = rshi_heap_sources_sig();

	stats->rate = rshi_heap_rate_sig();
	stats->sampled = 0;
	stats->live = 0;
	is_busy++;
	__asm__ volatile("" ::: "memory");
	for (unsigned int i = 0; i < STRIPES; i++) {
		if (!has_all)
			take_stripe(&stripes[i]);
		stats->sampled += stripes[i].sampled;
		stats->live += stripes[i].sampled - stripes[i].freed;
		leave(&stripes[i]);
	}
	__asm__ volatile("" ::: "memory");
	is_busy--;
	stats->lost = __atomic_load_n(&profile.lost, __ATOMIC_RELAXED);
	stats->stacks = rshi_stacktab_count_sig(&rshi_heap_stacks_sig, 0);
	stats->hooks = sources & RSHI_HEAP_HOOKS ? 1 : 0;
	stats->layer = sources & RSHI_HEAP_LAYERED ? 1 : 0;
	stats->reserved = 0;
}

void rshi_heap_before_fork_sig(void)
{
	is_busy++;
	__asm__ volatile("" ::: "memory");
	for (unsigned int i = 0; i < STRIPES; i++)
		take_stripe(&stripes[i]);
	has_all = 1;
	__asm__ volatile("" ::: "memory");
	is_busy--;
}

void rshi_heap_after_fork_sig(void)
{
	is_busy++;
	__asm__ volatile("" ::: "memory");
	has_all = 0;
	for (unsigned int i = 0; i < STRIPES; i++)
		release_stripe(&stripes[i]);
	__asm__ volatile("" ::: "memory");
	is_busy--;
}
