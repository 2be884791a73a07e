/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_own_mutex_destroy_locked.c, judged by DRD.
 *
 * detector: drd
 * report: RwlockErr in destroy_mutex
 * control: clean
 * annotation: RSH_RACE_MUTEX_DESTROY
 * helper: helper_hidden.c
 */
#include "race_own_mutex_destroy_locked.c"
