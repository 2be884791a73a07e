/* SPDX-License-Identifier: BSD-2-Clause */
/* The profiler from inside: what is accounted for, and what is left behind. */

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <raceshim/cpuprof.h>

#include "check.h"
#include "core/sys.h"
#include "threads_sig.h"

#define THREADS 500

/* In the visible build the profiler's thread is one that ThreadSanitizer sees, also after a fork. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

static unsigned int times = 100; /* of starting and stopping */
static uint32_t others = 1;      /* threads there are anyway: this one, and a detector's */

/* Other threads have to get on, on a busy machine too. */
static void look_again(void)
{
	usleep(1000);
}

static double cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct rsh_cpuprof_stats stats(void)
{
	struct rsh_cpuprof_stats s;

	CHECK_EQ(rsh_cpuprof_stats(&s), 0);
	return s;
}

static uint64_t lost(const struct rsh_cpuprof_stats *s)
{
	uint64_t all = 0;

	for (int why = 0; why < RSH_CPUPROF_LOST_CLASSES; why++)
		all += s->lost[why];
	return all;
}

static void start(uint32_t hz, uint32_t clock)
{
	const struct rsh_cpuprof_options o = {.hz = hz, .clock = clock};

	CHECK_EQ(rsh_cpuprof_start(&o), 0);
}

static struct rsh_cpuprof_stats stop(void)
{
	struct rsh_cpuprof_stats s;

	CHECK_EQ(rsh_cpuprof_stop(), 0);
	s = stats();
	CHECK_EQ(s.running, 0);
	CHECK_EQ(s.threads, 0);
	CHECK_EQ(s.accepted, s.delivered + lost(&s));
	return s;
}

static int count_bytes(void *arg, const void *buf, size_t n)
{
	size_t *bytes = arg;

	CHECK(buf);
	*bytes += n;
	return 0;
}

static int fail(void *arg, const void *buf, size_t n)
{
	(void)arg;
	(void)buf;
	(void)n;
	return EIO;
}

static void test_arguments(void)
{
	size_t bytes = 0;
	const struct rsh_writer w = {count_bytes, &bytes}, none = {NULL, NULL}, bad = {fail, NULL};
	const struct rsh_cpuprof_options too_fast = {.hz = RSH_CPUPROF_HZ_MAX + 1},
	                                 no_clock = {.clock = 4},
	                                 by_tick = {.hz = 5000, .clock = RSH_CPUPROF_TIMER};
	struct rsh_cpuprof_stats s;

	CHECK_EQ(rsh_cpuprof_stop(), ESRCH);
	CHECK_EQ(rsh_cpuprof_stats(&s), ESRCH);
	CHECK_EQ(rsh_cpuprof_stats(NULL), EINVAL);
	CHECK_EQ(rsh_cpuprof_write(&w), ESRCH);
	CHECK_EQ(rsh_cpuprof_start(&too_fast), EINVAL);
	CHECK_EQ(rsh_cpuprof_start(&no_clock), EINVAL);
	CHECK_EQ(rsh_cpuprof_start(&by_tick), RSH_ECPUPROFRATE);
	CHECK_EQ(rsh_cpuprof_start(NULL), 0);
	CHECK_EQ(rsh_cpuprof_start(NULL), EBUSY);
	s = stats();
	CHECK_EQ(s.running, 1);
	CHECK_EQ(s.hz, 100);
	others = s.threads;
	CHECK(others == 1 || others == 2);
	CHECK_EQ(rsh_cpuprof_write(NULL), RSH_ENOWRITER);
	CHECK_EQ(rsh_cpuprof_write(&none), RSH_ENOWRITER);
	CHECK_EQ(rsh_cpuprof_write(&bad), EIO);
	CHECK_EQ(rsh_cpuprof_write(&w), 0);
	CHECK(bytes > 20);
	stop();
	CHECK_EQ(rsh_cpuprof_stop(), ESRCH);
	CHECK_EQ(rsh_cpuprof_write(&w), 0);
	CHECK_EQ(rsh_cpuprof_write_file(NULL), EINVAL);
	CHECK_EQ(rsh_cpuprof_write_file("/nowhere/profile"), ENOENT);
}

