/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_ignore_reads_restored.c, judged by DRD.
 *
 * detector: drd
 * report: data race in display
 * control: clean
 * annotation: RSH_RACE_IGNORE_READS_END
 * helper: helper_hidden.c
 */
#include "race_ignore_reads_restored.c"
