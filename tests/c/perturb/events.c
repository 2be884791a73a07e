/* SPDX-License-Identifier: BSD-2-Clause */
/* Each function that is an event, once; argv says which. */

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_barrier_t barrier;
static sem_t sem;

static void *nothing(void *arg)
{
	return arg;
}

int main(int argc, char **argv)
{
	const struct timespec past = {1, 0};
	const char *what = argc > 1 ? argv[1] : "";
	pthread_t thread;

	(void)pthread_spin_init(&spin, 0);
	(void)pthread_barrier_init(&barrier, 0, 1);
	(void)sem_init(&sem, 0, 0);
	if (!strcmp(what, "mutex")) {
		(void)pthread_mutex_lock(&mutex);
		(void)pthread_mutex_unlock(&mutex);
		(void)pthread_mutex_trylock(&mutex);
		(void)pthread_mutex_timedlock(&mutex, &past);
		(void)pthread_mutex_unlock(&mutex);
	} else if (!strcmp(what, "rwlock")) {
		(void)pthread_rwlock_rdlock(&rwlock);
		(void)pthread_rwlock_unlock(&rwlock);
		(void)pthread_rwlock_wrlock(&rwlock);
		(void)pthread_rwlock_unlock(&rwlock);
	} else if (!strcmp(what, "spin")) {
		(void)pthread_spin_lock(&spin);
		(void)pthread_spin_unlock(&spin);
	} else if (!strcmp(what, "cond")) {
		(void)pthread_mutex_lock(&mutex);
		(void)pthread_cond_timedwait(&cond, &mutex, &past);
		(void)pthread_cond_signal(&cond);
		(void)pthread_cond_broadcast(&cond);
		(void)pthread_mutex_unlock(&mutex);
	} else if (!strcmp(what, "barrier")) {
		(void)pthread_barrier_wait(&barrier);
	} else if (!strcmp(what, "sem")) {
		(void)sem_post(&sem);
		(void)sem_wait(&sem);
	} else if (!strcmp(what, "thread")) {
		(void)pthread_create(&thread, 0, nothing, 0);
		(void)pthread_join(thread, 0);
	}
	return 0;
}
