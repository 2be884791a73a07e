/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library writes into the user's buffer under the user's lock: nothing to report, and the bytes
 * are there. Without the lock it is race_copy_out.
 *
 * control: data race in rsh_copy_out<fill, reader
 * uninstrumented: step.c
 */
#include <pthread.h>
#include <raceshim/raceshim.h>

#include "step.h"

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#ifdef RSH_CONTROL
#define LOCK()
#define UNLOCK()
#else
#define LOCK()   pthread_mutex_lock(&mutex)
#define UNLOCK() pthread_mutex_unlock(&mutex)
#endif

char buffer[64];
static const char text[64] = "copied by the library";

static NOINLINE int fill(void)
{
	return rsh_copy_out(buffer, text, sizeof(buffer));
}

static NOINLINE char reader(size_t at)
{
	return buffer[at];
}

static void *worker(void *arg)
{
	LOCK();
	if (fill() != 0)
		arg = &buffer;
	UNLOCK();
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;
	void *failed;
	char seen;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	LOCK();
	seen = reader(3);
	UNLOCK();
	pthread_join(thread, &failed);
	return failed != NULL || seen != 'i';
}
