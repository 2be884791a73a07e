/* SPDX-License-Identifier: BSD-2-Clause */
/* Two threads that count, one of them for ever. */
#include <pthread.h>
#include <unistd.h>

int in_shared_library(int x);
int in_static_library(int x);

static int started;

static void *for_ever(void *arg)
{
	int i;

	for (i = 0;; i++) {
		in_shared_library(i & 7);
		in_static_library(i & 7);
		__atomic_store_n(&started, 1, __ATOMIC_RELAXED);
		usleep(50);
	}
	return arg;
}

int main(void)
{
	pthread_t thread;
	int i;

	if (pthread_create(&thread, NULL, for_ever, NULL) != 0)
		return 1;
	while (!__atomic_load_n(&started, __ATOMIC_RELAXED))
		usleep(50);
	for (i = 0; i < 10; i++) {
		in_shared_library(i);
		in_static_library(i);
		usleep(50);
	}
	return 0;
}
