/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_CREATE_H
#define RSH_CPUPROF_CREATE_H

/*
 * Threads that are made by pthread_create(), sampled from their first instruction to their last.
 *
 * Our pthread_create() stands before libc's, and before or behind a detector's: in a shared library
 * the next one in the linker's order is called; in a program that a detector's runtime is linked
 * into, which defines it weakly, the runtime's.
 */

struct rshi_slot;

/*
 * Where a new thread begins, before the detector knows it: takes its slot and goes on to what it was
 * made for. @keep sets up that the thread says when it ends.
 */
void *rshi_thread_begin_sig(void *slot);
void rshi_thread_set_keep_sig(void (*keep)(void));

/* Before the first session: what threads need that are made from then on. */
void rshi_create_prepare(void);

#endif /* RSH_CPUPROF_CREATE_H */
