/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_recycled_block.c, judged by Helgrind.
 *
 * detector: helgrind
 * control: data race in first_life, second_life
 * annotation: RSH_RACE_NEW_MEMORY
 * helper: helper_hidden.c
 */
#include "norace_recycled_block.c"
