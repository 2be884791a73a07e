/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * norace_benign_statistics.c, judged by Helgrind.
 *
 * detector: helgrind
 * control: data race in count_request, show_requests
 * annotation: RSH_RACE_BENIGN
 * helper: helper_hidden.c
 */
#include "norace_benign_statistics.c"
