/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that know how often they called hot(): each says so on stdout, "hot <calls>". The tests
 * hold that against what the coverage of the process counted at the function's entry.
 */

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <raceshim/cover.h>

#define THREADS 8
#define CALLS   1000000

extern void *__dso_handle;
int __cxa_thread_atexit_impl(void (*dtor)(void *), void *object, void *dso);

static _Thread_local volatile long sink, drain;

__attribute__((noinline)) void hot(long i)
{
	if (i % 3 == 0) {
		sink += i;
	} else {
		drain = i;
		drain = 0;
	}
}

static void must(int err, const char *what)
{
	if (err) {
		fprintf(stderr, "%s: error %d\n", what, err);
		exit(1);
	}
}

static void *call_often(void *calls)
{
	for (long i = 0; i < (long)calls; i++)
		hot(i);
	return NULL;
}

/* Start @n threads that call hot() @calls times. */
static void start(pthread_t *threads, int n, long calls)
{
	for (int i = 0; i < n; i++)
		must(pthread_create(&threads[i], NULL, call_often, (void *)calls), "thread");
}

static void join(pthread_t *threads, int n)
{
	for (int i = 0; i < n; i++)
		must(pthread_join(threads[i], NULL), "join");
}

static long at_once(void)
{
	pthread_t threads[THREADS];

	start(threads, THREADS, CALLS);
	join(threads, THREADS);
	return (long)THREADS * CALLS;
}

/* Many threads that live shortly, a few at a time. */
static long churn(void)
{
	pthread_t threads[THREADS];
	long done = 0;

	for (int round = 0; round < 1000 / THREADS; round++, done += THREADS * 50)
		for (int half = 0; half < 2; half++) {
			start(threads, THREADS / 2, 50);
			join(threads, THREADS / 2);
		}
	return done;
}

/* The handler counts in the function that it interrupts, at the same edges. */
static atomic_long handled;

static void on_signal(int signo)
{
	(void)signo;
	hot(atomic_fetch_add_explicit(&handled, 1, memory_order_relaxed));
}

static void set_storm(void (*handler)(int), long microseconds)
{
	struct itimerval often = {{0, microseconds}, {0, microseconds}};
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART};

	must(sigaction(SIGALRM, &act, NULL), "sigaction");
	must(setitimer(ITIMER_REAL, &often, NULL), "setitimer");
}

/* All that have been sent are handled, for the threads that could are gone. */
static long end_storm(void)
{
	set_storm(on_signal, 0);
	usleep(0);
	set_storm(SIG_IGN, 0);
	return atomic_load_explicit(&handled, memory_order_relaxed);
}

static long signals(void)
{
	long calls = 0;

	set_storm(on_signal, 50);
	for (; atomic_load_explicit(&handled, memory_order_relaxed) < 3000; calls += 1000) {
		call_often((void *)1000);
		usleep(0); /* where ThreadSanitizer calls the handler */
	}
	return calls + end_storm();
}

/* The first edges of a thread may be the handler's, and in the middle of its own first one. */
static long storm(void)
{
	long calls;

	set_storm(on_signal, 50);
	for (calls = 0; atomic_load_explicit(&handled, memory_order_relaxed) < 1000;)
		calls += churn();
	return calls + end_storm();
}

/* What a process leaves behind that kills itself. */
static long aborted(void)
{
	printf("hot %ld\n", at_once());
	fflush(stdout);
	abort();
}

/* A child counts from zero, of which its parent's count knows nothing. */
static long forked(void)
{
	pthread_t threads[THREADS];
	pid_t child;
	int status;

	start(threads, THREADS, CALLS);
	call_often((void *)1000);
	child = fork();
	must(child < 0, "fork");
	if (child == 0) {
		pthread_t own[2];

		/* Of the forking thread, and of new ones. */
		call_often((void *)500);
		start(own, 2, 70);
		join(own, 2);
		printf("child %d %d\n", (int)getpid(), 500 + 2 * 70);
		exit(0);
	}
	must(waitpid(child, &status, 0) != child || status, "child");
	join(threads, THREADS);
	return (long)THREADS * CALLS + 1000;
}

