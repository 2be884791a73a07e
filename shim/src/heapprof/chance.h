/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_CHANCE_H
#define RSH_HEAPPROF_CHANCE_H

/*
 * Chance. Gaps between samples have an exponential distribution, so whether a byte is sampled does
 * not depend on those before, and an object of S bytes is with probability 1 - exp(-S / rate). It
 * then stands for the inverse of that.
 */

#include <stdint.h>

/* The next number of a generator, which begins by itself from what differs between threads. */
uint64_t rshi_chance_sig(uint64_t *state);

/* Bytes up to the next sample, the sampled one included. */
uint64_t rshi_chance_gap_sig(uint64_t *state, uint64_t rate);

/* For how many objects one stands that counts as @weight bytes: a whole number, whose mean is right. */
uint64_t rshi_chance_count_sig(uint64_t *state, uint64_t rate, uint64_t weight);

#endif /* RSH_HEAPPROF_CHANCE_H */
