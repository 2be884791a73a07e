/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of <raceshim/heapprof.h>: what belongs to the caller is announced and written. */

#include <errno.h>

#include <raceshim/heapprof.h>
#include <raceshim/sigsafe.h>

#include "core/detector.h"
#include "counts.h"
#include "output.h"
#include "profile.h"
#include "session.h"

/* Who has the profile has its variable, too: an archive would leave it out. */
__attribute__((used)) static struct rshi_at_end *const together = &rshi_heap_at_end;

int rsh_heapprof_rate(uint64_t bytes)
{
	return rshi_heap_set_rate(bytes);
}

struct reading {
	const struct rshi_caller *caller;
	struct rsh_heap_record *next;
	size_t got;
};

static void write_record(const struct rshi_caller *caller, struct rsh_heap_record *to,
                         const struct rshi_heap_site *site)
{
	/* All of it, and before: a reader of the array hears of it in either order. */
	rshi_will_write(caller, to, sizeof(*to));
	to->alloc_objects = site->alloc_objects;
	to->alloc_bytes = site->alloc_bytes;
	to->free_objects = site->free_objects;
	to->free_bytes = site->free_bytes;
	to->n = site->n;
	to->flags = site->flags;
	rsh_memcpy_sig(to->pcs, site->pcs, site->n * sizeof(*to->pcs));
	rsh_memset_sig(to->pcs + site->n, 0, (RSH_HEAPPROF_DEPTH - site->n) * sizeof(*to->pcs));
}

/* No lock is held; what the detector says, it may say by calling the program back. */
static int add(void *arg, const struct rshi_heap_site *site)
{
	struct reading *r = arg;

	write_record(r->caller, r->next++, site);
	r->got++;
	return 0;
}

static void write_size(const struct rshi_caller *caller, size_t *to, size_t value)
{
	rshi_will_write(caller, to, sizeof(*to));
	*to = value;
}

__attribute__((noinline)) int rsh_heapprof_read(struct rsh_heap_record *records, size_t n,
                                                size_t *got)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_heapprof_read);
	struct reading reading = {.caller = &caller, .next = records};
	struct rshi_heap_extent extent;
	size_t need;

	if (!got || (n && !records))
		return EINVAL;
	need = rshi_heap_extent(&extent);
	rshi_frame_push(&caller);
	if (n < need) {
		write_size(&caller, got, need);
	} else {
		(void)rshi_heap_sites_in(&extent, add, &reading);
		write_size(&caller, got, reading.got);
	}
	rshi_frame_pop();
	return n < need ? ERANGE : 0;
}

__attribute__((noinline)) int rsh_heapprof_stats(struct rsh_heapprof_stats *stats)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_heapprof_stats);
	struct rsh_heapprof_stats now;

	if (!stats)
		return EINVAL;
	rshi_heap_stats(&now);
	rshi_frame_push(&caller);
	rshi_will_write(&caller, stats, sizeof(*stats));
	rshi_frame_pop();
	rsh_memcpy_sig(stats, &now, sizeof(now));
	return 0;
}

static int enter(struct rshi_heap_gate *gate)
{
	/* Where a detector owns the allocator it tells of it. */
	if (rshi_sanitizer_install_malloc_and_free_hooks)
		return 0;
	rshi_heap_use_gate_sig(gate);
	rshi_heap_add_source_sig(RSHI_HEAP_LAYERED);
	return 1;
}

const struct rsh_heapprof_layer *rsh_heapprof_layer(uint32_t version)
{
	static const struct rsh_heapprof_layer layer = {
	        .enter_sig = enter,
	        .alloc_sig = rshi_heap_alloc_sig,
	        .free_sig = rshi_counts_free_sig,
	        .take_sig = rshi_counts_take_sig,
	        .gone_sig = rshi_counts_gone_sig,
	        .back_sig = rshi_counts_back_sig,
	};

	return version == RSHI_HEAP_LAYER ? &layer : NULL;
}
