/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_FOLLOW_H
#define RSH_CPUPROF_FOLLOW_H

#include "core/births.h"

/* Gives each new thread its slot, and takes it back. */
extern const struct rshi_follower rshi_cpuprof_follower_sig;

#endif /* RSH_CPUPROF_FOLLOW_H */
