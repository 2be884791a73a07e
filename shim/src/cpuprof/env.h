/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_ENV_H
#define RSH_CPUPROF_ENV_H

/* RACESHIM_CPUPROFILE: a profile of the whole process, written at its end. */

#include "file.h"
#include "output.h"

/* What the variable says. */
struct rshi_wish {
	struct rsh_cpuprof_options options;
	char path[RSHI_PATH_MAX]; /* absolute; %p is still in it */
};

/* Take the variable's value apart. Returns NULL, or what is wrong with it. */
const char *rshi_wish_parse(const char *value, struct rshi_wish *wish);

/*
 * The path for process @pid; @is_first: it may have the name as it is. Returns 0 or ENAMETOOLONG.
 */
int rshi_wish_path(const struct rshi_wish *wish, uint64_t pid, int is_first, char *path,
                   size_t size);

/* The program has taken SIGPROF away: say so, once, if there is somebody to say it to. */
void rshi_env_taken(void);

/*
 * Whether the parent process has the library and was started with this value. Before main only.
 * What cannot be read does not say so.
 */
int rshi_parent_was_first(const char *variable, const char *value);

#endif /* RSH_CPUPROF_ENV_H */
