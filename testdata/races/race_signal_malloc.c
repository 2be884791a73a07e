/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * malloc() in a signal handler: not async-signal-safe. (-fno-builtin, because clang otherwise knows
 * that malloc() leaves errno alone, and drops the store that gives errno back.)
 *
 * report: signal-unsafe call inside of a signal in on_signal
 * cflags: -fno-builtin
 * uninstrumented: step.c
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "step.h"

void *volatile scratch;

static NOINLINE void on_signal(int signo)
{
	int saved = errno;

	scratch = malloc((size_t)signo);
	errno = saved;
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

	/*
	 * A call that may wait makes the runtime prepare for signals. The older ones lose a signal that
	 * comes while they do.
	 */
	usleep(0);
	sigaction(SIGUSR1, &action, NULL);
	main_thread = pthread_self();
	pthread_create(&thread, NULL, sender, NULL);
	step_set(1);
	pthread_join(thread, NULL);
	free(scratch);
	return 0;
}
