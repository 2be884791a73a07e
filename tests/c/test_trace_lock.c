/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why the reader is not woken under a lock that those who emit take: waking makes a thread runnable,
 * which is an event, whose buffer may be full, which takes that lock. One tracer the size of a page
 * does so, and hangs; the same one with the library's parking does not.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "trace/parking.h"

#define PATIENCE 300 /* milliseconds for a step that takes none */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static struct rshi_parking parking;
static int full, asleep; /* guarded by the lock */
static int steps;        /* where the child writes what it has reached */

static void reached(char step)
{
	CHECK_EQ(write(steps, &step, 1), 1);
}

/* The thread that is woken becomes runnable: an event, which finds its buffer full. */
static void emit_wake_up(void)
{
	reached('w');
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
}

static void *read_old(void *unused)
{
	pthread_mutex_lock(&lock);
	asleep = 1;
	while (!full)
		pthread_cond_wait(&work, &lock);
	pthread_mutex_unlock(&lock);
	return unused;
}

/* The reader is woken by who has filled a buffer, under the lock that says so. */
static void emit_old(void)
{
	for (int is_asleep = 0; !is_asleep;) {
		pthread_mutex_lock(&lock);
		is_asleep = asleep;
		if (is_asleep) {
			full = 1;
			emit_wake_up();
			pthread_cond_signal(&work);
		}
		pthread_mutex_unlock(&lock);
		sched_yield();
	}
}

static void *read_ours(void *unused)
{
	rshi_parking_look(&parking);
	while (!__atomic_load_n(&full, __ATOMIC_ACQUIRE)) {
		rshi_parking_wait(&parking, 0);
		rshi_parking_look(&parking);
	}
	return unused;
}

/* The lock is held here too: nobody who is woken needs it. */
static void emit_ours(void)
{
	while (!__atomic_load_n(&parking.reader, __ATOMIC_ACQUIRE))
		sched_yield();
	pthread_mutex_lock(&lock);
	__atomic_store_n(&full, 1, __ATOMIC_RELEASE);
	rshi_parking_post(&parking);
	pthread_mutex_unlock(&lock);
	emit_wake_up();
}

static void run(void *(*read)(void *), void (*emit)(void))
{
	pthread_t reader;

	CHECK_EQ(pthread_create(&reader, NULL, read, NULL), 0);
	emit();
	CHECK_EQ(pthread_join(reader, NULL), 0);
	reached('d');
}

static char next_step(int fd, int timeout)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char step = 0;

	if (poll(&poll_fd, 1, timeout) == 1)
		CHECK_EQ(read(fd, &step, 1), 1);
	return step;
}

/* Returns whether the child ends by itself, once it has come to the waking. */
static int ends(void *(*read)(void *), void (*emit)(void), int timeout)
{
	int fds[2], status;
	char step;
	pid_t pid;

	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		steps = fds[1];
		run(read, emit);
		_exit(0);
	}
	CHECK_EQ(next_step(fds[0], -1), 'w');
	step = next_step(fds[0], timeout);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	close(fds[0]);
	close(fds[1]);
	return step == 'd';
}

int main(void)
{
	CHECK(!ends(read_old, emit_old, PATIENCE));
	CHECK(ends(read_ours, emit_ours, -1));
	return 0;
}
