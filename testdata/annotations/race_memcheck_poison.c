/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_asan_poison.c, judged by Memcheck.
 *
 * detector: memcheck
 * report: InvalidWrite in touch_header
 * control: clean
 * annotation: RSH_MEM_POISON
 */
#include "race_asan_poison.c"
