/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_release_merges.c, judged by DRD.
 *
 * detector: drd
 * control: data race in consumer
 * annotation: RSH_RACE_RELEASE
 * helper: helper_hidden.c
 */
#include "norace_release_merges.c"
