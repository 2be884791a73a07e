/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_SLOTS_H
#define RSH_CPUPROF_SLOTS_H

/*
 * The table of the threads that are sampled: who comes in, and who leaves.
 *
 * A thread gets a slot from who makes it, if that is our pthread_create(), or when it is found in the
 * kernel's listing; and leaves when it says so, or when it is in the listing no more. None of this is
 * for signal handlers but rshi_slot_find_sig(); it calls nothing that a detector intercepts, since
 * a thread may not be known to the detector yet, or not any more.
 */

#include "session.h"

/* The slot of a thread that is sampled, or was until just now; NULL if there is none. */
struct rshi_slot *rshi_slot_find_sig(int tid);

/*
 * A slot for a thread that is about to be made; NULL if there is no session or no slot. Then either
 * the new thread enters, or nobody does.
 */
struct rshi_slot *rshi_slot_reserve_sig(void);
void rshi_slot_cancel_sig(struct rshi_slot *slot);

/* The calling thread has just been made, or ends. */
void rshi_slot_enter_sig(struct rshi_slot *slot);
void rshi_slot_leave_sig(void);

/* Look at the kernel's listing of threads. Returns 0, or why there is none. */
int rshi_slots_scan_sig(void);

/* The names of threads as @name, of RSHI_NAME bytes; empty if it is not known. */
void rshi_slot_name_sig(int tid, char *name);

/* Begin with no threads, or end: stop all clocks, when nobody is in the handler any more. */
int rshi_slots_begin_sig(void);
void rshi_slots_end_sig(void);

/* In a forked child, with the lock: the threads were the parent's, and the clocks still are. */
void rshi_slots_forked_sig(void);

/* How many threads of the first few hundred block the signal. */
uint32_t rshi_slots_blocked_sig(void);

#endif /* RSH_CPUPROF_SLOTS_H */