/* Until exec or _exit, the child of a vfork runs in its parent's memory, and on its counts. */
static long vforked(void)
{
	long calls = 0;

	for (int i = 0; i < 20; i++, calls += 100) {
		pid_t child = vfork();
		int status;

		if (child == 0) {
			call_often((void *)100);
			_exit(0);
		}
		must(child < 0 || waitpid(child, &status, 0) != child || status, "vfork");
	}
	return calls + at_once();
}

/* Behind everything that a thread runs: destructors of its keys, several times, and of objects. */
static pthread_key_t key;

static void at_thread_exit(void *left)
{
	call_often((void *)10);
	if ((long)left > 1)
		must(pthread_setspecific(key, (void *)((long)left - 1)), "setspecific");
}

static void at_object_end(void *object)
{
	(void)object;
	call_often((void *)7);
}

static void *with_destructors(void *arg)
{
	must(pthread_setspecific(key, (void *)3), "setspecific");
	must(__cxa_thread_atexit_impl(at_object_end, NULL, &__dso_handle), "thread_atexit");
	return arg;
}

static long destructors(void)
{
	pthread_t threads[THREADS];

	must(pthread_key_create(&key, at_thread_exit), "key_create");
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < THREADS; i++)
			must(pthread_create(&threads[i], NULL, with_destructors, NULL), "thread");
		join(threads, THREADS);
	}
	return 20 * THREADS * (3 * 10 + 7);
}

/* What is written, piece by piece, goes to one file. */
static int append(void *file, const void *bytes, size_t n)
{
	return fwrite(bytes, 1, n, file) == n ? 0 : 5;
}

static FILE *output(const char *name)
{
	const char *dir = getenv("EDGES_OUTPUT");
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : ".", name);
	file = fopen(path, "wb");
	must(!file, path);
	return file;
}

static atomic_int enough;
static atomic_long progress; /* thousands of calls */

static void *call_until_enough(void *arg)
{
	long calls = 0;

	(void)arg;
	while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
		hot(calls++);
		if (calls % 1000 == 0)
			atomic_fetch_add_explicit(&progress, 1, memory_order_relaxed);
	}
	return (void *)calls;
}

/* Wait until one of the threads has called hot() a thousand times. */
static void await_progress(void)
{
	long before = atomic_load_explicit(&progress, memory_order_relaxed);

	/* One thousand may have been called before, but for the last call. */
	while (atomic_load_explicit(&progress, memory_order_relaxed) < before + THREADS + 1)
		sched_yield();
}

/* Sweeps, with or without clearing, while threads count. */
static long swept(int (*sweep)(const struct rsh_writer *), const char *name)
{
	pthread_t threads[THREADS];
	struct rsh_writer writer = {.write = append};
	long sum = 0;

	for (int i = 0; i < THREADS; i++)
		must(pthread_create(&threads[i], NULL, call_until_enough, NULL), "thread");
	for (int i = 0; i < 100; i++) {
		char file[64];

		await_progress();
		snprintf(file, sizeof(file), "%s.%03d", name, i);
		writer.arg = output(file);
		must(sweep(&writer), name);
		must(fclose(writer.arg), "fclose");
	}
	atomic_store_explicit(&enough, 1, memory_order_relaxed);
	for (int i = 0; i < THREADS; i++) {
		void *calls;

		must(pthread_join(threads[i], &calls), "join");
		sum += (long)calls;
	}
	return sum;
}

static long emitted(void)
{
	return swept(rsh_cover_write_counters, "sweep");
}

static long read_and_cleared(void)
{
	return swept(rsh_cover_read_and_clear, "delta");
}

static long cleared(void)
{
	at_once();
	must(rsh_cover_clear(), "clear");
	return at_once();
}

static void *call_library(void *function)
{
	void (*call)(long) = (void (*)(long))function;

	for (long i = 0; i < 1000; i++)
		call(i);
	return NULL;
}

