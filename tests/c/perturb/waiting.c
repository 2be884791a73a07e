/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads that wait for each other in every way that there is, for those whose turns a library
 * decides: whatever it decides, both go on. In a child, too, and with a handler between.
 */

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __clang__
#define UNSEEN __attribute__((noinline, disable_sanitizer_instrumentation))
#else
#define UNSEEN __attribute__((noinline, no_sanitize_thread))
#endif

enum { ROUNDS = 3 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t sems[2];
static int pipes[2][2], told;
static _Atomic int flags[2], ticks;
static volatile int unseen[2];

UNSEEN static void meet_unseen(int me, int round)
{
	unseen[me] = round;
	while (unseen[!me] < round)
		(void)syscall(SYS_sched_yield);
}

static void meet_in_a_loop(int me, int round)
{
	atomic_store(&flags[me], round);
	while (atomic_load(&flags[!me]) < round)
		;
}

static void meet_asleep(int me, int round)
{
	atomic_store(&flags[me], round);
	while (atomic_load(&flags[!me]) < round)
		(void)usleep(100);
}

static void meet_on_cond(int last)
{
	(void)pthread_mutex_lock(&mutex);
	told++;
	(void)pthread_cond_broadcast(&cond);
	while (told < last)
		(void)pthread_cond_wait(&cond, &mutex);
	(void)pthread_mutex_unlock(&mutex);
}

static void meet_on_pipe(int me)
{
	char byte = 0;

	if (write(pipes[me][1], &byte, 1) != 1 || read(pipes[!me][0], &byte, 1) != 1)
		_exit(3);
}

static void *both(void *arg)
{
	const int me = arg != NULL;

	for (int round = 1; round <= ROUNDS; round++) {
		meet_unseen(me, round);
		meet_in_a_loop(me, 2 * round - 1);
		meet_asleep(me, 2 * round);
		meet_on_cond(2 * round);
		meet_on_pipe(me);
		(void)pthread_barrier_wait(&barrier);
		(void)sem_post(&sems[me]);
		(void)sem_wait(&sems[!me]);
		(void)pthread_rwlock_wrlock(&rwlock);
		(void)pthread_rwlock_unlock(&rwlock);
	}
	return arg;
}

static void tick(int number)
{
	(void)number;
	atomic_fetch_add(&ticks, 1);
}

static int meet(void)
{
	pthread_t thread;

	(void)pthread_barrier_init(&barrier, 0, 2);
	for (int i = 0; i < 2; i++)
		if (sem_init(&sems[i], 0, 0) || pipe(pipes[i]))
			return 2;
	if (pthread_create(&thread, 0, both, &mutex))
		return 2;
	(void)both(NULL);
	(void)pthread_join(thread, 0);
	return 0;
}

int main(void)
{
	const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	const struct sigaction ticking = {.sa_handler = tick, .sa_flags = SA_RESTART};
	int status = 0;
	pid_t child = fork();

	if (child < 0)
		return 2;
	if (child == 0)
		return meet();
	if (waitpid(child, &status, 0) != child || status)
		return 4;
	(void)sigaction(SIGALRM, &ticking, 0);
	(void)setitimer(ITIMER_REAL, &often, 0);
	status = meet();
	(void)setitimer(ITIMER_REAL, &never, 0);
	puts("met");
	return status;
}
