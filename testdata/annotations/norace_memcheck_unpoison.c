/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_asan_unpoison.c, judged by Memcheck.
 *
 * detector: memcheck
 * control: InvalidWrite in update_header
 * annotation: RSH_MEM_UNPOISON
 */
#include "norace_asan_unpoison.c"
