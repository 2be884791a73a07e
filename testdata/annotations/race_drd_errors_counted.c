/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_errors_counted.c, judged by DRD.
 *
 * detector: drd
 * report: data race in getter
 * control: crash or data race in getter
 * annotation: RSH_DEFINE_RACE_ERRORS rsh_race_errors
 * stdout: 1
 * helper: helper_hidden.c
 */
#include "race_errors_counted.c"
