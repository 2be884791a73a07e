/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ThreadSanitizer says of locks that are misused, with the lock profile and without:
 * misused inversion|double|unlock|stranger|destroy|race
 *
 * Where it can be, somebody waits for the lock, so that the call is one that is measured. Prints how
 * many stacks the profiles have, if there are any: the library is there if it is linked or preloaded.
 */

#include <dlfcn.h>
#include <sched.h>
#include <threads.h>

#include "waiting.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static atomic_int waiter, holds, may_go;
static long raced;

int rsh_lockprof_start(const struct rsh_lockprof_options *options) __attribute__((weak));
int rsh_blockprof_read(struct rsh_lock_record *dst, size_t n, size_t *got) __attribute__((weak));
int rsh_mutexprof_read(struct rsh_lock_record *dst, size_t n, size_t *got) __attribute__((weak));

static void here(void)
{
	atomic_store(&waiter, (int)syscall(SYS_gettid));
}

static void *hold_b(void *arg)
{
	pthread_mutex_lock(&b);
	atomic_store(&holds, 1);
	await_sleep(&waiter);
	pthread_mutex_unlock(&b);
	return arg;
}

static void *first_a(void *arg)
{
	pthread_mutex_lock(&a);
	here();
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
	return arg;
}

static void *first_b(void *arg)
{
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
	return arg;
}

static void run(void *(*f)(void *))
{
	pthread_t thread;

	pthread_create(&thread, NULL, f, NULL);
	pthread_join(thread, NULL);
}

static void inversion(void)
{
	pthread_t holder;

	pthread_create(&holder, NULL, hold_b, NULL);
	while (!atomic_load(&holds))
		usleep(100);
	run(first_a);
	pthread_join(holder, NULL);
	run(first_b);
}

static void *lock_a(void *arg)
{
	here();
	pthread_mutex_lock(&a);
	return arg;
}

/* Unlocked by a function that no detector knows, while somebody waits. */
static void double_lock(void)
{
	pthread_t thread;

	pthread_mutex_lock(&a);
	pthread_create(&thread, NULL, lock_a, NULL);
	await_sleep(&waiter);
	mtx_unlock((mtx_t *)(void *)&a);
	pthread_join(thread, NULL);
}

static void unlock(void)
{
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&a);
}

static void *unlock_a(void *arg)
{
	pthread_mutex_unlock(&a);
	return arg;
}

static void stranger(void)
{
	pthread_t thread;

	pthread_mutex_lock(&a);
	pthread_create(&thread, NULL, lock_a, NULL);
	await_sleep(&waiter);
	run(unlock_a);
	pthread_join(thread, NULL);
}

static void destroy(void)
{
	pthread_mutex_t m;

	pthread_mutex_init(&m, NULL);
	pthread_mutex_lock(&m);
	pthread_mutex_destroy(&m);
}

static void *write_with_a(void *arg)
{
	here();
	pthread_mutex_lock(&a);
	raced++;
	pthread_mutex_unlock(&a);
	atomic_store_explicit(&may_go, 1, memory_order_relaxed);
	return arg;
}

static void race(void)
{
	pthread_t thread;

	pthread_mutex_lock(&a);
	pthread_create(&thread, NULL, write_with_a, NULL);
	await_sleep(&waiter);
	pthread_mutex_unlock(&a);
	while (!atomic_load_explicit(&may_go, memory_order_relaxed))
		sched_yield();
	pthread_mutex_lock(&b);
	raced++;
	pthread_mutex_unlock(&b);
	pthread_join(thread, NULL);
}

/* In the program, or in what is preloaded. */
static void *find_function(const char *name, void *linked)
{
	return linked ? linked : dlsym(RTLD_DEFAULT, name);
}

static size_t count(const char *name, void *linked)
{
	static struct rsh_lock_record records[RECORDS];
	size_t got = 0;
	read_function *read;

	*(void **)&read = find_function(name, linked);
	CHECK_EQ(read(records, RECORDS, &got), 0);
	return got;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {{"inversion", inversion}, {"double", double_lock}, {"unlock", unlock},
	             {"stranger", stranger},   {"destroy", destroy},    {"race", race}};
	const struct rsh_lockprof_options all = {1, 1};
	int (*start)(const struct rsh_lockprof_options *);

	CHECK_EQ(argc, 2);
	*(void **)&start =
	        find_function("rsh_lockprof_start", (void *)(uintptr_t)rsh_lockprof_start);
	if (start)
		CHECK_EQ(start(&all), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (!strcmp(argv[1], cases[i].name))
			cases[i].run();
	}
	if (start)
		printf("%zu %zu\n",
		       count("rsh_blockprof_read", (void *)(uintptr_t)rsh_blockprof_read),
		       count("rsh_mutexprof_read", (void *)(uintptr_t)rsh_mutexprof_read));
	return 0;
}
