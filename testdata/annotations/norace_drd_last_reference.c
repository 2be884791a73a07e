/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_last_reference.c, judged by DRD.
 *
 * detector: drd
 * control: data race in late
 * annotation: RSH_RACE_HAPPENS_BEFORE RSH_RACE_HAPPENS_AFTER
 * helper: helper_hidden.c
 */
#include "norace_last_reference.c"
