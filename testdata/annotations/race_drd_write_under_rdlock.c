/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_write_under_rdlock.c, judged by DRD.
 *
 * detector: drd
 * report: data race in second
 * control: clean
 * annotation: RSH_RACE_MUTEX_AFTER_RDLOCK RSH_RACE_MUTEX_BEFORE_RDUNLOCK
 * helper: helper_hidden.c
 */
#include "race_write_under_rdlock.c"
