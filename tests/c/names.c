/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a profile of places that somebody else knows the names of, to the file that the first
 * argument names. The others are, each at most once:
 *
 *   plugin PATH OTHER   load a library, profile it, unload it; then another one
 *   lose PATH           load a library and remove its file
 *   swap PATH OTHER     load a library and put another one to its place
 *   unload              the libraries of the two words above do not stay loaded
 *   stubs ADDRESS ...   the stubs at these addresses, which nobody moves; the last argument
 *   orphan              do it all when the process's first thread has ended; the first argument
 *   vanish              remove the program's own file
 *
 * On stdout: what cannot be known before.
 */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "core/sys.h"
#include "encode/pprof_table.h"

/* A function that ends in a call, one that follows it, and one that has no size. */
void ends_in_call(void);
void follows(void);
void has_no_size(void);
void ends(void);
__asm__(".text\n"
        ".globl ends_in_call, follows, has_no_size, ends\n"
        ".type ends_in_call, @function\n"
        ".type follows, @function\n"
        ".type has_no_size, @function\n"
        "ends_in_call: nop\n"
        "nop\n"
        ".size ends_in_call, . - ends_in_call\n"
        "follows: nop\n"
        "nop\n"
        ".size follows, . - follows\n"
        "has_no_size: nop\n"
        "nop\n"
        "ends:\n"
        "nop\n"
        ".size ends, . - ends\n"
        ".skip 8\n");

/* Two names for one function: as programs call it, and as its maker does. */
void __made_up(void);
void made_up(void);
__asm__(".globl __made_up, made_up\n"
        ".type __made_up, @function\n"
        ".type made_up, @function\n"
        "__made_up:\n"
        "made_up: ret\n"
        ".size __made_up, . - __made_up\n"
        ".size made_up, . - made_up\n");

extern void tsan_entry(void *pc) __asm__("__tsan_func_entry") __attribute__((weak));

static const struct rshi_pprof_type types[] = {{"samples", "count"}};
static struct rshi_pprof *profile;

/* A stack whose label says what it is to show. */
static void add(const char *what, const uintptr_t *pcs, size_t n)
{
	const int64_t value = 1;
	const struct rshi_pprof_label label = {.key = "case", .value = what};

	CHECK_EQ(rshi_pprof_add(profile, pcs, n, &value, &label, 1), 0);
}

static void add_place(const char *what, uintptr_t pc)
{
	add(what, &pc, 1);
}

static void nothing(int signo)
{
	(void)signo;
}

/* Where handlers return to. */
static uintptr_t restorer(void)
{
	struct {
		uintptr_t handler, flags, restorer;
		uint64_t mask;
	} kernel = {0};
	struct sigaction action = {.sa_handler = nothing};

	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(rshi_call_sig(SYS_rt_sigaction, SIGUSR1, 0, (long)&kernel, 8, 0), 0);
	return kernel.restorer;
}

static void add_frames(void)
{
	const uintptr_t start = (uintptr_t)ends_in_call, next = (uintptr_t)follows;
	const uintptr_t called[] = {start, next, next + 1}, again[] = {next, next};
	const uintptr_t interrupted[] = {start, next + 1, restorer(), next, next};

	add("called", called, 3);
	add("exact", again, 1);
	add("interrupted", interrupted, 5);
}

static void add_places(void)
{
	void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);

	add_place("no size", (uintptr_t)has_no_size + 1);
	add_place("behind it", (uintptr_t)ends);
	add_place("gap", (uintptr_t)ends + 1);
	add_place("two names", (uintptr_t)made_up);
	add_place("static", (uintptr_t)add_frames);
	add_place("libc", (uintptr_t)dlsym(RTLD_DEFAULT, "qsort_r"));
	add_place("nowhere", 0x10);
	if (tsan_entry)
		add_place("tsan", (uintptr_t)tsan_entry);
	if (vdso)
		add_place("vdso", (uintptr_t)dlsym(vdso, "__vdso_clock_gettime"));
}

