/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread that the detector looks at like at any other, for the visible build. */

#include <errno.h>
#include <pthread.h>

#include "make_thread.h"
#include "sys.h"

void rshi_thread_prepare(void)
{
}

int rshi_thread_make(void *(*run)(void *))
{
	pthread_attr_t attr;
	pthread_t thread;
	uint64_t mask = 0;
	int err;

	if (pthread_attr_init(&attr))
		return EAGAIN;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rshi_sigblock_sig(~(UINT64_C(7) << 31), &mask);
	err = pthread_create(&thread, &attr, run, NULL);
	rshi_sigmask_sig(mask);
	(void)pthread_attr_destroy(&attr);
	return err ? EAGAIN : 0;
}
