/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_asan_recycled_block.c, judged by Memcheck.
 *
 * detector: memcheck
 * control: InvalidWrite in write_fresh
 * annotation: RSH_MEM_MALLOC
 */
#include "norace_asan_recycled_block.c"
