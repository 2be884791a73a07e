/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_own_once.c, judged by Helgrind.
 *
 * detector: helgrind
 * control: data race in initialise, use_table
 * annotation: RSH_RACE_ONCE_DONE RSH_RACE_ONCE_SEEN
 * helper: helper_hidden.c
 */
#include "norace_own_once.c"
