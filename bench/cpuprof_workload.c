/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads that spend three quarters of their time in one function and a quarter in another one,
 * and measure by their own clocks how much it really was.
 *
 * cpuprof_workload VARIANT SECONDS|xROUNDS: in variant 0 the two call nothing, in 1 the quarter
 * calls memcpy(), in 2 the three quarters do; each thread runs for so many seconds of processor time,
 * or so many rounds. Prints nanoseconds: in hot75, in hot25, of processor time of the process.
 *
 * With CLOCK_ALONE=HZ in the environment each thread gets the signals that our profiler would have it
 * get, from the same clock of the kernel's, and a handler that does nothing.
 */

#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS 2
#define WORDS   256
#define PAUSE   256000000 /* nanoseconds between two pauses */

static int variant;
static double seconds;
static long rounds;

struct tally {
	uint64_t data[WORDS], copy[WORDS];
	uint32_t chance;
	int64_t in75, in25;
};

static struct tally tallies[THREADS];

static int64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* libc's, which no detector holds signals back of. */
extern int __sigaction(int signo, const struct sigaction *action, struct sigaction *before);

static void do_nothing(int signo, siginfo_t *info, void *ucontext)
{
	(void)signo;
	(void)info;
	(void)ucontext;
}

static void start_clock(long hz)
{
	struct perf_event_attr attr = {
	        .size = sizeof(attr),
	        .type = PERF_TYPE_SOFTWARE,
	        .config = PERF_COUNT_SW_CPU_CLOCK,
	        .sample_period = (uint64_t)(1000000000 / hz),
	        .exclude_kernel = 1,
	        .exclude_hv = 1,
	        .wakeup_events = 1,
	};
	struct sigaction action = {.sa_sigaction = do_nothing, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct f_owner_ex owner = {F_OWNER_TID, (int)syscall(SYS_gettid)};
	int fd;

	__sigaction(SIGPROF, &action, NULL);
	fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0 || fcntl(fd, F_SETOWN_EX, &owner) || fcntl(fd, F_SETSIG, SIGPROF) ||
	    fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK)) {
		perror("perf_event_open");
		exit(3);
	}
}

#define MIX(t, n, copies)                                                                          \
	for (long i = 0; i < (n); i++) {                                                           \
		uint64_t *word = &(t)->data[i % WORDS];                                            \
                                                                                                   \
		*word = *word * 6364136223846793005u + 1442695040888963407u;                       \
		if ((copies) && i % 512 == 0)                                                      \
			memcpy((t)->copy, (t)->data, (size_t)(*word % sizeof((t)->copy)));         \
	}

__attribute__((noinline)) static void hot75(struct tally *t, long n)
{
	MIX(t, n, variant == 2)
}

__attribute__((noinline)) static void hot25(struct tally *t, long n)
{
	MIX(t, n, variant == 1)
}

/*
 * Of changing length, so that no clock gets into step with it, and of many milliseconds: the threads'
 * clocks count the kernel's part of the calls that read them, which is no time of either function.
 */
static long length(struct tally *t)
{
	t->chance = t->chance * 1664525 + 1013904223;
	return 4000000 + (long)(t->chance >> 16) * 64;
}

__attribute__((noinline)) static void *worker(void *arg)
{
	struct tally *t = arg;
	const char *hz = getenv("CLOCK_ALONE");
	int64_t start = now(CLOCK_THREAD_CPUTIME_ID), before = start, middle, after, pause = start;

	if (hz)
		start_clock(atol(hz));
	for (long round = 0;; round++) {
		long n = length(t);

		hot75(t, 3 * n);
		middle = now(CLOCK_THREAD_CPUTIME_ID);
		hot25(t, n);
		after = now(CLOCK_THREAD_CPUTIME_ID);
		t->in75 += middle - before;
		t->in25 += after - middle;
		before = after;
		if (rounds ? round + 1 >= rounds : (double)(after - start) >= seconds * 1e9)
			return NULL;
		if (after - pause > PAUSE) {
			usleep(500);
			pause = before = now(CLOCK_THREAD_CPUTIME_ID);
		}
	}
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	int64_t in75 = 0, in25 = 0;

	if (argc != 3)
		return 2;
	variant = atoi(argv[1]);
	if (argv[2][0] == 'x')
		rounds = atol(argv[2] + 1);
	else
		seconds = atof(argv[2]);
	for (int i = 0; i < THREADS; i++) {
		tallies[i].chance = (uint32_t)i + 1;
		if (pthread_create(&threads[i], NULL, worker, &tallies[i]))
			return 2;
		pthread_setname_np(threads[i], "hot");
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		in75 += tallies[i].in75;
		in25 += tallies[i].in25;
	}
	printf("%lld %lld %lld\n", (long long)in75, (long long)in25,
	       (long long)now(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}
