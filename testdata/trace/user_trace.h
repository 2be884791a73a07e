/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of the program in the hands of the tracer. */
#ifndef USER_TRACE_H
#define USER_TRACE_H

#include <raceshim/trace.h>

#include "../races/user_turns.h"

/* user_trace_turns - user_take_turns() in a trace */
static inline int user_trace_turns(struct user_turns turns)
{
	return rsh_trace_start(NULL) ? 2 : user_take_turns(turns);
}

#endif
