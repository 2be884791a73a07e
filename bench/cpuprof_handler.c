/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one sample of a CPU profile costs the thread that it is taken of, on top of the signal itself:
 * our profiler, gperftools' and a walk by libunwind, with 14 frames on the stack.
 *
 * The thread sends itself the signals, as the profiler's clock does (with the descriptor of a
 * perf_event, if there is one). The profilers are started and stopped in turns, in short rounds of
 * which the best counts: a busy machine slows them all down. Times are of the thread's CPU clock.
 * gperftools and libunwind are loaded if they are there. Exits with 1 if ours takes longer than the
 * nanoseconds given as the first argument (0 or none: no limit).
 */

#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <raceshim/cpuprof.h>

#include "stack.h"

#define WARM    20
#define SIGNALS 100 /* fewer than fit into a ring: nobody samples a thread 300,000 times a second */
#define ROUNDS  120

static int (*gperf_start)(const char *path);
static void (*gperf_stop)(void);

static uint64_t walked;
static struct rsh_cpuprof_stats stats;
static siginfo_t info;

static void fail(const char *what)
{
	fprintf(stderr, "cpuprof_handler: %s\n", what);
	exit(2);
}

static void do_nothing(int signo, siginfo_t *siginfo, void *ucontext)
{
	(void)signo;
	(void)siginfo;
	(void)ucontext;
}

static void with_libunwind(int signo, siginfo_t *siginfo, void *ucontext)
{
	uint64_t cursor[UNW_WORDS];
	uintptr_t pc;

	(void)signo;
	(void)siginfo;
	unw_init(cursor, ucontext, 1 /* a signal frame */);
	do {
		unw_get_reg(cursor, UNW_RIP, &pc);
		walked++;
	} while (unw_step(cursor) > 0);
}

static void handle_with(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handler;
	action.sa_flags = SA_SIGINFO | SA_RESTART;
	sigaction(SIGPROF, &action, NULL);
}

static void start_bare(void)
{
	handle_with(do_nothing);
}

static void start_libunwind(void)
{
	handle_with(with_libunwind);
}

static void stop_ignoring(void)
{
	signal(SIGPROF, SIG_IGN);
}

/* The descriptor whose signals the profiler knows this thread by; 0 if its clock has none. */
static int clock_descriptor(void)
{
	char path[300], target[64];
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	int found = 0;

	while (folder && (entry = readdir(folder))) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n > 0 && !strncmp(target, "anon_inode:[perf_event]", (size_t)n))
			found = atoi(entry->d_name);
	}
	if (folder)
		closedir(folder);
	return found;
}

static void start_ours(void)
{
	struct rsh_cpuprof_options options = {1, RSH_CPUPROF_AUTO, 0};

	if (rsh_cpuprof_start(&options))
		fail("rsh_cpuprof_start failed");
	info.si_fd = clock_descriptor();
	info.si_code = info.si_fd ? POLL_IN : SI_QUEUE;
}

static void stop_ours(void)
{
	if (rsh_cpuprof_stop() || rsh_cpuprof_stats(&stats))
		fail("rsh_cpuprof_stop failed");
	if (stats.delivered < stats.accepted || stats.accepted < WARM + SIGNALS || stats.truncated)
		fail("samples are lost, or do not reach the root");
}

/* It installs its handler the first time only. */
static struct sigaction gperf_action;

static void start_gperftools(void)
{
	gperf_start("/dev/null");
	if (!gperf_action.sa_sigaction)
		sigaction(SIGPROF, NULL, &gperf_action);
	sigaction(SIGPROF, &gperf_action, NULL);
}

/* It says on stderr how many samples it had. */
static void stop_gperftools(void)
{
	int null = open("/dev/null", O_WRONLY), kept = dup(2);

	dup2(null, 2);
	gperf_stop();
	dup2(kept, 2);
	close(null);
	close(kept);
	stop_ignoring();
}

static struct profiler {
	const char *name;
	void (*start)(void);
	void (*stop)(void);
	double best;
} profilers[] = {
        {"bare signal", start_bare, stop_ignoring, 1e30},
        {"raceshim", start_ours, stop_ours, 1e30},
        {"libunwind", start_libunwind, stop_ignoring, 1e30},
        {"gperftools", start_gperftools, stop_gperftools, 1e30},
};
static const size_t profiler_count = sizeof(profilers) / sizeof(profilers[0]);

static int is_here(const struct profiler *p)
{
	return (p->start != start_libunwind || unw_step) &&
	       (p->start != start_gperftools || gperf_stop);
}

static int frames;

__attribute__((noinline)) static void run_rounds(void)
{
	void *pcs[64];
	long pid = getpid(), tid = syscall(SYS_gettid);

	frames = backtrace(pcs, 64);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < profiler_count; i++) {
			double start = 0, took;

			if (!is_here(&profilers[i]))
				continue;
			memset(&info, 0, sizeof(info));
			info.si_signo = SIGPROF;
			info.si_code = SI_QUEUE;
			profilers[i].start();
			for (int j = -WARM; j < SIGNALS; j++) {
				long ret;

				if (j == 0)
					start = now();
				/* Inline, so that the interrupted function is this one. */
				__asm__ volatile("mov %[info], %%r10\n\tsyscall"
				                 : "=a"(ret)
				                 : "a"(SYS_rt_tgsigqueueinfo), "D"(pid), "S"(tid),
				                   "d"(SIGPROF), [info] "r"(&info)
				                 : "rcx", "r10", "r11", "memory");
				if (ret)
					fail("no signal can be sent");
			}
			took = (now() - start) / SIGNALS;
			profilers[i].stop();
			if (took < profilers[i].best)
				profilers[i].best = took;
		}
	}
}

static void load_peers(void)
{
	void *library;

	load_libunwind();
	setenv("CPUPROFILE_FREQUENCY", "1", 1);
	library = dlopen("libprofiler.so.0", RTLD_NOW | RTLD_LOCAL);
	if (library) {
		gperf_start = dlsym(library, "ProfilerStart");
		gperf_stop = dlsym(library, "ProfilerStop");
		start_gperftools();
		stop_gperftools();
	}
}

int main(int argc, char **argv)
{
	double limit = argc > 1 ? strtod(argv[1], NULL) : 0, bare, ours;

	load_peers();
	/* run_rounds, descend at least once, main, and three frames of libc below it */
	depth_wanted = FRAMES - 6;
	descend(0, run_rounds);
	bare = profilers[0].best;
	ours = profilers[1].best - bare;
	printf("%-20s %8.0f ns\n", profilers[0].name, bare);
	printf("on top of that, with %d frames\n", frames);
	for (size_t i = 1; i < profiler_count; i++) {
		double extra = profilers[i].best - bare;

		if (is_here(&profilers[i]))
			printf("%-20s %8.0f ns %8.1f times ours\n", profilers[i].name, extra,
			       extra / ours);
		else
			printf("%-20s not here\n", profilers[i].name);
	}
	if (frames != FRAMES) {
		fprintf(stderr, "cpuprof_handler: %d frames, not %d\n", frames, FRAMES);
		return 2;
	}
	return limit > 0 && ours > limit;
}
