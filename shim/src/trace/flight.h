/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_FLIGHT_H
#define RSH_TRACE_FLIGHT_H

/*
 * The flight recorder: the last generations, whole, in memory of its own. Buffers are copied when
 * they are complete, so it and the reader of a trace do not wait for each other.
 */

#include <stddef.h>
#include <stdint.h>

#include "generations.h"

/* Held by who starts or stops it, before the control. */
extern struct rshi_lock rshi_flight_switch;

/* With the control: memory for a generation that is about to begin. */
void rshi_flight_prepare(uint64_t number);

/* With the trace lock: a generation begins; a buffer of it is complete. */
void rshi_flight_begin(const struct rshi_generation *g);
void rshi_flight_add(uint64_t number, const unsigned char *bytes, size_t n, uint64_t events);

/* With the control: a generation is over. What is too old or too much is forgotten. */
void rshi_flight_end(const struct rshi_generation *g);

/* In a forked child: nothing is kept, and nobody keeps. */
void rshi_flight_forked(void);

#endif /* RSH_TRACE_FLIGHT_H */
