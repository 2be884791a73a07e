/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_own_mutex_destroy_locked.c, judged by Helgrind.
 *
 * detector: helgrind
 * report: Misc in destroy_mutex
 * control: Misc in exit
 * annotation: RSH_RACE_MUTEX_DESTROY
 * helper: helper_hidden.c
 */
#include "race_own_mutex_destroy_locked.c"
