/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine of gcc's coverage in ordinary code, and what it makes of a unit's records. */

#include <errno.h>

#include <raceshim/cover_unit_gcov.h>

#include "registry.h"

static int layout_of(struct rshi_unit *u);
static void identity_of(const struct rshi_unit *u, struct rshi_sink *s);
#define LAYOUT   layout_of
#define IDENTITY identity_of
#include "gcov.h"
#include "gcov_engine.h"

static const struct rsh_cover_gcov_unit *unit_of(const struct rshi_unit *u)
{
	return (const struct rsh_cover_gcov_unit *)u->live;
}

static uint64_t file_count(const struct rshi_unit *u)
{
	return (uint64_t)((const void *const *)u->live->data[1] -
	                  (const void *const *)u->live->data[0]);
}

static const void *info_of(const struct rshi_unit *u, uint64_t i)
{
	return ((const void *const *)u->live->data[0])[i];
}

/* How much there is of everything. */
struct sizes {
	uint64_t files;
	uint64_t functions;
	uint64_t kinds;
	uint64_t counters;
};

/* Write the unit's records down, in @l and @p; without them (NULL), only count. */
static int walk(const struct rshi_unit *u, struct sizes *n, struct gcov_layout *l,
                struct gcov_places *p)
{
	const struct rsh_cover_gcov_unit *g = unit_of(u);

	*n = (struct sizes){.files = file_count(u)};
	for (uint64_t i = 0; i < n->files; i++) {
		uint64_t before = n->counters;
		struct rsh_cover_gcov_file file;
		int err = g->file(info_of(u, i), &file);

		for (uint32_t f = 0; !err && f < file.functions; f++) {
			struct rsh_cover_gcov_function function;

			err = g->function(info_of(u, i), f, &function);
			if (err)
				break;
			if (!function.here)
				function.kinds = 0;
			for (uint32_t k = 0; k < function.kinds; k++) {
				const struct rsh_cover_gcov_counters *c = &function.of[k];

				if (l)
					l->kinds[n->kinds + k] = (struct gcov_kind){
					        .tag = c->tag, .n = c->n, .either = c->either};
				if (p)
					p->first[n->kinds + k] = c->first;
				n->counters += c->n;
			}
			if (l)
				l->functions[n->functions] = (struct gcov_function){
				        .here = function.here != 0,
				        .words = {function.ident, function.lineno_checksum,
				                  function.cfg_checksum},
				        .kinds = function.kinds};
			n->functions++;
			n->kinds += function.kinds;
		}
		if (err)
			return err;
		if (l)
			l->of[i] = (struct gcov_file){
			        .words = {file.version, file.stamp, file.checksum},
			        .functions = file.functions,
			        .counters = n->counters - before};
	}
	return 0;
}

static int fill_layout(struct rshi_unit *u, struct sizes n)
{
	size_t files = sizeof(struct gcov_layout) + n.files * sizeof(struct gcov_file);
	size_t functions = n.functions * sizeof(struct gcov_function);
	size_t size = files + functions + n.kinds * sizeof(struct gcov_kind);
	struct gcov_layout *l = rshi_cover_map(size);

	if (!l)
		return ENOMEM;
	l->files = n.files;
	l->runs = n.kinds;
	l->functions = (struct gcov_function *)((char *)l + files);
	l->kinds = (struct gcov_kind *)((char *)l + files + functions);
	walk(u, &n, l, NULL);
	u->layout = l;
	u->layout_size = size;
	u->functions = n.files;
	u->counters = 0; /* gcov's own business: docs/formats.md */
	u->copy_size = n.counters * sizeof(uint64_t);
	return 0;
}

static int layout_of(struct rshi_unit *u)
{
	struct gcov_places *p;
	struct sizes n;
	size_t size;
	int err = walk(u, &n, NULL, NULL);

	if (err)
		return err;
	size = sizeof(*p) + n.kinds * sizeof(p->first[0]);
	p = rshi_cover_map(size);
	if (!p)
		return ENOMEM;
	walk(u, &n, NULL, p);
	if (!u->layout)
		err = fill_layout(u, n);
	if (err) {
		rshi_cover_unmap(p, size);
		return err;
	}
	u->live_layout = p;
	u->live_layout_size = size;
	return 0;
}

static void identity_of(const struct rshi_unit *u, struct rshi_sink *s)
{
	uint64_t files = file_count(u);

	rshi_put_var(s, files);
	for (uint64_t i = 0; i < files; i++) {
		struct rsh_cover_gcov_file file;

		/* It succeeded when the unit was laid out. */
		if (unit_of(u)->file(info_of(u, i), &file) != 0)
			continue;
		rshi_put_str(s, file.name);
		rshi_put_u32(s, file.stamp);
	}
}

int rsh_cover_unit_register_gcov(struct rsh_cover_gcov_unit *unit)
{
	if (!unit || unit->unit.abi != sizeof(*unit) || unit->unit.engine != RSH_COVER_GCOV)
		return EINVAL;
	return rshi_cover_add(&unit->unit, &engine, rshi_cover_gcov_sig());
}
