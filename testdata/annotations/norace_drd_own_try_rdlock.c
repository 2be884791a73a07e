/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_own_try_rdlock.c, judged by DRD.
 *
 * detector: drd
 * control: data race in reader
 * annotation: RSH_RACE_MUTEX_AFTER_TRYRDLOCK
 * helper: helper_hidden.c
 */
#include "norace_own_try_rdlock.c"
