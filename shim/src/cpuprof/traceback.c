/* SPDX-License-Identifier: BSD-2-Clause */
/* The program's own traceback function: rsh_cpuprof_set_traceback(). */

#include <raceshim/cpuprof.h>

#include "core/unwind.h"
#include "fork.h"
#include "session.h"
#include "session_control.h"

int rsh_cpuprof_set_traceback(rsh_cpuprof_traceback *traceback, void *arg)
{
	rshi_fork_prepare();
	rshi_lock(&rshi_session_lock);
	/* With this lock too: whoever gets a slot after it knows that the old function is gone. */
	rshi_lock(&rshi_cpuprof_sig.lock);
	rshi_unwind_set_traceback_sig(NULL, NULL);
	rshi_unlock(&rshi_cpuprof_sig.lock);
	rshi_handler_wait_sig(&rshi_cpuprof_sig);
	if (traceback)
		rshi_unwind_set_traceback_sig(traceback, arg);
	rshi_unlock(&rshi_session_lock);
	return 0;
}
