/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_release_merges.c, judged by Helgrind.
 *
 * detector: helgrind
 * control: data race in fill_left, use_both
 * annotation: RSH_RACE_RELEASE
 * helper: helper_hidden.c
 */
#include "norace_release_merges.c"
