/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_TRACE_SIG_H
#define RSH_TESTS_TRACE_SIG_H

/* Signal handlers that emit, installed past the detectors. */

#include <stdint.h>

#define TRACE_SIGNAL       34 /* whose handler emits and counts */
#define TRACE_OTHER_SIGNAL 35 /* the same, and may interrupt the first one */

int trace_handlers_sig(void);

/* Signals to one thread; returns how many were sent. */
void trace_send_sig(int tid, int signo, uint32_t n);

/* What the handlers were told. */
uint64_t trace_handler_taken_sig(void);
uint64_t trace_handler_lost_sig(void);
uint64_t trace_handler_off_sig(void);

#endif /* RSH_TESTS_TRACE_SIG_H */
