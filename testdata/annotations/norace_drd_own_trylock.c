/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_own_trylock.c, judged by DRD.
 *
 * detector: drd
 * control: data race in drainer
 * annotation: RSH_RACE_MUTEX_AFTER_TRYLOCK
 * helper: helper_hidden.c
 */
#include "norace_own_trylock.c"
