/* SPDX-License-Identifier: BSD-2-Clause */
/* The source engine in ordinary code, and what it makes of a link unit when it is registered. */

#include <errno.h>

#include "registry.h"

static int layout_of(struct rshi_unit *u);
#define LAYOUT layout_of
#include "source.h"
#include "source_engine.h"

/* The functions of a unit, one after the other. */
struct walk {
	const struct rsh_cover_unit *r;
	const unsigned char *record;
	const unsigned char *counters;
	const unsigned char *bitmap;
	uint64_t n;
	uint64_t m;
};

static size_t extent(const void *const range[2])
{
	return (size_t)((const char *)range[1] - (const char *)range[0]);
}

/* Is [@p, @p + @n) within @range? */
static int within(const unsigned char *p, uint64_t n, const void *const range[2])
{
	uintptr_t at = (uintptr_t)p, begin = (uintptr_t)range[0], end = (uintptr_t)range[1];

	return at >= begin && at <= end && n <= end - at;
}

/* What @w->record says. Returns an error if that is not in the unit's sections. */
static int look(struct walk *w)
{
	const struct rsh_cover_unit *r = w->r;

	w->n = source_field32(w->record, r->num_counters);
	w->counters = w->record + source_field64(w->record, r->counter_ptr);
	w->m = r->num_bitmap ? source_field32(w->record, r->num_bitmap) : 0;
	w->bitmap = w->m ? w->record + source_field64(w->record, r->bitmap_ptr) : NULL;
	if (w->n > UINT32_MAX / 8 || !within(w->counters, w->n * r->counter_size, r->counters) ||
	    (uintptr_t)w->counters % r->counter_size)
		return RSH_ECOVERLAYOUT;
	if (w->m && !within(w->bitmap, w->m, r->bitmaps))
		return RSH_ECOVERLAYOUT;
	return 0;
}

/* Append to @runs, of which there are @count, @n elements of @size bytes at @at. */
static size_t append(struct source_run *runs, size_t count, const unsigned char *at, uint64_t n,
                     uint64_t size)
{
	if (n == 0)
		return count;
	if (count && (const unsigned char *)runs[count - 1].at + runs[count - 1].n * size == at) {
		runs[count - 1].n += n;
		return count;
	}
	runs[count].at = at;
	runs[count].n = n;
	return count + 1;
}

/*
 * No two functions have a counter in common. One run has none; for several, a byte for each counter
 * of the section says whether one was there.
 */
static int check_apart(const struct source_run *runs, size_t count, uint64_t size,
                       const void *const section[2])
{
	size_t n = extent(section) / size;
	unsigned char *seen;
	int err = 0;

	if (count < 2)
		return 0;
	seen = rshi_cover_map(n);
	if (!seen)
		return ENOMEM;
	for (size_t i = 0; i < count && !err; i++) {
		uint64_t at = ((uintptr_t)runs[i].at - (uintptr_t)section[0]) / size;

		for (uint64_t k = 0; k < runs[i].n; k++) {
			if (seen[at + k])
				err = RSH_ECOVERLAYOUT;
			seen[at + k] = 1;
		}
	}
	rshi_cover_unmap(seen, n);
	return err;
}

static int fill_places(struct rshi_unit *u, struct source_places *p, uint64_t functions)
{
	const struct rsh_cover_unit *r = u->live;
	struct walk w = {.r = r, .record = r->data[0]};
	int err = 0;

	p->bitmaps = p->counters + functions;
	for (uint64_t f = 0; f < functions; f++, w.record += r->record_size) {
		err = look(&w);
		if (err)
			return err;
		p->counter_runs =
		        append(p->counters, p->counter_runs, w.counters, w.n, r->counter_size);
		p->bitmap_runs = append(p->bitmaps, p->bitmap_runs, w.bitmap, w.m, 1);
	}
	err = check_apart(p->counters, p->counter_runs, r->counter_size, r->counters);
	if (!err)
		err = check_apart(p->bitmaps, p->bitmap_runs, 1, r->bitmaps);
	return err;
}

static int fill_layout(struct rshi_unit *u, uint64_t functions)
{
	const struct rsh_cover_unit *r = u->live;
	struct walk w = {.r = r, .record = r->data[0]};
	struct source_layout *l;
	size_t size = sizeof(*l) + functions * sizeof(l->of[0]);

	l = rshi_cover_map(size);
	if (!l)
		return ENOMEM;
	l->functions = functions;
	for (uint64_t f = 0; f < functions; f++, w.record += r->record_size) {
		look(&w);
		l->of[f][0] = (uint32_t)w.n;
		l->of[f][1] = (uint32_t)w.m;
		l->counters += w.n;
		l->bitmap += w.m;
	}
	u->layout = l;
	u->layout_size = size;
	u->functions = functions;
	u->counters = l->counters;
	u->copy_size = l->counters * sizeof(uint64_t) + l->bitmap;
	return 0;
}

static int layout_of(struct rshi_unit *u)
{
	const struct rsh_cover_unit *r = u->live;
	uint64_t functions;
	struct source_places *p;
	size_t size;
	int err;

	if (!r->record_size || extent(r->data) % r->record_size ||
	    (r->counter_size != 1 && r->counter_size != 8))
		return RSH_ECOVERLAYOUT;
	functions = extent(r->data) / r->record_size;
	size = sizeof(*p) + 2 * functions * sizeof(p->counters[0]);
	p = rshi_cover_map(size);
	if (!p)
		return ENOMEM;
	err = fill_places(u, p, functions);
	if (!err && !u->layout)
		err = fill_layout(u, functions);
	if (err) {
		rshi_cover_unmap(p, size);
		return err;
	}
	u->live_layout = p;
	u->live_layout_size = size;
	return 0;
}

int rsh_cover_unit_register(struct rsh_cover_unit *unit)
{
	if (!unit || unit->abi != sizeof(*unit) || unit->engine != RSH_COVER_SOURCE)
		return EINVAL;
	return rshi_cover_add(unit, &engine, rshi_cover_source_sig());
}
