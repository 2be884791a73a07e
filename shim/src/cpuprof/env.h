/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_ENV_H
#define RSH_CPUPROF_ENV_H

/* RACESHIM_CPUPROFILE=PATH[:HZ[:CLOCK]]: a profile of the whole process, written at its end. */

#include <raceshim/cpuprof.h>

/*
 * Take the variable's value apart, the path into RSHI_PATH_MAX bytes. Returns NULL, or what is wrong
 * with it.
 */
const char *rshi_cpuprof_wish(const char *value, struct rsh_cpuprof_options *o, char *pattern);

/* The program has taken SIGPROF away: say so, once, if there is somebody to say it to. */
void rshi_env_taken(void);

#endif /* RSH_CPUPROF_ENV_H */
