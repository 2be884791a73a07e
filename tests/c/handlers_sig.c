/* SPDX-License-Identifier: BSD-2-Clause */
#include <signal.h>

#include "core/sys.h"
#include "handlers_sig.h"

struct handler_log usr1_log, usr2_log;
volatile int raise_usr2;

static void note(struct handler_log *log, const siginfo_t *info)
{
	log->tid = rshi_gettid_sig();
	log->code = info ? info->si_code : 0;
	log->value = info ? info->si_value.sival_int : 0;
	__atomic_fetch_add(&log->runs, 1, __ATOMIC_RELEASE);
	rshi_futex_wake_sig((const uint32_t *)&log->runs, INT32_MAX, NULL);
}

void on_usr1(int signo, void *siginfo, void *ucontext)
{
	(void)signo;
	(void)ucontext;
	if (raise_usr2)
		rshi_tgkill_sig(rshi_getpid_sig(), rshi_gettid_sig(), SIGUSR2);
	usr1_log.nested = usr2_log.runs;
	note(&usr1_log, siginfo);
}

void on_usr2(int signo, void *siginfo, void *ucontext)
{
	(void)signo;
	(void)ucontext;
	note(&usr2_log, siginfo);
}

void on_usr1_libc(int signo)
{
	on_usr1(signo, NULL, NULL);
}

uint32_t runs_of(const struct handler_log *log)
{
	return __atomic_load_n(&log->runs, __ATOMIC_ACQUIRE);
}

void await_runs(const struct handler_log *log, uint32_t runs)
{
	uint32_t now;

	while ((now = runs_of(log)) < runs)
		rshi_futex_wait_sig((const uint32_t *)&log->runs, now, 0);
}

int runs_at_once(int signo, const struct handler_log *log)
{
	uint32_t before = runs_of(log);

	rshi_tgkill_sig(rshi_getpid_sig(), rshi_gettid_sig(), signo);
	return runs_of(log) > before;
}
