/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TRACE_CLOCK_H
#define RSH_TRACE_CLOCK_H

#include <stdint.h>

/* Before a trace, with the control: which clock times come from; RSH_TRACE_CLOCK_*. */
void rshi_trace_prepare_clock(uint32_t wanted);

#endif /* RSH_TRACE_CLOCK_H */
