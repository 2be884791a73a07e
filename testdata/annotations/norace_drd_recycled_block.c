/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_recycled_block.c, judged by DRD.
 *
 * detector: drd
 * control: data race in second
 * annotation: RSH_RACE_NEW_MEMORY
 * helper: helper_hidden.c
 */
#include "norace_recycled_block.c"
