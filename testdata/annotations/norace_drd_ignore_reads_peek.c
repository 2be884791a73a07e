/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_ignore_reads_peek.c, judged by DRD.
 *
 * detector: drd
 * control: data race in display
 * annotation: RSH_RACE_IGNORE_READS_BEGIN RSH_RACE_IGNORE_READS_END
 * helper: helper_hidden.c
 */
#include "norace_ignore_reads_peek.c"
