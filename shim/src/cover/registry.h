/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COVER_REGISTRY_H
#define RSH_COVER_REGISTRY_H

/* What the registry does for the rest of the feature, outside handlers. */

#include "unit.h"

/* Memory of the library's own, zeroed; NULL if there is none. Detectors learn that it is new. */
void *rshi_cover_map(size_t size);
void rshi_cover_unmap(void *p, size_t size);

/* Take a unit's counters out; what they have counted is kept. An error: it is lost. */
int rshi_cover_remove(struct rsh_cover_unit *unit);

/* A meta unit in memory. */
struct rshi_meta {
	unsigned char *bytes;
	size_t size;
	int is_mine; /* not the unit's own, which is there for good */
};

/* Make the meta unit of a unit that is ready, with the lock held; give it back without. */
int rshi_cover_meta(struct rshi_unit *u, struct rshi_meta *meta);
void rshi_cover_meta_done(const struct rshi_meta *meta);

#endif /* RSH_COVER_REGISTRY_H */
