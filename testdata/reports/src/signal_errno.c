/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handler of a signal that another thread sends changes errno.
 * machine: yes
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include "order.h"

static pthread_t receiver;

static void spoils(int sig)
{
	(void)sig;
	errno = ENOENT;
	order_step();
}

static void *sends(void *arg)
{
	/* The runtime may keep a signal back for long. */
	while (!order_reached(1)) {
		pthread_kill(receiver, SIGUSR1);
		usleep(1000);
	}
	return arg;
}

int main(void)
{
	pthread_t t;

	receiver = pthread_self();
	signal(SIGUSR1, spoils);
	pthread_create(&t, NULL, sends, NULL);
	while (!order_reached(1))
		usleep(100);
	pthread_join(t, NULL);
	return 0;
}
