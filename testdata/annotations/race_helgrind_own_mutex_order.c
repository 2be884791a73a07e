/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_own_mutex_order.c, judged by Helgrind.
 *
 * detector: helgrind
 * report: LockOrder in left_then_right, right_then_left
 * control: clean
 * annotation: RSH_RACE_MUTEX_AFTER_LOCK
 * helper: helper_hidden.c
 */
#include "race_own_mutex_order.c"
