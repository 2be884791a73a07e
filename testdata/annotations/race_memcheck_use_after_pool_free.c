/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_asan_use_after_pool_free.c, judged by Memcheck.
 *
 * detector: memcheck
 * report: InvalidRead in read_stale
 * control: clean
 * annotation: RSH_MEM_FREE
 */
#include "race_asan_use_after_pool_free.c"
