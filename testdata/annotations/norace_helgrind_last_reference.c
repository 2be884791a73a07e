/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_last_reference.c, judged by Helgrind.
 *
 * detector: helgrind
 * control: data race in use_object, tear_down
 * annotation: RSH_RACE_HAPPENS_BEFORE RSH_RACE_HAPPENS_AFTER
 * helper: helper_hidden.c
 */
#include "norace_last_reference.c"
