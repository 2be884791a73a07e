/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COVER_END_H
#define RSH_COVER_END_H

/*
 * What a process leaves behind by itself, if RACESHIM_COVERDIR says where: its meta files at start,
 * and one counters file at its end, whatever that end is.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/files.h"
#include "store.h"
#include "unit.h"

/* Written by rshi_end_start() before `active` is set, immutable then unless a field says otherwise. */
struct rshi_end {
	int active;          /* there is a directory; atomic: an error at start ends it */
	int unset;           /* there is no variable, and nobody has been told; atomic */
	int fd;              /* of the directory */
	struct rshi_file at; /* what fd refers to: the program may close it, and open another */
	char dir[RSHI_PATH_MAX];
	int pid;         /* atomic: another one in a forked child */
	int complained;  /* about the file; atomic */
	uint32_t writer; /* atomic: thread id of who writes the file, RSHI_DONE after the last */
	uint64_t time;   /* the writer's: of the file that it has written, or 0 */
};

#define RSHI_DONE 0xffffffffu

extern struct rshi_end rshi_end_sig;

static inline int rshi_end_is_active(void)
{
	/* [CE2] acquire, pairs with [CE1]: directory and handlers are there */
	return __atomic_load_n(&rshi_end_sig.active, __ATOMIC_ACQUIRE);
}

/* Without the lock, once: the environment, the hooks, the handlers. */
void rshi_end_start(void);

/* Say once that RACESHIM_COVERDIR is not set, if that is so. */
void rshi_end_warn(void);

/* With the lock held: the memory that the end of a new unit needs. */
void rshi_end_reserve(struct rshi_unit *u);

/* Without the lock: the meta file of a unit, or a word about what went wrong. */
void rshi_end_meta(struct rshi_unit *u);

/*
 * The rest is async-signal-safe.
 */

/* The directory, with a descriptor that @close says is to be closed. */
int rshi_end_directory_sig(int *dir, int *close);

/*
 * Write the counters file of the process, unless the last has been written. Unless this is the
 * @last, because the process may go on after all, what is written later replaces it. Returns an
 * error if it could not be written; 0 also if there was nothing to do.
 */
int rshi_end_write_sig(int last);

/* Wait until nobody writes the last file any more. */
void rshi_end_wait_sig(void);

/* In a forked child: it has written nothing yet. */
void rshi_end_forked_sig(void);

/* Install handlers for what kills a process. */
void rshi_end_catch_sig(void);

/* A line on stderr: "raceshim: <what><detail>: <why>"; @why may be NULL. */
void rshi_end_say_sig(const char *what, const char *detail, const char *why);

/* The counters file could not be written: told once. */
void rshi_end_complain_sig(const char *why, int err);

#endif /* RSH_COVER_END_H */
