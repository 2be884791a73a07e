/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap profile, in the middle of allocators: calls nothing, waits for nobody for long. */

#include "chance.h"
#include "core/unwind_trail.h"
#include "counts.h"
#include "profile.h"

#define STACK_BYTES ((size_t)64 << 20)
#define FOLLOW_ALL  4096 /* at smaller rates most pages have an object that is followed */
#define INNER       16   /* frames between the program and who tells, at most */

static struct {
	uint64_t rate;    /* atomic */
	uint32_t sources; /* atomic */
} profile;

struct rshi_stacktab rshi_heap_stacks_sig;

/* What is made of a walk: the record of its stack, cut as whoever tells says, who is always the same. */
static struct rshi_kept_walks walks;

static struct rshi_heap_gate own_gate;
struct rshi_heap_gate *rshi_heap_gate_sig = &own_gate;

int rshi_heap_open_sig(void)
{
	int err = rshi_stacktab_open_sig(&rshi_heap_stacks_sig, 0, STACK_BYTES);

	if (!err)
		rshi_kept_walks_open_sig(&walks);
	return err;
}

uint64_t rshi_heap_rate_sig(void)
{
	return __atomic_load_n(&profile.rate, __ATOMIC_RELAXED);
}

/* From now on all frees ask: where everything is followed that is cheaper than to count. */
static void follow_all(void)
{
	for (unsigned int i = 0; i < RSHI_HEAP_PAGES; i++)
		__atomic_store_n(&rshi_heap_gate_sig->pages[i], RSHI_HEAP_MANY, __ATOMIC_RELAXED);
}

void rshi_heap_set_rate_sig(uint64_t rate)
{
	uint32_t next = __atomic_load_n(&rshi_heap_gate_sig->generation, __ATOMIC_RELAXED) + 1;

	if (rate && rate < FOLLOW_ALL)
		follow_all();
	__atomic_store_n(&profile.rate, rate, __ATOMIC_RELAXED);
	/* [HR1] release, pairs with [HR2]: the rate, and that everything is open. */
	__atomic_store_n(&rshi_heap_gate_sig->generation, next ? next : 1, __ATOMIC_RELEASE);
	if (rshi_heap_gate_sig->changed)
		rshi_heap_gate_sig->changed();
}

void rshi_heap_use_gate_sig(struct rshi_heap_gate *gate)
{
	/* There is one thread, and nothing is followed; but there may be a rate. */
	for (unsigned int i = 0; i < RSHI_HEAP_PAGES; i++)
		__atomic_store_n(&gate->pages[i],
		                 __atomic_load_n(&rshi_heap_gate_sig->pages[i], __ATOMIC_RELAXED),
		                 __ATOMIC_RELAXED);
	__atomic_store_n(&gate->generation,
	                 __atomic_load_n(&rshi_heap_gate_sig->generation, __ATOMIC_RELAXED),
	                 __ATOMIC_RELAXED);
	rshi_heap_gate_sig = gate;
}

uint32_t rshi_heap_sources_sig(void)
{
	return __atomic_load_n(&profile.sources, __ATOMIC_RELAXED);
}

void rshi_heap_add_source_sig(uint32_t source)
{
	__atomic_fetch_or(&profile.sources, source, __ATOMIC_RELAXED);
}

/* How far it is to the next sample: without a rate out of reach. */
static void draw(struct rshi_heap_thread *t)
{
	t->count = (t->rate > 1 ? rshi_chance_gap_sig(&t->random, t->rate) : t->rate) - 1;
}

/* Whether the allocation is to be sampled, at which rate; the next one is drawn. */
static uint64_t is_sample(struct rshi_heap_thread *t, size_t size)
{
	/* [HR2] acquire, pairs with [HR1]: the rate. */
	uint32_t generation = __atomic_load_n(&rshi_heap_gate_sig->generation, __ATOMIC_ACQUIRE);

	/* Chance has no memory: the gap begins here at the new rate. */
	if (t->generation != generation) {
		t->generation = generation;
		t->rate = rshi_heap_rate_sig();
		draw(t);
		if (!rshi_heap_count(t, size))
			return 0;
	}
	draw(t);
	return t->rate;
}