/* Each signal is a sample: at one tick a second the clock adds none. */
static void check_signals_are_accounted_for(unsigned int n, int fits)
{
	for (;;) {
		double before = cpu_time();
		struct rsh_cpuprof_stats s;

		start(1, RSH_CPUPROF_AUTO);
		send_sig(n);
		s = stop();
		if (cpu_time() - before > 0.5)
			continue;
		CHECK_EQ(s.accepted, n);
		CHECK_EQ(s.ticks, n);
		CHECK_EQ(s.truncated, 0);
		if (fits)
			CHECK_EQ(s.delivered, n);
		return;
	}
}

static void test_raw_samples(void)
{
	const struct rsh_cpuprof_options o = {.hz = 1, .raw = 1};
	static struct rsh_cpuprof_record records[7];
	uint64_t samples = 0, losses = 0, last = 0;
	struct rsh_cpuprof_stats s;
	size_t got;

	CHECK_EQ(rsh_cpuprof_read(records, 7, &got), ESRCH);
	CHECK_EQ(rsh_cpuprof_start(&o), 0);
	CHECK_EQ(rsh_cpuprof_read(NULL, 7, &got), EINVAL);
	CHECK_EQ(rsh_cpuprof_read(records, 7, NULL), EINVAL);
	CHECK_EQ(rsh_label_set("who", "me"), 0);
	send_sig(2000); /* more than a ring holds */
	CHECK_EQ(rsh_label_set("who", NULL), 0);
	CHECK_EQ(rsh_cpuprof_stop(), 0);
	do {
		CHECK_EQ(rsh_cpuprof_read(records, 7, &got), 0);
		for (size_t i = 0; i < got; i++) {
			const struct rsh_cpuprof_record *r = &records[i];

			if (r->lost >= 0) {
				CHECK_EQ(r->lost, RSH_CPUPROF_LOST_OVERFLOW);
				losses += r->ticks;
				continue;
			}
			samples += r->ticks;
			CHECK_EQ(r->tid, rshi_gettid_sig());
			CHECK(r->n > 2 && r->pcs[0] && r->pcs[r->n - 1] && !r->pcs[r->n]);
			CHECK(r->time > last);
			last = r->time;
			if (samples == 1 || samples == 100) {
				CHECK_EQ(r->n_labels, 1);
				CHECK(!memcmp(r->labels, "who\0me", 7));
			}
		}
	} while (got);
	s = stats();
	CHECK(losses > 0);
	CHECK(s.accepted >= 2000);
	CHECK_EQ(s.accepted, s.delivered + lost(&s));
	CHECK_EQ(s.delivered, samples);
	CHECK_EQ(lost(&s), losses);
}

static atomic_int runs;

static void on_user(int signo)
{
	(void)signo;
	atomic_fetch_add(&runs, 1);
}

static void test_a_stray_signal_is_harmless(void)
{
	struct sigaction action = {.sa_handler = on_user, .sa_flags = SA_RESTART}, old;
	int before;

	/* Where there was none, it is ignored from now on. */
	start(100, RSH_CPUPROF_AUTO);
	stop();
	send_sig(1);
	/* Where there was one, it is back. */
	CHECK_EQ(sigaction(SIGPROF, &action, NULL), 0);
	start(100, RSH_CPUPROF_AUTO);
	before = atomic_load(&runs);
	send_sig(5);
	CHECK_EQ(atomic_load(&runs), before);
	CHECK(stop().accepted >= 5);
	raise(SIGPROF);
	CHECK_EQ(atomic_load(&runs), before + 1);
	CHECK_EQ(sigaction(SIGPROF, NULL, &old), 0);
	CHECK(old.sa_handler == on_user);
}

static void test_a_later_handler_is_found_out(void)
{
	struct sigaction action = {.sa_handler = on_user, .sa_flags = SA_RESTART};

	start(1000, RSH_CPUPROF_AUTO);
	CHECK_EQ(stats().taken, 0);
	CHECK_EQ(sigaction(SIGPROF, &action, NULL), 0);
	while (!stats().taken)
		look_again();
	CHECK_EQ(stats().threads, 0);
	stop();
	/* It is still there. */
	atomic_store(&runs, 0);
	raise(SIGPROF);
	CHECK_EQ(atomic_load(&runs), 1);
}

