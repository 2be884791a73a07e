/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_FLIGHT_SAVE_H
#define RSH_TRACE_FLIGHT_SAVE_H

/*
 * Files of what the flight recorder knows, which a process leaves by itself: beside each report of
 * ThreadSanitizer, and before a signal kills it.
 */

#include <stdint.h>

#include "core/files.h"

#define RSHI_FLIGHT_FILES 16 /* of one process, at most */

struct rshi_flight_files {
	/* immutable while `pid` is that of the process */
	char path[RSHI_PATH_MAX]; /* of the first file; others have .2, .3 and so on behind */
	int is_quiet;

	int pid;          /* atomic; 0: no files */
	uint32_t reports; /* atomic: that have been made */
	int busy;         /* atomic: thread id of who writes a file, or 0 */
	uint32_t files;   /* the writer's: that have been written */
};

extern struct rshi_flight_files rshi_flight_files_sig;

/* Write files from now on, beginning anew: @path has been set. By the only thread. */
void rshi_flight_files_begin_sig(void);

#endif /* RSH_TRACE_FLIGHT_SAVE_H */
