/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls past libc: what they do, and that no interceptor comes between. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

#include <raceshim/detect.h>

#include "check.h"
#include "core/sys.h"
#include "handlers_sig.h"

#define NS_PER_MS 1000000u
#define PAGE      4096u
#define ROUNDS    2000u

static uint64_t bit(int signo)
{
	return UINT64_C(1) << (signo - 1);
}

static void install(int signo, void (*handler)(int, void *, void *), uint64_t mask)
{
	struct rshi_sigaction action = {handler, SA_SIGINFO | SA_RESTART, mask};

	CHECK_EQ(rshi_sigaction_sig(signo, &action, NULL), 0);
}

static void test_raw_handler_runs_at_once(void)
{
	install(SIGUSR1, on_usr1, 0);
	for (uint32_t i = 0; i < 100; i++)
		CHECK(runs_at_once(SIGUSR1, &usr1_log));
	CHECK_EQ(usr1_log.tid, rshi_gettid_sig());
	CHECK_EQ(usr1_log.code, SI_TKILL);
}

/* The control: what libc's function installs, TSan keeps back until the next intercepted call. */
static void test_intercepted_handler_is_deferred_by_tsan(void)
{
	struct sigaction action;
	uint32_t before = runs_of(&usr1_log);

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_usr1_libc;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(runs_at_once(SIGUSR1, &usr1_log), !RSH_HAS_TSAN);
	usleep(1);
	CHECK_EQ(runs_of(&usr1_log), before + 1);
}

static void test_old_action_is_returned_and_can_be_put_back(void)
{
	struct rshi_sigaction old = {0}, second = {0};

	install(SIGUSR2, on_usr2, bit(SIGHUP));
	CHECK_EQ(rshi_sigaction_sig(SIGUSR2, NULL, &old), 0);
	CHECK(old.handler == on_usr2);
	CHECK_EQ(old.mask, bit(SIGHUP));
	CHECK((old.flags & (SA_SIGINFO | SA_RESTART)) == (SA_SIGINFO | SA_RESTART));

	install(SIGUSR2, on_usr1, 0);
	CHECK_EQ(rshi_sigaction_sig(SIGUSR2, &old, &second), 0);
	CHECK(second.handler == on_usr1);
	CHECK(runs_at_once(SIGUSR2, &usr2_log));
	CHECK_EQ(rshi_sigaction_sig(SIGKILL, &old, NULL), EINVAL);
}

static void test_mask_holds_while_the_handler_runs(void)
{
	uint32_t before = runs_of(&usr2_log);

	install(SIGUSR2, on_usr2, 0);
	raise_usr2 = 1;
	install(SIGUSR1, on_usr1, bit(SIGUSR2));
	CHECK(runs_at_once(SIGUSR1, &usr1_log));
	CHECK_EQ(usr1_log.nested, before);
	CHECK_EQ(runs_of(&usr2_log), before + 1);

	install(SIGUSR1, on_usr1, 0);
	CHECK(runs_at_once(SIGUSR1, &usr1_log));
	CHECK_EQ(usr1_log.nested, before + 2);
	raise_usr2 = 0;
}

static int frames, frame_of_interrupted;

__attribute__((noinline)) static void interrupted(void)
{
	frames = 0;
	CHECK_EQ(rshi_tgkill_sig(rshi_getpid_sig(), rshi_gettid_sig(), SIGUSR1), 0);
	CHECK(frames > 0);
}

static _Unwind_Reason_Code look_at(struct _Unwind_Context *context, void *arg)
{
	(void)arg;
	frames++;
	if (_Unwind_FindEnclosingFunction((void *)_Unwind_GetIP(context)) == (void *)interrupted)
		frame_of_interrupted = frames;
	return _URC_NO_REASON;
}

static void on_usr1_unwind(int signo, void *siginfo, void *ucontext)
{
	(void)signo;
	(void)siginfo;
	(void)ucontext;
	_Unwind_Backtrace(look_at, NULL);
}

/* Unwinders know a signal frame by the code that the handler returns to. */
static void test_stacks_reach_past_the_handler(void)
{
	install(SIGUSR1, on_usr1_unwind, 0);
	interrupted();
	CHECK(frame_of_interrupted > 2 && frame_of_interrupted < frames);
}

static atomic_int sleeper_tid, sleeper_may_go;

/* Spins without a call that could be intercepted, so only a handler that is not deferred gets in. */
static void *spin(void *arg)
{
	atomic_store(&sleeper_tid, rshi_gettid_sig());
	while (!atomic_load(&sleeper_may_go))
		;
	return arg;
}

static int start_spinning(pthread_t *thread)
{
	int tid;

	atomic_store(&sleeper_tid, 0);
	atomic_store(&sleeper_may_go, 0);
	CHECK_EQ(pthread_create(thread, NULL, spin, NULL), 0);
	while (!(tid = atomic_load(&sleeper_tid)))
		;
	return tid;
}

