/* SPDX-License-Identifier: BSD-2-Clause */
/* Units come and go; their counts stay. */

#include <errno.h>
#include <sys/mman.h>

#include "encode.h"
#include "end.h"
#include "find.h"
#include "registry.h"

void *rshi_cover_map(size_t size)
{
	void *p = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	               -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void rshi_cover_unmap(void *p, size_t size)
{
	if (p)
		munmap(p, size ? size : 1);
}

static int add_to_hash(void *arg, const void *bytes, size_t n)
{
	rshi_fnv_add_sig(arg, bytes, n);
	return 0;
}

static void hash_of(struct rshi_unit *u)
{
	unsigned char kind[4], buf[1024];
	struct rshi_fnv h;
	struct rshi_sink s;

	rshi_fnv_init_sig(&h);
	rshi_kind_of(u, kind);
	rshi_fnv_add_sig(&h, kind, sizeof(kind));
	rshi_sink_init(&s, buf, sizeof(buf), add_to_hash, &h);
	rshi_put_identity(&s, u, u->ops);
	rshi_sink_flush(&s);
	rshi_fnv_end_sig(&h, u->hash);
}

int rshi_cover_lay_out(struct rshi_unit *u)
{
	if (!u->laid_out)
		u->err = u->ops->layout(u);
	u->laid_out = 1;
	return u->err;
}

int rshi_cover_ready(struct rshi_unit *u)
{
	if (!u->ready && !rshi_cover_lay_out(u))
		hash_of(u);
	u->ready = 1;
	return u->err;
}

int rshi_cover_meta(struct rshi_unit *u, struct rshi_meta *meta)
{
	struct rshi_sink s;

	meta->bytes = u->meta;
	meta->size = u->meta_size;
	meta->is_mine = !u->meta;
	if (!meta->is_mine)
		return 0;
	rshi_sink_count(&s);
	rshi_put_meta(&s, u, u->ops);
	meta->size = (size_t)s.total;
	meta->bytes = rshi_cover_map(meta->size + RSHI_VAR_MAX);
	if (!meta->bytes)
		return ENOMEM;
	/* Never full, so never flushed. */
	rshi_sink_init(&s, meta->bytes, meta->size + RSHI_VAR_MAX, NULL, NULL);
	rshi_put_meta(&s, u, u->ops);
	return 0;
}

void rshi_cover_meta_done(const struct rshi_meta *meta)
{
	if (meta->is_mine)
		rshi_cover_unmap(meta->bytes, meta->size + RSHI_VAR_MAX);
}

static void append(struct rshi_unit *u)
{
	struct rshi_unit *last = rshi_unit_first();

	if (!last) {
		/* [CU1] release, pairs with [CU2]: whoever finds the unit finds it complete */
		__atomic_store_n(&rshi_cover_sig.first, u, __ATOMIC_RELEASE);
		return;
	}
	while (rshi_unit_next(last))
		last = rshi_unit_next(last);
	/* [CU3] release, pairs with [CU4]: likewise */
	__atomic_store_n(&last->next, u, __ATOMIC_RELEASE);
}

/* A unit like @u that has been unloaded: it is the one that is back. */
static struct rshi_unit *find_unloaded(const struct rshi_unit *u)
{
	for (struct rshi_unit *old = rshi_unit_first(); old; old = rshi_unit_next(old))
		if (!old->live && old->ready && !old->err && old->engine == u->engine &&
		    rsh_memcmp_sig(old->hash, u->hash, sizeof(u->hash)) == 0)
			return old;
	return NULL;
}

static int any_unloaded(void)
{
	for (struct rshi_unit *u = rshi_unit_first(); u; u = rshi_unit_next(u))
		if (!u->live)
			return 1;
	return 0;
}

static void come_back(struct rshi_unit *old, struct rshi_unit *u)
{
	old->live = u->live;
	old->live_layout = u->live_layout;
	old->live_layout_size = u->live_layout_size;
	/* The layouts of equal units are equal, and somebody may be reading the old one. */
	if (u->layout_size)
		rshi_cover_unmap(u->layout, u->layout_size);
}

static struct rshi_unit *new_unit(struct rsh_cover_unit *unit, const struct rshi_cover_engine *ops,
                                  const struct rshi_cover_engine *ops_sig)
{
	struct rshi_unit *u = rshi_cover_map(sizeof(*u));

	if (!u)
		return NULL;
	u->ops = ops;
	u->ops_sig = ops_sig;
	u->engine = unit->engine;
	u->mode = unit->mode;
	u->counter_size = unit->counter_size;
	u->live = unit;
	u->is_program = (uint8_t)rshi_is_program(unit->image);
	if (unit->image) {
		rshi_find_path(unit->image, u->path, sizeof(u->path));
		rshi_find_build_id(unit->image, u->build_id, sizeof(u->build_id));
	} else {
		rshi_find_program(u->path, sizeof(u->path));
	}
	return u;
}

int rshi_cover_add(struct rsh_cover_unit *unit, const struct rshi_cover_engine *ops,
                   const struct rshi_cover_engine *ops_sig)
{
	struct rshi_unit *u = new_unit(unit, ops, ops_sig), *old = NULL;
	int err = 0, active;

	rshi_end_start();
	if (unit->engine != RSH_COVER_ARRAY)
		rshi_end_warn();
	rshi_lock(&rshi_cover_sig.lock);
	if (!u) {
		/* A registrar cannot tell anybody, who registers an array is told. */
		if (unit->engine != RSH_COVER_ARRAY)
			rshi_cover_sig.err = ENOMEM;
		rshi_unlock(&rshi_cover_sig.lock);
		return ENOMEM;
	}
	active = rshi_end_is_active();
	/* Looking through the names of a large program takes time: not unless somebody asks. */
	if (active || any_unloaded() || unit->engine == RSH_COVER_ARRAY)
		err = rshi_cover_ready(u);
	if (!err && u->ready)
		old = find_unloaded(u);
	if (old) {
		come_back(old, u);
		rshi_cover_unmap(u, sizeof(*u));
		u = old;
	} else {
		append(u);
	}
	unit->core = u;
	if (active && !err)
		rshi_end_reserve(u);
	rshi_unlock(&rshi_cover_sig.lock);
	if (active)
		rshi_end_meta(u);
	return err;
}

/* Keep what the unit has counted, and what its meta unit says. */
static int keep(struct rshi_unit *u)
{
	struct rshi_meta meta;
	void *copy;
	int err = rshi_cover_ready(u);

	if (!err)
		err = rshi_cover_meta(u, &meta);
	if (err)
		return err;
	u->meta = meta.bytes;
	u->meta_size = meta.size;
	copy = rshi_cover_map(u->copy_size);
	if (!copy)
		return ENOMEM;
	rshi_unit_sweep(u, u->ops, copy, 0);
	rshi_cover_unmap(u->kept, u->copy_size);
	u->kept = copy;
	return 0;
}

int rshi_cover_remove(struct rsh_cover_unit *unit)
{
	struct rshi_unit *u = unit->core;
	int err;

	if (!u)
		return 0;
	rshi_lock(&rshi_cover_sig.lock);
	err = u->err = keep(u);
	u->live = NULL;
	if (u->live_layout_size)
		rshi_cover_unmap(u->live_layout, u->live_layout_size);
	u->live_layout = NULL;
	unit->core = NULL;
	rshi_unlock(&rshi_cover_sig.lock);
	return err;
}

void rsh_cover_unit_unregister(struct rsh_cover_unit *unit)
{
	if (unit)
		(void)rshi_cover_remove(unit);
}

void rshi_cover_clear_all(void)
{
	for (struct rshi_unit *u = rshi_unit_first(); u; u = rshi_unit_next(u)) {
		if (u->live && !rshi_cover_lay_out(u))
			u->ops->clear(u);
		if (u->kept)
			rsh_memset_sig(u->kept, 0, u->copy_size);
	}
}