/* Separate, so that its arrays are not on the stack where the walk has been made before. */
static __attribute__((noinline)) struct rshi_stack_record *
walk(const struct rshi_here *here, size_t (*cut)(const uintptr_t *pcs, size_t n), uint64_t place)
{
	uintptr_t pcs[RSH_HEAPPROF_DEPTH + INNER];
	struct rshi_stack_record *site;
	struct rshi_trail trail;
	struct rshi_stack stack;
	unsigned int flags;
	size_t first, n;

	rshi_unwind_trail_sig(here, pcs, cut ? RSH_HEAPPROF_DEPTH + INNER : RSH_HEAPPROF_DEPTH,
	                      &stack, &trail);
	first = cut ? cut(pcs, stack.n) : 0;
	n = stack.n - first;
	flags = stack.end == RSHI_END_ROOT && n <= RSH_HEAPPROF_DEPTH ? 0 : RSHI_STACK_CUT;
	if (n > RSH_HEAPPROF_DEPTH)
		n = RSH_HEAPPROF_DEPTH;
	site = rshi_stacktab_find_sig(&rshi_heap_stacks_sig, 0, flags, pcs + first, n);
	if (!(site->flags & RSHI_STACK_OVERFLOW))
		rshi_walk_keep_sig(&walks, here, place, &trail, site);
	return site;
}

static struct rshi_stack_record *site_of(const struct rshi_here *here,
                                         size_t (*cut)(const uintptr_t *pcs, size_t n))
{
	uint64_t place;
	struct rshi_stack_record *site = rshi_walk_recall_sig(&walks, here, &place);

	return site ? site : walk(here, cut, place);
}

/* For how many like it a sample stands. */
static uint64_t stands_for(struct rshi_heap_thread *t, size_t size)
{
	uint64_t count = rshi_chance_count_sig(&t->random, t->rate, rshi_heap_weight(size));

	return rshi_counts_rounded_sig(&t->random, count);
}

void rshi_heap_alloc_sig(struct rshi_heap_thread *t, const void *p, size_t size,
                         const struct rshi_here *here,
                         size_t (*cut)(const uintptr_t *pcs, size_t n))
{
	uint64_t rate = is_sample(t, size);
	struct rshi_heap_object object;

	if (!rate || !p)
		return;
	t->samples++;
	rshi_counts_prepare_sig(p);
	object.cell = rshi_counts_cell(site_of(here, cut));
	object.size = size;
	object.count = rate == 1 ? 1 : stands_for(t, size);
	rshi_counts_add_sig(p, &object);
}

int rshi_heap_site_sig(const struct rshi_stack_record *record, struct rshi_heap_site *site)
{
	uint32_t cell = rshi_counts_cell(record);
	struct rshi_heap_counts counts;

	site->alloc_objects = 0;
	/* Others may be counted there, too; then they are so under the overflow itself. */
	if (cell != RSHI_COUNTS_OVERFLOW || record->flags & RSHI_STACK_OVERFLOW) {
		rshi_counts_read_sig(cell, &counts);
		site->alloc_objects = counts.alloc_objects;
		site->alloc_bytes = counts.alloc_bytes;
		site->free_objects = counts.free_objects;
		site->free_bytes = counts.free_bytes;
	}
	site->pcs = record->pcs;
	site->n = record->n;
	site->flags = record->flags;
	return site->alloc_objects != 0;
}

void rshi_heap_stats_sig(struct rsh_heapprof_stats *stats)
{
	uint32_t sources = rshi_heap_sources_sig();

	stats->rate = rshi_heap_rate_sig();
	rshi_counts_sums_sig(&stats->sampled, &stats->live);
	stats->lost = rshi_counts_lost_sig();
	stats->stacks = rshi_stacktab_count_sig(&rshi_heap_stacks_sig, 0);
	stats->hooks = sources & RSHI_HEAP_HOOKS ? 1 : 0;
	stats->layer = sources & RSHI_HEAP_LAYERED ? 1 : 0;
	stats->reserved = 0;
}
