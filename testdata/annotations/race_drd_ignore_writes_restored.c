/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race_ignore_writes_restored.c, judged by DRD.
 *
 * detector: drd
 * report: data race in other
 * control: clean
 * annotation: RSH_RACE_IGNORE_WRITES_END
 * helper: helper_hidden.c
 */
#include "race_ignore_writes_restored.c"
