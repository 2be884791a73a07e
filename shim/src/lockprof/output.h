/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_LOCKPROF_OUTPUT_H
#define RSH_LOCKPROF_OUTPUT_H

/* Both profiles as one file of profile.proto, and the environment variable that asks for it. */

#include <raceshim/lockprof.h>
#include <raceshim/writer.h>

struct rshi_at_end;

/* The environment variable that asks for one. */
extern struct rshi_at_end rshi_lockprof_at_end;

/* As rsh_lockprof_write(), without telling a detector. */
int rshi_lockprof_write(const struct rsh_writer *w);

/* From now on these are the rates; the first time, or in a forked child, nothing was counted. */
void rshi_lockprof_note(const struct rsh_lockprof_options *options);
void rshi_lockprof_note_fork(void);

#endif /* RSH_LOCKPROF_OUTPUT_H */
