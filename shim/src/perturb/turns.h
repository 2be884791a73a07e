/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_PERTURB_TURNS_H
#define RSH_PERTURB_TURNS_H

/*
 * Threads take turns: of those that could go on, the one with the highest priority does, until it
 * waits for something, ends, or loses its priority. So the schedule is made here, and not by the
 * system, as far as the events are met.
 *
 * A thread that has the turn and is at no event for a while (it computes, sleeps, or waits where
 * nobody has told of it) loses the turn, and one that has waited long for it gets it: whatever the
 * program does, all threads go on.
 */

#include <stdbool.h>
#include <stdint.h>

#include "perturb.h"

/* Prepare. Return whether threads can take turns. */
bool rshi_turns_init(uint64_t seed);
/* The calling thread begins, and chance is its own. */
void rshi_turns_begin(uint64_t chance);
/* The calling thread is at an event: return when it may go on. `rshi_mine.inside` is set. */
void rshi_turns_event(enum rshi_event event, const void *object);

#endif /* RSH_PERTURB_TURNS_H */
