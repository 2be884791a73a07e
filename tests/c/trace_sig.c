/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/errno.h>
#include <linux/signal.h>

#include <raceshim/trace.h>

#include "core/sys.h"
#include "trace_sig.h"

static uint64_t taken, lost, off;

static void on_signal(int signo, void *siginfo, void *ucontext)
{
	static struct rsh_trace_name name = {"in a handler", 0};
	int err = rsh_trace_emit_sig(&name, RSH_TRACE_KIND_INSTANT_1, (uint64_t)signo, 0);

	(void)siginfo;
	(void)ucontext;
	__atomic_fetch_add(!err ? &taken : err == ESRCH ? &off : &lost, 1, __ATOMIC_RELAXED);
}

int trace_handlers_sig(void)
{
	struct rshi_sigaction action;
	int err;

	action.handler = on_signal;
	action.flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
	action.mask = 0;
	err = rshi_sigaction_sig(TRACE_SIGNAL, &action, 0);
	return err ? err : rshi_sigaction_sig(TRACE_OTHER_SIGNAL, &action, 0);
}

void trace_send_sig(int tid, int signo, uint32_t n)
{
	int pid = rshi_getpid_sig();

	for (uint32_t i = 0; i < n; i++)
		rshi_tgkill_sig(pid, tid, signo);
}

uint64_t trace_handler_taken_sig(void)
{
	return __atomic_load_n(&taken, __ATOMIC_RELAXED);
}

uint64_t trace_handler_lost_sig(void)
{
	return __atomic_load_n(&lost, __ATOMIC_RELAXED);
}

uint64_t trace_handler_off_sig(void)
{
	return __atomic_load_n(&off, __ATOMIC_RELAXED);
}
