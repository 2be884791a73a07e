/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_ignore_writes_cache.c, judged by DRD.
 *
 * detector: drd
 * control: data race in other
 * annotation: RSH_RACE_IGNORE_WRITES_BEGIN RSH_RACE_IGNORE_WRITES_END
 * helper: helper_hidden.c
 */
#include "norace_ignore_writes_cache.c"