static void stop_spinning(pthread_t thread)
{
	atomic_store(&sleeper_may_go, 1);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void test_every_acknowledged_signal_reaches_its_thread(void)
{
	pthread_t thread;
	int tid = start_spinning(&thread);
	uint32_t before = runs_of(&usr2_log);

	install(SIGUSR2, on_usr2, 0);
	for (uint32_t i = 1; i <= 200; i++) {
		CHECK_EQ(rshi_tgkill_sig(rshi_getpid_sig(), tid, SIGUSR2), 0);
		await_runs(&usr2_log, before + i);
		CHECK_EQ(usr2_log.tid, tid);
	}
	stop_spinning(thread);
	CHECK_EQ(rshi_tgkill_sig(rshi_getpid_sig(), INT32_MAX, SIGUSR2), ESRCH);
	CHECK(rshi_getpid_sig() == getpid());
}

static void test_timer_signals_the_thread_it_names(void)
{
	pthread_t thread;
	int tid = start_spinning(&thread), id = -1;
	uint32_t before = runs_of(&usr2_log);

	install(SIGUSR2, on_usr2, 0);
	CHECK_EQ(rshi_timer_create_sig(CLOCK_MONOTONIC, tid, SIGUSR2, 0, &id), 0);
	CHECK_EQ(rshi_timer_settime_sig(id, NS_PER_MS, NS_PER_MS), 0);
	await_runs(&usr2_log, before + 5);
	CHECK_EQ(usr2_log.tid, tid);
	CHECK_EQ(usr2_log.code, SI_TIMER);
	CHECK_EQ(rshi_timer_settime_sig(id, 0, 0), 0);
	CHECK_EQ(rshi_timer_delete_sig(id), 0);
	CHECK_EQ(rshi_timer_delete_sig(id), EINVAL);
	CHECK_EQ(rshi_timer_create_sig(CLOCK_MONOTONIC, INT32_MAX, SIGUSR2, 0, &id), EINVAL);
	stop_spinning(thread);
}

static _Alignas(4) atomic_uint turn;
static uint64_t passed; /* whoever has the turn */

static void pass_turns(uint32_t first)
{
	for (uint32_t mine = first; mine < ROUNDS; mine += 2) {
		uint32_t now;

		while ((now = atomic_load(&turn)) != mine)
			rshi_futex_wait_sig((const uint32_t *)&turn, now, 0);
		CHECK_EQ(passed, mine);
		passed++;
		atomic_store(&turn, mine + 1);
		CHECK_EQ(rshi_futex_wake_sig((const uint32_t *)&turn, 1, NULL), 0);
	}
}

static void *pass_odd_turns(void *arg)
{
	pass_turns(1);
	return arg;
}

static void test_futex_passes_turns(void)
{
	pthread_t thread;
	int woken = -1;

	CHECK_EQ(pthread_create(&thread, NULL, pass_odd_turns, NULL), 0);
	pass_turns(0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(passed, ROUNDS);
	CHECK_EQ(rshi_futex_wait_sig((const uint32_t *)&turn, ROUNDS + 1, 0), EAGAIN);
	CHECK_EQ(rshi_futex_wait_sig((const uint32_t *)&turn, ROUNDS, NS_PER_MS), ETIMEDOUT);
	CHECK_EQ(rshi_futex_wake_sig((const uint32_t *)&turn, 1, &woken), 0);
	CHECK_EQ(woken, 0);
}

static void test_memory_comes_zeroed_and_goes(void)
{
	void *p = NULL;

	CHECK_EQ(rshi_mmap_sig(3 * PAGE, &p), 0);
	for (size_t i = 0; i < 3 * PAGE; i++)
		CHECK_EQ(((unsigned char *)p)[i], 0);
	memset(p, 1, 3 * PAGE);
	CHECK_EQ(rshi_munmap_sig(p, 3 * PAGE), 0);
	CHECK_EQ(rshi_mmap_sig(SIZE_MAX / 2, &p), ENOMEM);
	CHECK_EQ(rshi_mmap_sig(0, &p), EINVAL);
	CHECK_EQ(rshi_munmap_sig((void *)1, PAGE), EINVAL);
}

int main(void)
{
	test_raw_handler_runs_at_once();
	test_intercepted_handler_is_deferred_by_tsan();
	test_old_action_is_returned_and_can_be_put_back();
	test_mask_holds_while_the_handler_runs();
	test_stacks_reach_past_the_handler();
	test_every_acknowledged_signal_reaches_its_thread();
	test_timer_signals_the_thread_it_names();
	test_memory_comes_zeroed_and_goes();

	errno = 4711;
	test_futex_passes_turns();
	CHECK_EQ(rshi_munmap_sig((void *)1, PAGE), EINVAL);
	CHECK_EQ(errno, 4711);
	return 0;
}
