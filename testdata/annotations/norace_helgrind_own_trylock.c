/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_own_trylock.c, judged by Helgrind.
 *
 * detector: helgrind
 * control: data race in fill_queue, drain_queue
 * annotation: RSH_RACE_MUTEX_AFTER_TRYLOCK
 * helper: helper_hidden.c
 */
#include "norace_own_trylock.c"
