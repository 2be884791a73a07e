/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing to report: what a clean process prints when the detector is told to be verbose.
 * detector: tsan asan msan lsan ubsan hwasan
 * options: verbosity=1
 */
#include <pthread.h>

static void *idle(void *arg)
{
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, idle, NULL);
	pthread_join(t, NULL);
	return 0;
}
