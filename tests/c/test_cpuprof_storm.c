/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile of threads that allocate, sort, lock, fork, throw exceptions, start threads and load
 * libraries, while each gets fifty thousand signals a second beside those of its clock, and the profile
 * is written and started anew: nothing hangs, and every signal that was taken is accounted for.
 *
 * test_cpuprof_storm [N [loading]]: N profiles of half a second each, six if not told; with the second
 * word libraries only are loaded and unloaded, under 250 ticks a second.
 */

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <raceshim/cpuprof.h>

#include "check.h"
#include "core/sys.h"
#include "throwing.h"

#define WORKERS 4
#define PERIOD  20000 /* ns */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t shared; /* under the mutex */
static atomic_int is_over, throws;
static char library_path[4096];
static int only_loads;

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

static int start_timer(void)
{
	int id = -1;

	CHECK_EQ(rshi_timer_create_sig(CLOCK_MONOTONIC, rshi_gettid_sig(), SIGPROF, 0, &id), 0);
	CHECK_EQ(rshi_timer_settime_sig(id, PERIOD, PERIOD), 0);
	return id;
}

static int by_value(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void *live_shortly(void *arg)
{
	char *p = malloc(1000);

	CHECK(p);
	CHECK_EQ(rsh_label_set("life", "short"), 0);
	memset(p, 1, 1000);
	free(p);
	return arg;
}

static void load_and_unload(void)
{
	void *library = dlopen(library_path, RTLD_NOW);

	CHECK(library);
	CHECK_EQ(dlclose(library), 0);
}

static void fork_and_wait(void)
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0);
	if (!child)
		_exit(0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static void *work(void *arg)
{
	const int *number = arg;
	int id = start_timer();

	for (unsigned int round = 0; !atomic_load(&is_over); round++) {
		int values[200];
		pthread_t thread;

		for (int i = 0; i < 200; i++)
			values[i] = i * 7919 % 200;
		qsort(values, 200, sizeof(*values), by_value);
		pthread_mutex_lock(&mutex);
		shared += (uint64_t)values[round % 200];
		pthread_mutex_unlock(&mutex);
		free(realloc(malloc(round % 1000 + 1), round % 100000 + 1));
		if (*number == 0)
			load_and_unload();
		if (*number == 1) {
			CHECK_EQ(pthread_create(&thread, NULL, live_shortly, NULL), 0);
			CHECK_EQ(pthread_join(thread, NULL), 0);
		}
		if (*number == 2 && round % 8 == 0)
			fork_and_wait();
		if (*number == 3 && round % 16 == 0 && atomic_load(&throws))
			CHECK_EQ(throw_and_catch((int)(round / 16 % 20)), 0);
	}
	CHECK_EQ(rshi_timer_delete_sig(id), 0);
	return NULL;
}

static void *load(void *arg)
{
	uint64_t *loads = arg;

	for (; !atomic_load(&is_over); ++*loads)
		load_and_unload();
	return NULL;
}

static int count_bytes(void *arg, const void *buf, size_t n)
{
	(void)buf;
	*(size_t *)arg += n;
	return 0;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Ticks of the wall clock end each sleep. */
static void sleep_long(uint64_t time)
{
	for (uint64_t until = now() + time; now() < until;)
		usleep(10000);
}

static struct rsh_cpuprof_stats profile_once(uint32_t clock, uint64_t time)
{
	const struct rsh_cpuprof_options o = {
	        .hz = clock == RSH_CPUPROF_TIMER || only_loads ? 250 : 5000,
	        .clock = clock,
	};
	struct rsh_cpuprof_stats s;
	uint64_t lost = 0;
	size_t bytes = 0;
	const struct rsh_writer w = {count_bytes, &bytes};

	CHECK_EQ(rsh_cpuprof_start(&o), 0);
	sleep_long(time);
	CHECK_EQ(rsh_cpuprof_write(&w), 0);
	CHECK_EQ(rsh_cpuprof_stop(), 0);
	CHECK_EQ(rsh_cpuprof_write(&w), 0);
	CHECK_EQ(rsh_cpuprof_stats(&s), 0);
	for (int why = 0; why < RSH_CPUPROF_LOST_CLASSES; why++)
		lost += s.lost[why];
	CHECK_EQ(s.accepted, s.delivered + lost);
	CHECK(bytes > 100);
	return s;
}

static void only_load(unsigned int profiles)
{
	struct rsh_cpuprof_stats s;
	uint64_t loads = 0, accepted = 0;
	pthread_t thread;

	only_loads = 1;
	CHECK_EQ(pthread_create(&thread, NULL, load, &loads), 0);
	for (unsigned int i = 0; i < profiles; i++) {
		s = profile_once(i % 2 ? RSH_CPUPROF_WALL : RSH_CPUPROF_TIMER, 500000);
		accepted += s.accepted;
	}
	atomic_store(&is_over, 1);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	printf("%llu libraries, %llu signals\n", (unsigned long long)loads,
	       (unsigned long long)accepted);
	CHECK(loads > profiles);
}

int main(int argc, char **argv)
{
	static const uint32_t clocks[] = {RSH_CPUPROF_AUTO, RSH_CPUPROF_WALL, RSH_CPUPROF_TIMER};
	unsigned int profiles = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 6;
	ssize_t n = readlink("/proc/self/exe", library_path, sizeof(library_path) - 64);
	uint64_t accepted = 0, delivered = 0, lost[RSH_CPUPROF_LOST_CLASSES] = {0};
	uint64_t whole = 0, cut = 0;
	pthread_t threads[WORKERS];
	int numbers[WORKERS];

	CHECK(n > 0);
	strcpy(strrchr(library_path, '/') + 1, "reload_264.so");
	if (argc > 2) {
		only_load(profiles);
		return 0;
	}
	CHECK(signal(SIGPROF, SIG_IGN) != SIG_ERR);
	for (int i = 0; i < WORKERS; i++) {
		numbers[i] = i;
		CHECK_EQ(pthread_create(&threads[i], NULL, work, &numbers[i]), 0);
	}
	for (unsigned int i = 0; i < profiles; i++) {
		struct rsh_cpuprof_stats s;

		/* The last steps of a throw overwrite the registers that callers are found by. */
		atomic_store(&throws, i / 3 % 2);
		s = profile_once(clocks[i % 3], 500000);
		accepted += s.accepted;
		delivered += s.delivered;
		if (!atomic_load(&throws)) {
			whole += s.delivered - s.truncated;
			cut += s.truncated;
		}
		for (int why = 0; why < RSH_CPUPROF_LOST_CLASSES; why++)
			lost[why] += s.lost[why];
	}
	atomic_store(&is_over, 1);
	for (int i = 0; i < WORKERS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	printf("%llu signals, %llu samples, root found in %.3f %% where nothing is thrown\n",
	       (unsigned long long)accepted, (unsigned long long)delivered,
	       100.0 * (double)whole / (double)(whole + cut));
	printf("lost: overflow %llu, extra %llu, busy %llu, window %llu, unwind %llu\n",
	       (unsigned long long)lost[0], (unsigned long long)lost[1],
	       (unsigned long long)lost[2], (unsigned long long)lost[3],
	       (unsigned long long)lost[4]);
	CHECK(delivered > 500);
	CHECK(cut * 1000 <= (whole + cut) * 5);
	return 0;
}
