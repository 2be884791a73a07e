/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_HANDLERS_H
#define RSH_TESTS_HANDLERS_H

/*
 * Signal handlers for the tests, compiled without instrumentation like the library's own: a handler
 * that a raw rt_sigaction installs must not enter a detector's runtime.
 */

#include <stdint.h>

struct handler_log {
	volatile uint32_t runs;   /* a futex is woken after each */
	volatile int tid;         /* thread of the last run */
	volatile int code;        /* si_code */
	volatile int value;       /* si_value, as an int */
	volatile uint32_t nested; /* runs of the other handler seen when this one ended */
};

extern struct handler_log usr1_log, usr2_log;

/* Note the run; on_usr1 also sends its thread SIGUSR2 from inside if raise_usr2 is set. */
extern volatile int raise_usr2;
void on_usr1(int signo, void *siginfo, void *ucontext);
void on_usr2(int signo, void *siginfo, void *ucontext);

/* The signature that libc's sigaction wants. */
void on_usr1_libc(int signo);

/* What the handlers have noted, read without a detector looking on. */
uint32_t runs_of(const struct handler_log *log);

/* Sleep until @log has @runs runs. */
void await_runs(const struct handler_log *log, uint32_t runs);

/*
 * Send @signo to the calling thread past libc, and tell whether a handler noted a run before this
 * function returns. Nothing is called in between that could be intercepted.
 */
int runs_at_once(int signo, const struct handler_log *log);

#endif /* RSH_TESTS_HANDLERS_H */
