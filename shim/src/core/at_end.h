/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_AT_END_H
#define RSH_CORE_AT_END_H

/*
 * What a process records because a variable of its environment says so, and writes to a file when
 * it ends by return from main, exit or quick_exit. What is wrong is told in one line on stderr; the
 * exit status is what it would have been.
 */

#include <stdint.h>

#include <raceshim/writer.h>

#include "files.h"
#include "lock.h"

struct rshi_at_end {
	/* immutable */
	const char *variable; /* PATH[:MORE], as in wish.h */
	const char *what;     /* is recorded: "CPU profile" */
	/*
	 * A public function of the feature. There may be several copies of the library in a process:
	 * whoever finds another one of that name leaves it to that copy, which is in a library and so
	 * comes first, unless @is_idle says of it that it does not record.
	 */
	const char *symbol;
	const void *own;
	int (*is_idle)(void); /* or NULL */
	/*
	 * Not 0: what is recorded is what a copy is told by those who call it, so a copy in the program
	 * leaves it to nobody, and others leave it to that. The type of its note, in program.h.
	 */
	uint32_t note;

	/* Take the variable's value apart, the path into RSHI_PATH_MAX bytes. NULL, or what is
	   wrong. */
	const char *(*parse)(const char *value, char *pattern);
	int (*begin)(void); /* begin to record; 0 or an errno constant */
	void (*end)(void);  /* record no more; or NULL */
	/*
	 * What an error of @begin means, or NULL: what it always means. Or the whole is NULL. With
	 * @is_optional ENOSYS is no error in a process that has several copies, or may have: nothing
	 * to record comes to this one.
	 */
	const char *(*explain)(int err);
	int is_optional;
	int (*write)(const struct rsh_writer *writer); /* what was recorded; or NULL: */
	int (*finish)(void); /* record no more; @path has been written all along. 0 or an error */

	/* written before main or in a forked child, by its only thread; immutable then */
	char pattern[RSHI_PATH_MAX];
	char path[RSHI_PATH_MAX];
	int pid;
	uint32_t is_active; /* atomic */

	struct rshi_lock ending; /* held by who writes; the others in exit wait for it */
	int has_ended;           /* guarded by it */
};

/* Read the variable and do what it says. Before main. Returns 1 if it records from now on. */
int rshi_at_end_start(struct rshi_at_end *a);

/*
 * In a forked child, when what is recorded is in order: the child records too, and writes a file of
 * its own. Does nothing unless the parent records.
 */
void rshi_at_end_forked(struct rshi_at_end *a);

/* Say "raceshim: WHAT: WHY" on stderr if it records; @why may be NULL. */
void rshi_at_end_say(const struct rshi_at_end *a, const char *what, const char *why);

#endif /* RSH_CORE_AT_END_H */
