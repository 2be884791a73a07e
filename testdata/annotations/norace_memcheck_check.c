/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_asan_check.c, judged by Memcheck.
 *
 * detector: memcheck
 * control: InvalidRead in dump
 * annotation: RSH_MEM_CHECK
 */
#include "norace_asan_check.c"
