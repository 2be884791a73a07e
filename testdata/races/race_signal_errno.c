/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An asynchronous handler that leaves another errno behind: the interrupted code sees it change. The
 * signal comes while its thread waits where the detector does not look: clang 14's loses one that
 * comes at the entrance of pthread_join().
 *
 * report: signal handler spoils errno in on_signal
 * uninstrumented: step.c
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "step.h"

static NOINLINE void on_signal(int signo)
{
	(void)signo;
	errno = EAGAIN;
}

static pthread_t main_thread;

static void *sender(void *arg)
{
	step_wait(1);
	pthread_kill(main_thread, SIGUSR1);
	step_set(2);
	return arg;
}

int main(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	pthread_t thread;

	sigaction(SIGUSR1, &action, NULL);
	main_thread = pthread_self();
	pthread_create(&thread, NULL, sender, NULL);
	step_set(1);
	step_wait(2);
	pthread_join(thread, NULL);
	return 0;
}
