/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An asynchronous handler that leaves another errno behind: the interrupted code sees it change.
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
	pthread_join(thread, NULL);
	return 0;
}
