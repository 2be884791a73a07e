/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_own_once.c, judged by DRD.
 *
 * detector: drd
 * control: data race in user
 * annotation: RSH_RACE_ONCE_DONE RSH_RACE_ONCE_SEEN
 * helper: helper_hidden.c
 */
#include "norace_own_once.c"