static uintptr_t load(const char *path, void **library)
{
	*library = dlopen(path, RTLD_NOW);
	if (!*library)
		fprintf(stderr, "%s\n", dlerror());
	CHECK(*library);
	CHECK(dlsym(*library, "plugin_work"));
	/* Costs nothing, so that the next look is due, however short ago it was. */
	profile->mappings.took = 0;
	CHECK_EQ(rshi_pprof_note_mappings(profile), 0);
	return (uintptr_t)dlsym(*library, "plugin_work");
}

static void add_plugins(char **path)
{
	void *library;
	uintptr_t first = load(path[0], &library), second;

	add_place("plugin", first);
	CHECK_EQ(dlclose(library), 0);
	second = load(path[1], &library);
	add_place("other plugin", second);
	CHECK_EQ(dlclose(library), 0);
	printf("%d\n", first == second);
}

static int unloads;

/* Profile a library whose file is about to go. */
static void add_library(const char *what, const char *path)
{
	void *library;

	add_place(what, load(path, &library));
	if (unloads)
		CHECK_EQ(dlclose(library), 0);
}

static int write_file(void *arg, const void *buf, size_t n)
{
	return fwrite(buf, 1, n, arg) == n ? 0 : EIO;
}

static int run(int argc, char **argv)
{
	const struct rshi_pprof_options options = {.types = types, .n_types = 1};
	struct rsh_writer writer;
	FILE *file;

	CHECK(argc > 1);
	CHECK_EQ(rshi_pprof_create(&options, &profile), 0);
	add_frames();
	add_places();
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "plugin")) {
			add_plugins(&argv[i + 1]);
		} else if (!strcmp(argv[i], "unload")) {
			unloads = 1;
		} else if (!strcmp(argv[i], "lose")) {
			add_library("lost plugin", argv[i + 1]);
			CHECK_EQ(unlink(argv[i + 1]), 0);
		} else if (!strcmp(argv[i], "swap")) {
			add_library("swapped plugin", argv[i + 1]);
			CHECK_EQ(rename(argv[i + 2], argv[i + 1]), 0);
		} else if (!strcmp(argv[i], "stubs")) {
			while (++i < argc)
				add_place(argv[i], strtoul(argv[i], NULL, 16));
		} else if (!strcmp(argv[i], "vanish")) {
			CHECK_EQ(unlink(argv[0]), 0);
		}
	}
	file = fopen(argv[1], "w");
	CHECK(file);
	writer.write = write_file;
	writer.arg = file;
	CHECK_EQ(rshi_pprof_write(profile, 0, 0, &writer), 0);
	CHECK_EQ(fclose(file), 0);
	rshi_pprof_destroy(profile);
	return 0;
}

struct arguments {
	int argc;
	char **argv;
};

/* Wait until the first thread is gone, and its memory with it. */
static void *run_orphaned(void *arg)
{
	const struct arguments *arguments = arg;
	char line[1024], *name_end = NULL;

	while (!name_end || name_end[2] != 'Z') {
		FILE *stat = fopen("/proc/self/stat", "r");

		CHECK(stat);
		CHECK(fgets(line, sizeof(line), stat));
		fclose(stat);
		name_end = strrchr(line, ')');
		CHECK(name_end);
		sched_yield();
	}
	CHECK(access("/proc/self/exe", F_OK));
	exit(run(arguments->argc, arguments->argv));
}

int main(int argc, char **argv)
{
	static struct arguments arguments;
	pthread_t thread;

	if (argc < 3 || strcmp(argv[2], "orphan"))
		return run(argc, argv);
	arguments.argc = argc;
	arguments.argv = argv;
	CHECK_EQ(pthread_create(&thread, NULL, run_orphaned, &arguments), 0);
	pthread_exit(NULL);
}
