/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals that kill. The handler lets those say their last words who want to, and then does what
 * would have been done without it: it calls the handler that was there before, a detector's for
 * example, which finds the same arguments; or it takes the default action, so that the process dies
 * of that signal.
 *
 * Installed past the interceptors, before the program's first constructor or with the library's own.
 * A program that installs a handler of its own later replaces ours, and nothing is said then; if it
 * restores what was there before, or calls it, it is ours again. What is ignored stays ignored.
 */

#include <linux/signal.h>

#include "deadly.h"
#include "lock.h"
#include "sys.h"

#define SIGNALS 32
#define MOST    4 /* who have last words */

static struct {
	rshi_last_words *words[MOST]; /* immutable below `n` */
	uint32_t n;                   /* atomic */
} deadly;

/* Immutable once the handler is there. */
static struct rshi_sigaction before[SIGNALS];

static const unsigned char signals[] = {
        SIGHUP,  SIGINT,  SIGQUIT,   SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
        SIGFPE,  SIGUSR1, SIGSEGV,   SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,
        SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSYS,
};

#define DEFAULT ((void (*)(int, void *, void *))0) /* SIG_DFL and SIG_IGN, in our type */
#define IGNORED ((void (*)(int, void *, void *))1)

static void die(int signo)
{
	struct rshi_sigaction action;

	action.handler = DEFAULT;
	action.flags = 0;
	action.mask = 0;
	rshi_sigaction_sig(signo, &action, NULL);
	/* Blocked until the handler returns; a fault happens again then. */
	rshi_tgkill_sig(rshi_getpid_sig(), rshi_gettid_sig(), signo);
}

static void on_signal(int signo, void *info, void *context)
{
	const struct rshi_sigaction *old = &before[signo];
	struct rshi_sigaction once;
	/* The first process of a container does not die of a default action. */
	int dies = old->handler == DEFAULT && rshi_getpid_sig() != 1;
	/* [CD2] acquire, pairs with [CD1]: who they are */
	uint32_t n = __atomic_load_n(&deadly.n, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++)
		deadly.words[i](signo, dies);
	if (old->handler == DEFAULT) {
		die(signo);
		return;
	}
	if (old->flags & SA_RESETHAND) {
		once.handler = DEFAULT;
		once.flags = 0;
		once.mask = 0;
		rshi_sigaction_sig(signo, &once, NULL);
	}
	old->handler(signo, info, context);
}

static void catch_all(void)
{
	for (size_t i = 0; i < sizeof(signals); i++) {
		int signo = signals[i];
		struct rshi_sigaction *old = &before[signo], action;

		if (rshi_sigaction_sig(signo, NULL, old) || old->handler == IGNORED)
			continue;
		action.handler = on_signal;
		action.flags = SA_SIGINFO | SA_ONSTACK | (old->flags & (SA_RESTART | SA_NODEFER));
		action.mask = old->mask;
		if (old->handler == DEFAULT)
			action.mask = RSHI_ASYNCHRONOUS;
		rshi_sigaction_sig(signo, &action, NULL);
	}
}

void rshi_deadly_hear_sig(rshi_last_words *words)
{
	uint32_t n = __atomic_load_n(&deadly.n, __ATOMIC_RELAXED);

	for (uint32_t i = 0; i < n; i++)
		if (deadly.words[i] == words)
			return;
	if (n == MOST)
		return;
	deadly.words[n] = words;
	/* [CD1] release, pairs with [CD2]: who it is */
	__atomic_store_n(&deadly.n, n + 1, __ATOMIC_RELEASE);
	if (!n)
		catch_all();
}
