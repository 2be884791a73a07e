/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_msan_recycled_block.c, judged by Memcheck.
 *
 * detector: memcheck
 * report: UninitCondition in read_garbage
 * control: clean
 * annotation: RSH_MEM_MALLOC
 */
#include "race_msan_recycled_block.c"
