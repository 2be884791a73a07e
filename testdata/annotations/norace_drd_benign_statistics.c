/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_benign_statistics.c, judged by DRD.
 *
 * detector: drd
 * control: data race in console
 * annotation: RSH_RACE_BENIGN
 * helper: helper_hidden.c
 */
#include "norace_benign_statistics.c"
