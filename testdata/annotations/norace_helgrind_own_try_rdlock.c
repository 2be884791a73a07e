/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_own_try_rdlock.c, judged by Helgrind.
 *
 * detector: helgrind
 * control: data race in write_table, read_table
 * annotation: RSH_RACE_MUTEX_AFTER_TRYRDLOCK
 * helper: helper_hidden.c
 */
#include "norace_own_try_rdlock.c"
