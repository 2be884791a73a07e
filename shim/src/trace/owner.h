/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_OWNER_H
#define RSH_TRACE_OWNER_H

/*
 * An owner is a thread of a process, and a number that makes each owner a different one: a thread
 * that looked long ago does not take from a new owner that has the old one's id. Process and thread
 * ids have 22 bits: PID_MAX_LIMIT. Nobody has thread id 0.
 *
 * Threads of another process are one's own parent's, from before a fork; or those of a vfork child,
 * whose thread-local storage is its parent's, who goes on with what it has.
 */

#include <stdint.h>

#include "core/sys.h"

#define RSHI_OWNER_BITS 22
#define RSHI_OWNER_ID   (((uint64_t)1 << RSHI_OWNER_BITS) - 1)
#define RSHI_OWNER_WHO  (((uint64_t)1 << (2 * RSHI_OWNER_BITS)) - 1)
#define RSHI_OWNER_NEXT (RSHI_OWNER_WHO + 1)

static inline uint64_t rshi_owner_pid(uint64_t owner)
{
	return (owner & RSHI_OWNER_WHO) >> RSHI_OWNER_BITS;
}

static inline uint64_t rshi_owner_me(void)
{
	return (uint64_t)rshi_getpid_sig() << RSHI_OWNER_BITS | (uint64_t)rshi_gettid_sig();
}

/* What stands there once @who (or nobody, 0) has it after @old. */
static inline uint64_t rshi_owner_after(uint64_t old, uint64_t who)
{
	return (old & ~RSHI_OWNER_WHO) + RSHI_OWNER_NEXT + who;
}

#endif /* RSH_TRACE_OWNER_H */
