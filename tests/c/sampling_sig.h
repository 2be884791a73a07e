/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_SAMPLING_H
#define RSH_TESTS_SAMPLING_H

/* A small profiler for the tests: a handler that walks the stack into a pool of rings. */

#include <stdint.h>

#include "core/pool.h"

#define SAMPLING_SIGNAL 12 /* SIGUSR2 */
#define SAMPLING_HEADER 2  /* the thread's number of the sample, and why its stack ended */

/* Install the handler, for samples into @pool. Returns 0 or an errno constant. */
int sampling_start_sig(struct rshi_pool *pool);

/* Sample the calling thread @n times, each signal handled before the next one is sent. */
void sampling_take_sig(uint32_t n);

/* Count the calling thread's next samples as lost, for this reason; RSHI_LOST_CLASSES: not any
 * more.
 */
void sampling_lose_sig(enum rshi_lost why);

/* The calling thread is about to end. */
void sampling_end_thread_sig(void);

/* How many samples the handler has taken in all, in all threads. */
uint64_t sampling_count_sig(void);

#endif /* RSH_TESTS_SAMPLING_H */
