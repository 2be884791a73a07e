/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mutex is held where the program says that none may be.
 * compilers: clang-19
 */
#include <pthread.h>

void __tsan_check_no_mutexes_held(void);

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static __attribute__((noinline)) void must_hold_none(void)
{
	__tsan_check_no_mutexes_held();
}

int main(void)
{
	pthread_mutex_lock(&m);
	must_hold_none();
	pthread_mutex_unlock(&m);
	return 0;
}
