/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COVER_EDGES_SLABS_H
#define RSH_COVER_EDGES_SLABS_H

/*
 * Where edges are counted: in each link unit every thread has a *slab*, a counter for each edge,
 * that only it writes to. So counting is one plain instruction, without a lock, and exact.
 *
 * Slabs only grow. A thread that has ended leaves its slab, counts included, to the next thread
 * that needs one: nothing is added up, and nothing can be lost or counted twice on the way. What an
 * edge has been counted is the sum over all slabs and the guard itself, where whoever can have no
 * slab counts; what it has been counted since a clear is that sum minus the one at the clear, which
 * the reader remembers. Nobody but the owner ever writes to a slab.
 *
 * A slab is taken over when the kernel says that its owner is gone, for there is nothing at a
 * thread's end that runs behind all instrumented code: a destructor of a pthread key is followed by
 * those of other keys, by those of thread-local objects in other orders, and by signal handlers.
 *
 * Everything here is lock-free, async-signal-safe, and used by ordinary code as well.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/cover_edges.h>

/* Counts become 0 in @n numbers at @counts; then every count of @s is added to its number. */
void rshi_slabs_read_sig(const struct rsh_cover_slabs *s, uint64_t *counts);

/*
 * The unit is being unloaded, and its counts have been kept: what the slabs hold is given back. The
 * slabs themselves stay, since a destructor also runs at exit, when threads still count; only once
 * another unit is where this one was (rshi_slabs_reclaim_sig()) are they unmapped. Calls of both
 * functions have to be serialised.
 */
void rshi_slabs_forget_sig(struct rsh_cover_slabs *s);
void rshi_slabs_reclaim_sig(const struct rsh_cover_slabs *s);

#endif /* RSH_COVER_EDGES_SLABS_H */