/* Libraries that come and go; threads that were there before them count in them too. */
static long unloaded(void)
{
	const char *path = getenv("EDGES_LIBRARY");
	long calls = 0;

	must(!path, "EDGES_LIBRARY");
	for (int round = 0; round < 5; round++, calls += 5000) {
		void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL), *function;
		pthread_t threads[4];

		if (!library)
			fprintf(stderr, "%s\n", dlerror());
		must(!library, "dlopen");
		function = dlsym(library, "library_hot");
		must(!function, "dlsym");
		call_library(function);
		for (int i = 0; i < 4; i++)
			must(pthread_create(&threads[i], NULL, call_library, function), "thread");
		join(threads, 4);
		must(dlclose(library), "dlclose");
	}
	printf("library_hot %ld\n", calls);
	return 0;
}

static int mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int lines = 0;

	must(!maps, "maps");
	for (int c = getc(maps); c != EOF; c = getc(maps))
		lines += c == '\n';
	must(fclose(maps), "fclose");
	return lines;
}

/* However often a library comes and goes, the memory that it counted in is used again. */
static long reloaded(void)
{
	int before = 0, after;

	for (int round = 0; round < 20; round++) {
		if (round == 5)
			before = mappings();
		unloaded();
	}
	after = mappings();
	if (after > before + 20)
		fprintf(stderr, "%d mappings became %d\n", before, after);
	must(after > before + 20, "mappings");
	return 0;
}

/* Threads that find no memory for counts of their own, not even for the first edge of all. */
static pthread_barrier_t full;

__attribute__((no_sanitize("coverage"))) static void *without_memory(void *calls)
{
	pthread_barrier_wait(&full);
	call_often(calls);
	return NULL;
}

static long no_memory(void)
{
	struct rlimit limit, none;
	pthread_t threads[THREADS];

	must(pthread_barrier_init(&full, NULL, THREADS + 1), "barrier");
	for (int i = 0; i < THREADS; i++)
		must(pthread_create(&threads[i], NULL, without_memory, (void *)1000), "thread");
	must(getrlimit(RLIMIT_AS, &limit), "getrlimit");
	none = limit;
	none.rlim_cur = 1;
	must(setrlimit(RLIMIT_AS, &none), "setrlimit");
	pthread_barrier_wait(&full);
	join(threads, THREADS);
	must(setrlimit(RLIMIT_AS, &limit), "setrlimit");
	return THREADS * 1000;
}

/* Running threads at the end: they are not waited for. */
static atomic_int ready;

static void *call_forever(void *arg)
{
	for (long i = 0;; i++) {
		hot(i);
		if (i == 1000)
			atomic_fetch_add_explicit(&ready, 1, memory_order_relaxed);
	}
	return arg;
}

static long running(void)
{
	pthread_t thread;

	for (int i = 0; i < THREADS; i++)
		must(pthread_create(&thread, NULL, call_forever, NULL), "thread");
	while (atomic_load_explicit(&ready, memory_order_relaxed) < THREADS)
		usleep(100);
	return THREADS * 1000;
}

/* A race on a plain variable: the control of every silent run. */
static long raced;

__attribute__((noinline)) static void race_here(void)
{
	raced++;
}

static void *racer(void *arg)
{
	race_here();
	return arg;
}

static long race(void)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		must(pthread_create(&threads[i], NULL, racer, NULL), "thread");
	join(threads, 2);
	hot(raced);
	return 1;
}

static const struct {
	const char *name;
	long (*run)(void);
} scenarios[] = {
        {"at_once", at_once},   {"churn", churn},
        {"signals", signals},   {"storm", storm},
        {"aborted", aborted},   {"forked", forked},
        {"vforked", vforked},   {"destructors", destructors},
        {"emitted", emitted},   {"read_and_cleared", read_and_cleared},
        {"cleared", cleared},   {"unloaded", unloaded},
        {"reloaded", reloaded}, {"no_memory", no_memory},
        {"running", running},   {"race", race},
};

/* Before main, and before coverage has been told of the program. */
__attribute__((noinline)) void hot_early(void)
{
	sink++;
}

__attribute__((constructor(90))) static void early(void)
{
	hot_early();
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (argc == 2 && strcmp(argv[1], scenarios[i].name) == 0) {
			printf("hot %ld\n", scenarios[i].run());
			return 0;
		}
	return 2;
}
