/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_swap_release_acquire.c, judged by Helgrind.
 *
 * detector: helgrind
 * control: data race in fill_box, open_box
 * annotation: RSH_RACE_RELEASE_ACQUIRE
 * helper: helper_hidden.c
 */
#include "norace_swap_release_acquire.c"
