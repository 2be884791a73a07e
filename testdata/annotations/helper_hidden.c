/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Synchronisation and accesses that no race detector sees (hidden.h). For the sanitizers that takes
 * a file compiled without instrumentation and no intercepted libc function. Valgrind sees machine
 * code and makes no edge of atomic accesses; not to report them it must be told (-DRSH_VALGRIND;
 * in this file that is all that RSH_RACE_BENIGN does, there is no sanitizer in it).
 */
#include <linux/futex.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <raceshim/annotate.h>

#include "hidden.h"

static int cas(int *word, int old, int new)
{
	RSH_RACE_BENIGN(word, sizeof(*word), "hidden synchronisation, atomic");
	return __sync_val_compare_and_swap(word, old, new);
}

static int load(int *word)
{
	return cas(word, 0, 0);
}

static void sleep_while(int *word, int value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(int *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

int hidden_add(int *counter, int n)
{
	int seen, old = load(counter);

	while ((seen = cas(counter, old, old + n)) != old)
		old = seen;
	return old + n;
}

void hidden_post(int *flag)
{
	hidden_add(flag, 1);
	wake(flag);
}

void hidden_wait(int *flag, int count)
{
	int now;

	while ((now = load(flag)) < count)
		sleep_while(flag, now);
}

int hidden_trylock(int *lock)
{
	return cas(lock, 0, -1) == 0;
}

void hidden_lock(int *lock)
{
	int now;

	while ((now = cas(lock, 0, -1)) != 0)
		sleep_while(lock, now);
}

void hidden_unlock(int *lock)
{
	cas(lock, -1, 0);
	wake(lock);
}

int hidden_tryrdlock(int *lock)
{
	int seen, old = load(lock);

	while (old >= 0 && (seen = cas(lock, old, old + 1)) != old)
		old = seen;
	return old >= 0;
}

void hidden_rdlock(int *lock)
{
	while (!hidden_tryrdlock(lock))
		sleep_while(lock, -1);
}

void hidden_rdunlock(int *lock)
{
	if (hidden_add(lock, -1) == 0)
		wake(lock);
}

void *hidden_exchange(void **slot, void *item)
{
	void *seen, *old = NULL;

	RSH_RACE_BENIGN(slot, sizeof(*slot), "hidden synchronisation, atomic");
	while ((seen = __sync_val_compare_and_swap(slot, old, item)) != old)
		old = seen;
	return old;
}

/* volatile: or the compilers make memcpy of this loop, and that is intercepted */
void hidden_copy(void *dst, const void *src, size_t n)
{
	volatile uint8_t *to = dst;
	const volatile uint8_t *from = src;

	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
}

unsigned hidden_sum(const void *src, size_t n)
{
	const volatile uint8_t *from = src;
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += from[i];
	return sum;
}

static void run(void *(*body[])(void *), int n)
{
	pthread_t thread[3];

	for (int i = 0; i < n; i++)
		if (pthread_create(&thread[i], NULL, body[i], NULL))
			abort();
	for (int i = 0; i < n; i++)
		if (pthread_join(thread[i], NULL))
			abort();
}

void run_two(void *(*first)(void *), void *(*second)(void *))
{
	void *(*body[])(void *) = {first, second};

	run(body, 2);
}

void run_three(void *(*first)(void *), void *(*second)(void *), void *(*third)(void *))
{
	void *(*body[])(void *) = {first, second, third};

	run(body, 3);
}
