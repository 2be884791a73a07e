/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_LABELS_H
#define RSH_CPUPROF_LABELS_H

/*
 * Sets of labels. Each different set exists once, never changes and never goes away, so a handler
 * takes one along by its address, and equal sets have equal addresses.
 */

#include <stddef.h>
#include <stdint.h>

#define RSHI_LABELS_MAX  16   /* in a set */
#define RSHI_LABELS_SIZE 1000 /* bytes of a set's texts, at most */

/* Aligned to 16, so that the low bits of an address are free for other things. */
struct rshi_labels {
	const struct rshi_labels
	        *next;    /* in the table; guarded by its lock, the rest is immutable */
	uint32_t is_made; /* atomic */
	uint32_t hash;
	uint32_t n;    /* labels: as many pairs of texts, each with a NUL, sorted by key */
	uint32_t size; /* of the texts, in bytes */
	char texts[];
};

/* How many labels there are, and the first key; behind each text comes the next: keys, values. */
uint32_t rshi_labels_get(const struct rshi_labels *labels, const char **key);
const char *rshi_labels_next(const char *text);

/* Nobody is in the middle of something when the process forks. */
void rshi_labels_before_fork(void);
void rshi_labels_after_fork(void);

#endif /* RSH_CPUPROF_LABELS_H */
