/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_own_mutex.c, judged by DRD.
 *
 * detector: drd
 * control: data race in withdrawer
 * annotation: RSH_RACE_MUTEX_AFTER_LOCK RSH_RACE_MUTEX_BEFORE_UNLOCK
 * helper: helper_hidden.c
 */
#include "norace_own_mutex.c"
