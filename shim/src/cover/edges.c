/* SPDX-License-Identifier: BSD-2-Clause */
/* What the engines of edges make of a link unit when it is registered. */

#include <elf.h>
#include <errno.h>
#include <link.h>

#include "edges.h"
#include "edges_slabs.h"
#include "registry.h"

static size_t extent(const void *const range[2])
{
	return (size_t)((const char *)range[1] - (const char *)range[0]);
}

static int layout_of(struct rshi_unit *u)
{
	const struct rsh_cover_unit *r = u->live;
	const struct rshi_edge *edges = r->data[0];
	uint64_t n = extent(r->data) / sizeof(*edges);
	struct rshi_edges_layout *l = u->layout;
	size_t size = sizeof(*l) + (n / 64 + 1) * sizeof(l->entries[0]);

	/* Line by line the table belongs to the counters; and without the header no pc has a place. */
	if (extent(r->data) % sizeof(*edges) || extent(r->counters) != n * r->counter_size ||
	    !r->image)
		return RSH_ECOVERLAYOUT;
	if (u->engine == RSH_COVER_EDGE_COUNTS) {
		u->live_layout_size = n * sizeof(uint64_t);
		u->live_layout = rshi_cover_map(u->live_layout_size);
		if (!u->live_layout)
			return ENOMEM;
	}
	if (l)
		return 0;
	l = rshi_cover_map(size);
	if (!l) {
		rshi_cover_unmap(u->live_layout, u->live_layout_size);
		u->live_layout = NULL;
		return ENOMEM;
	}
	l->edges = n;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t entry = edges[i].flags & RSHI_EDGE_ENTRY;

		l->entries[i / 64] |= entry << (i % 64);
		u->functions += entry;
	}
	u->layout = l;
	u->layout_size = size;
	u->counters = n;
	u->copy_size = n * (u->engine == RSH_COVER_EDGE_COUNTS ? sizeof(uint64_t) : 1);
	return 0;
}

/* By how much addresses differ from those in the file: the header is at the beginning of the file. */
static uintptr_t load_bias(const void *image)
{
	const ElfW(Ehdr) *header = image;
	const ElfW(Phdr) *p = (const void *)((const char *)image + header->e_phoff);

	for (size_t i = 0; i < header->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && p[i].p_offset == 0)
			return (uintptr_t)image - p[i].p_vaddr;
	return (uintptr_t)image;
}

static void identity_of(const struct rshi_unit *u, struct rshi_sink *s)
{
	const struct rshi_edge *edges = u->live->data[0];
	uintptr_t bias = load_bias(u->live->image);
	uint64_t previous = 0;
	/* With the compiler's table of control flow blocks that others imply have no counter. */
	uint64_t entry = RSHI_EDGE_ENTRY | (extent(u->live->names) ? RSHI_EDGE_IMPLIES : 0);

	rshi_put_var(s, u->counters);
	for (uint64_t i = 0; i < u->counters; i++) {
		uint64_t pc = edges[i].pc - bias, delta = pc - previous;

		/* Zigzag: the sign goes to the lowest bit. */
		rshi_put_var(s, delta << 1 ^ (delta >> 63 ? UINT64_MAX : 0));
		rshi_put_var(s, edges[i].flags & RSHI_EDGE_ENTRY ? entry : 0);
		previous = pc;
	}
}

static struct rshi_lock unloaded; /* of what is kept of units that are gone */

static const struct rshi_cover_engine engine = {
        .layout = layout_of,
        .sweep = rshi_edges_sweep_sig,
        .clear = rshi_edges_clear_sig,
        .fold = rshi_edges_fold_sig,
        .identity = identity_of,
        .records = rshi_edges_records_sig,
        .live = rshi_edges_live_sig,
};

static int is_sound(const struct rsh_cover_unit *r)
{
	if (r->engine == RSH_COVER_EDGE_COUNTS)
		return r->counter_size == 4;
	return r->engine == RSH_COVER_EDGES && (r->counter_size == 1 || r->counter_size == 4);
}

int rsh_cover_unit_register_edges(struct rsh_cover_edges *edges)
{
	if (!edges || edges->unit.abi != sizeof(edges->unit) || !is_sound(&edges->unit))
		return EINVAL;
	/* Where this unit is, an older one is no longer, and none of its code runs. */
	rshi_lock(&unloaded);
	rshi_slabs_reclaim_sig(&edges->slabs);
	rshi_unlock(&unloaded);
	return rshi_cover_add(&edges->unit, &engine, &engine);
}

void rsh_cover_unit_unregister_edges(struct rsh_cover_edges *edges)
{
	if (!edges)
		return;
	rsh_cover_unit_unregister(&edges->unit);
	rshi_lock(&unloaded);
	rshi_slabs_forget_sig(&edges->slabs);
	rshi_unlock(&unloaded);
}
