/* SPDX-License-Identifier: BSD-2-Clause */
/* What was allocated, and what is in use, as profile.proto. */

#include <errno.h>

#include <raceshim/heapprof.h>

#include "core/files.h"
#include "core/text.h"
#include "encode/pprof.h"
#include "output.h"
#include "sites.h"

#define LINE 256

enum { ALLOC_OBJECTS, ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE, TYPES };

/* The names that Go has given them, which tools know. */
static const struct rshi_pprof_type types[TYPES] = {
        [ALLOC_OBJECTS] = {"alloc_objects", "count"},
        [ALLOC_SPACE] = {"alloc_space", "bytes"},
        [INUSE_OBJECTS] = {"inuse_objects", "count"},
        [INUSE_SPACE] = {"inuse_space", "bytes"},
};

static int add(void *arg, const struct rshi_heap_site *site)
{
	struct rshi_pprof *profile = arg;
	const int64_t values[TYPES] = {
	        [ALLOC_OBJECTS] = (int64_t)site->alloc_objects,
	        [ALLOC_SPACE] = (int64_t)site->alloc_bytes,
	        [INUSE_OBJECTS] = (int64_t)(site->alloc_objects - site->free_objects),
	        [INUSE_SPACE] = (int64_t)(site->alloc_bytes - site->free_bytes),
	};

	if (!site->n)
		return rshi_pprof_add_pseudo(profile, "_LostStacks", values);
	return rshi_pprof_add(profile, site->pcs, site->n, values, NULL, 0);
}

static int comment(struct rshi_pprof *profile, const struct rsh_heapprof_stats *stats)
{
	char line[LINE];
	struct rshi_text t;
	int err;

	rshi_text_begin(&t, line, sizeof(line));
	if (stats->rate == 1) {
		rshi_text_add(&t, "every object");
	} else if (stats->rate) {
		rshi_text_add(&t, "one sample in ");
		rshi_text_number(&t, stats->rate);
		rshi_text_add(&t, " bytes");
	} else {
		rshi_text_add(&t, "nothing is sampled any more");
	}
	rshi_text_add(&t, stats->hooks ? "; allocations by the detector" : "");
	err = rshi_pprof_comment(profile, line);
	if (err)
		return err;
	rshi_text_begin(&t, line, sizeof(line));
	rshi_text_add(&t, "accepted ");
	rshi_text_number(&t, stats->sampled);
	rshi_text_add(&t, " objects, lost ");
	rshi_text_number(&t, stats->lost);
	return rshi_pprof_comment(profile, line);
}

/* Objects that were sampled, and that nobody knows more of. */
static int add_lost(struct rshi_pprof *profile, uint64_t lost)
{
	const int64_t values[TYPES] = {[ALLOC_OBJECTS] = (int64_t)lost};

	return lost ? rshi_pprof_add_pseudo(profile, "_LostObjects", values) : 0;
}

int rshi_heap_write(const struct rsh_writer *w)
{
	struct rsh_heapprof_stats stats;
	struct rshi_pprof_options options = {
	        .types = types,
	        .n_types = TYPES,
	        .default_type = types[INUSE_SPACE].type,
	        .period_type = {"space", "bytes"},
	        .called = 1,
	};
	struct rshi_pprof *profile;
	int err;

	rshi_heap_stats(&stats);
	if (!stats.rate && !stats.sampled)
		return ESRCH;
	options.period = (int64_t)stats.rate;
	err = rshi_pprof_create(&options, &profile);
	if (err)
		return err;
	err = rshi_heap_sites(add, profile);
	if (!err)
		err = add_lost(profile, stats.lost);
	if (!err)
		err = comment(profile, &stats);
	/* No lock is held: the writer may take its time. */
	if (!err)
		err = rshi_pprof_write(profile, (int64_t)rshi_now_sig(), 0, w);
	rshi_pprof_destroy(profile);
	return err;
}
