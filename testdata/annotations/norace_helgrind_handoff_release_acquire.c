/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_handoff_release_acquire.c, judged by Helgrind.
 *
 * detector: helgrind
 * control: data race in fill_message, use_message
 * annotation: RSH_RACE_RELEASE RSH_RACE_ACQUIRE
 * helper: helper_hidden.c
 */
#include "norace_handoff_release_acquire.c"
