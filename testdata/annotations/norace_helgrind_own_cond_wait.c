/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_own_cond_wait.c, judged by Helgrind.
 *
 * detector: helgrind
 * control: Misc in take_mutex or UnlockForeign in own_unlock
 * annotation: RSH_RACE_COND_BEFORE_WAIT RSH_RACE_COND_AFTER_WAIT
 * helper: helper_hidden.c
 */
#include "norace_own_cond_wait.c"
