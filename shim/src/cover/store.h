/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COVER_STORE_H
#define RSH_COVER_STORE_H

/*
 * Files that are complete when they have their name. Everything here is async-signal-safe, and used
 * by ordinary code as well.
 */

#include <stddef.h>
#include <stdint.h>

#include "sink.h"
#include "unit.h"

#define RSHI_NAME_MAX 160

struct rshi_store {
	int dir;
	int fd;
	char name[RSHI_NAME_MAX];
	char temporary[RSHI_NAME_MAX];
};

/* Nanoseconds since 1970, never the same twice in a process. */
uint64_t rshi_unique_time_sig(void);

/* "covmeta.<hash>", "covcounters.<hash>.<pid>.<time>": to store->name. */
void rshi_name_meta_sig(struct rshi_store *store, const unsigned char hash[16]);
void rshi_name_counters_sig(struct rshi_store *store, const unsigned char hash[16], uint64_t pid,
                            uint64_t time);

/* Open the file for writing in @dir, under another name that @pid and @time make unique. */
int rshi_store_begin_sig(struct rshi_store *store, int dir, uint64_t pid, uint64_t time);

/* A sink's flush with the store as its argument. */
int rshi_store_write_sig(void *store, const void *bytes, size_t n);

/* Give the file its name if @err is 0; else, or if that fails, remove it. Returns the first error. */
int rshi_store_end_sig(struct rshi_store *store, int err, int keep);

/*
 * Is there a file store->name in @dir that is one intact meta unit with the first 12 bytes and the
 * hash of the one at @meta?
 */
int rshi_meta_is_intact_sig(const struct rshi_store *store, int dir, const unsigned char *meta);

/* Put the meta unit at @meta into @dir, unless it is there. */
int rshi_store_meta_sig(int dir, const struct rshi_unit *u, const unsigned char *meta, size_t n);

/* Decimal digits of @v with a NUL; returns the NUL's address. */
char *rshi_decimal_sig(char *to, uint64_t v);

#endif /* RSH_COVER_STORE_H */
