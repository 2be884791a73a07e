/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COVER_UNIT_H
#define RSH_COVER_UNIT_H

/*
 * The registry: every link unit that counts, or did before it was unloaded, and every array of
 * counters that the program registered.
 *
 * An engine is how a unit counts. It is a set of functions; the registry, the encoders, the files
 * and the hooks know nothing else about it. To add one: fill a struct rshi_cover_engine, give it a
 * registration function of its own (in a file of its own, so that programs that do not use it do
 * not link it) that calls rshi_cover_add(), and take rsh_cover_unit_unregister() as it is.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/cover_unit.h>

#include "core/files.h"
#include "core/lock.h"
#include "sink.h"

struct rshi_unit;

/*
 * All functions run with the registry's lock held, except records and live, which look at a copy and
 * at u->layout only: between the sweep and the encoding the unit may have been unloaded.
 *
 * A *copy* is a block of copy_size bytes, aligned to 16, whose contents are the engine's.
 */
struct rshi_cover_engine {
	/*
	 * Look at the registered unit (u->live) once: set u->functions, u->counters, u->copy_size,
	 * and whatever u->layout has to say. Called again when the same unit is loaded once more.
	 */
	int (*layout)(struct rshi_unit *u);
	/*
	 * Read every live counter once into @copy, all of which is written: it is not zeroed. With
	 * @clear each counter is exchanged for zero.
	 */
	void (*sweep)(const struct rshi_unit *u, void *copy, int clear);
	/* Every live counter that is not zero becomes zero. */
	void (*clear)(const struct rshi_unit *u);
	/* Add @from to @into by the rule of the unit's mode. */
	void (*fold)(const struct rshi_unit *u, void *into, const void *from);
	/* The identity behind build id and compiler. Only while the unit is loaded. */
	void (*identity)(const struct rshi_unit *u, struct rshi_sink *s);
	/* The body of a counters unit; returns the number of records. */
	uint64_t (*records)(const struct rshi_unit *u, const void *copy, struct rshi_sink *s);
	/* Functions of which @copy has a counter that is not zero. */
	uint64_t (*live)(const struct rshi_unit *u, const void *copy);
};

#define RSHI_BUILD_ID_MAX 64

/* Written under the lock, and read with it held unless a field says otherwise. */
struct rshi_unit {
	struct rshi_unit *next; /* atomic; units are never taken out of the list */

	/* Immutable once the unit is in the list. */
	const struct rshi_cover_engine *ops;     /* for ordinary code */
	const struct rshi_cover_engine *ops_sig; /* for handlers and the end of the process */
	uint8_t engine;
	uint8_t mode;
	uint8_t counter_size;
	uint8_t is_program;
	char path[RSHI_PATH_MAX];
	char build_id[2 * RSHI_BUILD_ID_MAX + 1];

	/*
	 * By the engine, in rshi_cover_lay_out(), and the hash in rshi_cover_ready(). From then on
	 * immutable, and read without the lock.
	 */
	int laid_out;
	int ready;
	int err; /* why the unit cannot be written, or 0 */
	uint64_t functions;
	uint64_t counters;
	size_t copy_size;
	unsigned char hash[16];
	void *layout; /* the engine's; what records() reads */
	size_t layout_size;

	const struct rsh_cover_unit *live; /* NULL: unloaded */
	void *live_layout;                 /* the engine's; what sweep() and clear() read */
	size_t live_layout_size;
	unsigned char *meta; /* the whole meta unit, once the unit has been unloaded */
	size_t meta_size;
	void *kept;    /* a copy: what was counted when the unit was loaded before; or NULL */
	void *reserve; /* a copy for the end of the process; or NULL */
};

/* The one registry of the process. */
struct rshi_cover {
	struct rshi_lock lock;
	struct rshi_unit *first; /* atomic */
	int err;                 /* a unit could not be registered at all */
};

extern struct rshi_cover rshi_cover_sig;

static inline struct rshi_unit *rshi_unit_first(void)
{
	/* [CU2] acquire, pairs with [CU1]: the unit is complete */
	return __atomic_load_n(&rshi_cover_sig.first, __ATOMIC_ACQUIRE);
}

static inline struct rshi_unit *rshi_unit_next(const struct rshi_unit *u)
{
	/* [CU4] acquire, pairs with [CU3]: likewise */
	return __atomic_load_n(&u->next, __ATOMIC_ACQUIRE);
}

/*
 * Register @unit, which the engine functions @ops understand: @ops for ordinary code, @ops_sig the
 * same functions in a file for handlers (both may be the latter). Sets unit->core.
 */
int rshi_cover_add(struct rsh_cover_unit *unit, const struct rshi_cover_engine *ops,
                   const struct rshi_cover_engine *ops_sig);

/* Make sure that the layout, or layout and hash, of @u are there, with the lock held. Return u->err.
 */
int rshi_cover_lay_out(struct rshi_unit *u);
int rshi_cover_ready(struct rshi_unit *u);

/* The counts of a unit now, those from before it was loaded again included, with the lock held. */
static inline void rshi_unit_sweep(struct rshi_unit *u, const struct rshi_cover_engine *ops,
                                   void *copy, int clear)
{
	if (u->live)
		ops->sweep(u, copy, clear);
	else
		rsh_memset_sig(copy, 0, u->copy_size);
	if (u->kept) {
		ops->fold(u, copy, u->kept);
		if (clear)
			rsh_memset_sig(u->kept, 0, u->copy_size);
	}
}

/* All counts of all units become zero, with the lock held. */
void rshi_cover_clear_all(void);

#endif /* RSH_COVER_UNIT_H */
