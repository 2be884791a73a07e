/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_HEAPPROF_SESSION_H
#define RSH_HEAPPROF_SESSION_H

/* The beginning of the profile, and its rate. */

#include <stdint.h>

/* As rsh_heapprof_rate(). */
int rshi_heap_set_rate(uint64_t rate);

#endif /* RSH_HEAPPROF_SESSION_H */
