/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Races that a detector seldom sees as the system schedules, each as programs have them: the two
 * accesses are ordered by luck, by a lock that was not taken for them, or one of them is on a path
 * that is seldom taken. -DRACE=N chooses one,
 * from 1 to 7.
 */

#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int value, done;

static void count(void)
{
	pthread_mutex_lock(&lock);
	done++;
	pthread_mutex_unlock(&lock);
}

#if RACE == 1 /* published, then filled in: ordered for whoever looks after the count */
static int *published;

static void *first(void *unused)
{
	pthread_mutex_lock(&lock);
	published = &value;
	pthread_mutex_unlock(&lock);
	value = 1;
	count();
	return unused;
}

static void *second(void *unused)
{
	int *seen;

	pthread_mutex_lock(&lock);
	seen = published;
	pthread_mutex_unlock(&lock);
	if (seen)
		done = *seen;
	return unused;
}
#elif RACE == 2 /* nothing but the order of two counts orders the writes */
static void *first(void *unused)
{
	value = 1;
	count();
	return unused;
}

static void *second(void *unused)
{
	count();
	value = 2;
	return unused;
}
#elif RACE == 3 /* who does not get the lock at once counts without it */
static void *first(void *unused)
{
	count();
	return unused;
}

static void *second(void *unused)
{
	if (pthread_mutex_trylock(&lock) == 0) {
		done++;
		pthread_mutex_unlock(&lock);
	} else {
		done++;
	}
	return unused;
}
#elif RACE == 4 /* asks under the lock whether to go on, and goes on without it */
static int stop;

static void *first(void *unused)
{
	int go;

	pthread_mutex_lock(&lock);
	go = !stop;
	pthread_mutex_unlock(&lock);
	if (go)
		value++;
	count();
	return unused;
}

static void *second(void *unused)
{
	pthread_mutex_lock(&lock);
	stop = 1;
	pthread_mutex_unlock(&lock);
	value = 0;
	return unused;
}
#elif RACE == 5 /* two may pass where one should */
static sem_t gate;

static void *first(void *unused)
{
	sem_wait(&gate);
	value++;
	sem_post(&gate);
	return unused;
}

static void *second(void *unused)
{
	return first(unused);
}
#elif RACE == 6 /* written again without the lock if somebody has changed it meanwhile */
static void *first(void *unused)
{
	int before, after;

	pthread_mutex_lock(&lock);
	before = value;
	pthread_mutex_unlock(&lock);
	pthread_mutex_lock(&lock);
	after = value;
	pthread_mutex_unlock(&lock);
	if (before != after)
		value = before;
	return unused;
}

static void *second(void *unused)
{
	pthread_mutex_lock(&lock);
	value = 1;
	pthread_mutex_unlock(&lock);
	value = 2;
	count();
	return unused;
}
#elif RACE == 7 /* three stages: the last one reads what the first one still writes */
static int stage;

static int step(int from)
{
	int was;

	pthread_mutex_lock(&lock);
	was = stage;
	if (was == from)
		stage++;
	pthread_mutex_unlock(&lock);
	return was;
}

static void *first(void *unused)
{
	step(0);
	value = 1;
	step(9);
	return unused;
}

static void *second(void *unused)
{
	step(1);
	return unused;
}

static void *third(void *unused)
{
	if (step(9) == 2)
		done = value;
	return unused;
}
#define THIRD third
#else
#error "-DRACE=1 to -DRACE=7"
#endif
#ifndef THIRD
#define THIRD NULL
#endif

int main(void)
{
	void *(*const work[])(void *) = {first, second, THIRD};
	pthread_t threads[3];
	int made = 0;

#if RACE == 5
	sem_init(&gate, 0, 2);
#endif
	while (made < 3 && work[made]) {
		if (pthread_create(&threads[made], NULL, work[made], NULL))
			return 1;
		made++;
	}
	while (made--)
		pthread_join(threads[made], NULL);
	return 0;
}
