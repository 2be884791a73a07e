/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protection that everything else is measured by: one counter, one mutex. The control leaves
 * the mutex out.
 *
 * control: data race in deposit, withdraw
 * uninstrumented: step.c
 */
#include <pthread.h>

#include "step.h"

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#ifdef RSH_CONTROL
#define LOCK()
#define UNLOCK()
#else
#define LOCK()   pthread_mutex_lock(&mutex)
#define UNLOCK() pthread_mutex_unlock(&mutex)
#endif

long balance;

static NOINLINE void deposit(long amount)
{
	LOCK();
	balance += amount;
	UNLOCK();
}

static NOINLINE void withdraw(long amount)
{
	LOCK();
	balance -= amount;
	UNLOCK();
}

static void *worker(void *arg)
{
	deposit(30);
	step_set(1);
	return arg;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, worker, NULL);
	step_wait(1);
	withdraw(10);
	pthread_join(thread, NULL);
	return balance != 20;
}
