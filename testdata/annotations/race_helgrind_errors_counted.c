/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_errors_counted.c, judged by Helgrind.
 *
 * detector: helgrind
 * report: data race in put, get
 * control: crash or data race in put, get
 * annotation: RSH_DEFINE_RACE_ERRORS rsh_race_errors
 * stdout: 1
 * helper: helper_hidden.c
 */
#include "race_errors_counted.c"