static int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = -2; /* . and .. */

	CHECK(dir);
	while (readdir(dir))
		n++;
	CHECK_EQ(closedir(dir), 0);
	return n;
}

/* The profiler's thread looks into /proc whenever it likes: what it has open there is no leak. */
static int count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	CHECK(dir);
	for (const struct dirent *e; (e = readdir(dir));) {
		char target[64] = "";

		if (readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1) > 0)
			n += strncmp(target, "/proc/", 6) != 0;
	}
	CHECK_EQ(closedir(dir), 0);
	return n;
}

static int timers(void)
{
	FILE *file = fopen("/proc/self/timers", "r");
	char line[128];
	int n = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		n += !strncmp(line, "ID:", 3);
	CHECK_EQ(fclose(file), 0);
	return n;
}

static void *live_shortly(void *arg)
{
	send_sig(2);
	return arg;
}

static void *exit_shortly(void *arg)
{
	send_sig(2);
	pthread_exit(arg);
}

/* Each thread that has ended has given back what it had, before anybody can join it. */
static void check_threads_leave_nothing(uint32_t clock, int n)
{
	int fds, ids;
	struct rsh_cpuprof_stats s;

	start(10, clock);
	fds = count_files();
	ids = timers();
	for (int i = 0; i < n; i++) {
		pthread_t thread;

		CHECK_EQ(pthread_create(&thread, NULL, i % 2 ? live_shortly : exit_shortly, NULL),
		         0);
		CHECK_EQ(pthread_join(thread, NULL), 0);
	}
	CHECK_EQ(count_files(), fds);
	CHECK_EQ(timers(), ids);
	CHECK_EQ(stats().threads, others);
	s = stop();
	CHECK(s.accepted >= 2 * (uint64_t)n);
	CHECK_EQ(s.unsampled, 0);
	CHECK_EQ(timers(), 0);
}

static atomic_int go_on;

static void *wait_for_it(void *arg)
{
	send_sig(1);
	while (!atomic_load(&go_on))
		look_again();
	return arg;
}

static void test_threads_that_were_there_are_found(void)
{
	pthread_t threads[5];

	atomic_store(&go_on, 0);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, wait_for_it, NULL), 0);
	start(1000, RSH_CPUPROF_AUTO);
	CHECK_EQ(stats().threads, others + 5);
	atomic_store(&go_on, 1);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	/* Nobody tells that these have ended. */
	while (stats().threads != others)
		look_again();
	stop();
}

static void test_a_raw_clone_is_found(void)
{
	uint64_t before;

	start(1000, RSH_CPUPROF_AUTO);
	if (clone_start_sig() > 0) {
		while (stats().threads != others + 1)
			look_again();
		before = stats().accepted;
		while (stats().accepted < before + 20)
			look_again();
		clone_end_sig();
		while (stats().threads != others)
			look_again();
	}
	stop();
}

static void *block(void *arg)
{
	sigset_t set;

	sigfillset(&set);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, NULL), 0);
	while (!atomic_load(&go_on))
		look_again();
	return arg;
}

static void test_threads_that_block_the_signal_are_counted(void)
{
	pthread_t thread;

	atomic_store(&go_on, 0);
	start(100, RSH_CPUPROF_AUTO);
	CHECK_EQ(pthread_create(&thread, NULL, block, NULL), 0);
	/* A detector's own thread does too. */
	while (stats().blocked != others)
		look_again();
	atomic_store(&go_on, 1);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	stop();
}

/* ... but one that only inherits the mask does not. */
static void test_an_inherited_mask_blocks_nothing(void)
{
	sigset_t set, old;
	pthread_t thread;

	start(1, RSH_CPUPROF_AUTO);
	sigfillset(&set);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &set, &old), 0);
	CHECK_EQ(pthread_create(&thread, NULL, live_shortly, NULL), 0);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(stop().accepted >= 2);
}

static void await(pid_t child)
{
	int status;

	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static void test_a_forked_child_starts_stopped(void)
{
	pid_t child;

	start(1000, RSH_CPUPROF_AUTO);
	send_sig(3);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		struct rsh_cpuprof_stats s;

		CHECK_EQ(rsh_cpuprof_stats(&s), ESRCH);
		CHECK_EQ(rsh_cpuprof_stop(), ESRCH);
		CHECK_EQ(timers(), 0);
		send_sig(1);
		start(1, RSH_CPUPROF_AUTO);
		send_sig(3);
		CHECK(stop().accepted >= 3);
		_exit(0);
	}
	await(child);
	CHECK(stop().accepted >= 3);
}

