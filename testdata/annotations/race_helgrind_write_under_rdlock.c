/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_write_under_rdlock.c, judged by Helgrind.
 *
 * detector: helgrind
 * report: data race in write_first, write_second
 * control: clean
 * annotation: RSH_RACE_MUTEX_AFTER_RDLOCK RSH_RACE_MUTEX_BEFORE_RDUNLOCK
 * helper: helper_hidden.c
 */
#include "race_write_under_rdlock.c"
