/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_COMMENT_H
#define RSH_CPUPROF_COMMENT_H

/* What a profile says about itself: which clock, and what became of the samples. */

#include "output.h"

/* Put it into the profile, with the output's lock. Returns 0 or ENOMEM. */
int rshi_comment(const struct rshi_output *out, const struct rsh_cpuprof_stats *stats);

#endif /* RSH_CPUPROF_COMMENT_H */