static void test_an_exec_does_not_die(const char *self)
{
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();

		CHECK(child >= 0);
		if (!child) {
			/* Whatever the clock, there is always a signal on its way. */
			static const uint32_t clocks[] = {RSH_CPUPROF_AUTO, RSH_CPUPROF_WALL,
			                                  RSH_CPUPROF_TIMER};
			double until = cpu_time() + 0.003;

			start(i % 3 == 2 ? 250 : 5000, clocks[i % 3]);
			while (cpu_time() < until)
				;
			execl(self, self, "nothing", (char *)NULL);
			_exit(1);
		}
		await(child);
	}
}

static void test_starting_and_stopping(void)
{
	struct sigaction action = {.sa_handler = on_user, .sa_flags = SA_RESTART};
	int id = -1, fds;

	/* Signals at any place in both, of a clock that is not the profiler's. */
	CHECK_EQ(sigaction(SIGPROF, &action, NULL), 0);
	CHECK_EQ(rshi_timer_create_sig(CLOCK_MONOTONIC, rshi_gettid_sig(), SIGPROF, 0, &id), 0);
	CHECK_EQ(rshi_timer_settime_sig(id, 20000, 20000), 0);
	start(100, RSH_CPUPROF_AUTO);
	stop();
	fds = count_files();
	for (unsigned int i = 0; i < times; i++) {
		start(i % 2 ? 1000 : 100, RSH_CPUPROF_AUTO);
		stop();
	}
	CHECK_EQ(rshi_timer_delete_sig(id), 0);
	CHECK_EQ(count_files(), fds);
	/* The last of the profiler's threads is on its way out. */
	while (count_threads() != (int)others)
		look_again();
	CHECK_EQ(timers(), 0);
}

static void test_labels(void)
{
	char key[8] = "k00";

	CHECK_EQ(rsh_label_set(NULL, "x"), EINVAL);
	CHECK_EQ(rsh_label_set("", "x"), EINVAL);
	for (int i = 0; i < 16; i++) {
		key[2] = (char)('a' + i);
		CHECK_EQ(rsh_label_set(key, "value"), 0);
		CHECK_EQ(rsh_label_set(key, "another"), 0);
	}
	CHECK_EQ(rsh_label_set("one more", "x"), E2BIG);
	CHECK_EQ(rsh_label_set("k0a", "x"), 0);
	for (int i = 0; i < 16; i++) {
		key[2] = (char)('a' + i);
		CHECK_EQ(rsh_label_set(key, NULL), 0);
		CHECK_EQ(rsh_label_set(key, NULL), 0);
	}
}

static void *nothing(void *arg)
{
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t first;

	if (argc > 1 && !strcmp(argv[1], "nothing"))
		return 0;
	if (argc > 1)
		times = (unsigned int)strtoul(argv[1], NULL, 10);
	/* A detector starts its own thread with the first of the program's. */
	CHECK_EQ(pthread_create(&first, NULL, nothing, NULL), 0);
	CHECK_EQ(pthread_join(first, NULL), 0);
	test_arguments();
	check_signals_are_accounted_for(50, 1);
	check_signals_are_accounted_for(5000, 0);
	test_raw_samples();
	test_a_stray_signal_is_harmless();
	test_a_later_handler_is_found_out();
	check_threads_leave_nothing(RSH_CPUPROF_AUTO, THREADS);
	check_threads_leave_nothing(RSH_CPUPROF_TIMER, THREADS);
	check_threads_leave_nothing(RSH_CPUPROF_WALL, THREADS / 5);
	test_threads_that_were_there_are_found();
	test_a_raw_clone_is_found();
	test_threads_that_block_the_signal_are_counted();
	test_an_inherited_mask_blocks_nothing();
	test_a_forked_child_starts_stopped();
	test_an_exec_does_not_die(argv[0]);
	test_starting_and_stopping();
	test_labels();
	puts("every signal is accounted for");
	return 0;
}
