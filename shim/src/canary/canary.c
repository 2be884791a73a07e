/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A known race, for the gate to plant in every program that runs under ThreadSanitizer: if the gate
 * does not get to see this one, it would not have seen any other one either.
 *
 * The library is preloaded into all processes of a command. It needs no other library, and every
 * symbol that it refers to is weak: where there is no ThreadSanitizer, loading it is all that
 * happens. Where there is, the first process of each program forks before main() begins, and the
 * race is in the child. The child has the same runtime, options and suppressions, and takes
 * everything along that a report leaves in a process: threads, the open log, a symbolizer that is
 * started and would be found by wait().
 *
 * RACESHIM_CANARY_CLAIMS names a folder. A file in it, made by whoever comes first, tells which
 * program was tried, under which options, and what became of it. Its fields end in a NUL: pid,
 * program, TSAN_OPTIONS, UBSAN_OPTIONS; then, once it is known, the child's pid (negative: why there
 * is none) and its wait status.
 *
 * All of this is raw system calls, but for fork and the threads, which must be the program's own.
 */

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/signal.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#include "core/detector.h"

#if defined(__x86_64__)
#include "core/syscall_x86_64.h"
#elif defined(__aarch64__)
#include "core/syscall_aarch64.h"
#else
#error "no system calls for this machine: add shim/src/core/syscall_<machine>.h"
#endif

#define CLAIMS   "RACESHIM_CANARY_CLAIMS"
#define PATH_LEN 4096
#define FNV_BASE 0xcbf29ce484222325u
#define FNV_MUL  0x100000001b3u

/* The exit status of a child that could not start its threads. */
#define NO_THREADS 9

/* Those of the program: a detector's, where one is. pthread_t is a word in all libcs of Linux. */
typedef unsigned long thread_id;
int rshi_fork(void) RSHI_HOOK(fork);
int rshi_pthread_create(thread_id *, const void *, void *(*)(void *), void *)
        RSHI_HOOK(pthread_create);
int rshi_pthread_join(thread_id, void **) RSHI_HOOK(pthread_join);

/* The two functions of the report. Their names are the canary's sign, so they are exported. */
__attribute__((visibility("default"))) void *rsh_canary_first(void *arg);
__attribute__((visibility("default"))) void *rsh_canary_second(void *arg);

enum { NOBODY, FIRST, BOTH };

static uint64_t rsh_canary_word;
static uint32_t written; /* by whom, in order; no detector sees it, nor the futex */

static void tell(uint32_t by)
{
	/* [CA1] release, pairs with [CA2]: the access has been announced. */
	__atomic_store_n(&written, by, __ATOMIC_RELEASE);
	(void)rshi_syscall(__NR_futex, (long)&written, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 2, 0, 0, 0);
}

static void await(uint32_t by)
{
	uint32_t now;

	/* [CA2] acquire, pairs with [CA1]: what follows is later in time. */
	while ((now = __atomic_load_n(&written, __ATOMIC_ACQUIRE)) < by)
		(void)rshi_syscall(__NR_futex, (long)&written, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, now,
		                   0, 0, 0);
}

/* One after the other, for two accesses at the same moment are missed now and then. */
void *rsh_canary_first(void *arg)
{
	rshi_tsan_write_range_pc(&rsh_canary_word, sizeof(rsh_canary_word),
	                         (const char *)(uintptr_t)rsh_canary_first + 1);
	tell(FIRST);
	await(BOTH);
	return arg;
}

void *rsh_canary_second(void *arg)
{
	await(FIRST);
	rshi_tsan_write_range_pc(&rsh_canary_word, sizeof(rsh_canary_word),
	                         (const char *)(uintptr_t)rsh_canary_second + 1);
	tell(BOTH);
	return arg;
}

/* The race; returns an exit status. */
static int race(void)
{
	thread_id first, second;

	if (rshi_pthread_create(&first, NULL, rsh_canary_first, NULL))
		return NO_THREADS;
	if (rshi_pthread_create(&second, NULL, rsh_canary_second, NULL))
		return NO_THREADS; /* the first one ends with the process */
	(void)rshi_pthread_join(first, NULL);
	(void)rshi_pthread_join(second, NULL);
	return 0;
}

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

static const char *variable(char **environment, const char *name)
{
	size_t i;

	for (; *environment; environment++) {
		for (i = 0; name[i] && (*environment)[i] == name[i]; i++)
			;
		if (!name[i] && (*environment)[i] == '=')
			return *environment + i + 1;
	}
	return "";
}

static uint64_t mix(uint64_t hash, const void *data, size_t n)
{
	const unsigned char *byte = data;

	while (n--)
		hash = (hash ^ *byte++) * FNV_MUL;
	return hash;
}

static void put(long fd, const char *text, size_t n)
{
	(void)rshi_syscall(__NR_write, fd, (long)text, (long)n, 0, 0, 0);
}

static void put_number(long fd, long number)
{
	char text[24];
	unsigned long rest = number < 0 ? -(unsigned long)number : (unsigned long)number;
	size_t at = sizeof(text);

	text[--at] = '\0';
	do
		text[--at] = (char)('0' + rest % 10);
	while (rest /= 10);
	if (number < 0)
		text[--at] = '-';
	put(fd, text + at, sizeof(text) - at);
}

/*
 * Claim this program, run with these options, for this process: an open file, or negative. A
 * program is its name and what is behind it at the moment: tests compile one after the other to
 * the same place.
 */
static long claim(const char *folder, const char *tsan_options, const char *ubsan_options)
{
	static char program[PATH_LEN];
	char name[sizeof(uint64_t) * 2 + 1];
	static struct statx about;
	uint64_t hash = FNV_BASE;
	long dir, fd, size;

	size = rshi_syscall(__NR_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)program,
	                    sizeof(program) - 1, 0, 0);
	if (size < 0)
		return size;
	program[size++] = '\0';
	fd = rshi_syscall(__NR_statx, AT_FDCWD, (long)"/proc/self/exe", 0, STATX_INO | STATX_CTIME,
	                  (long)&about, 0);
	if (fd < 0)
		return fd;
	hash = mix(hash, program, (size_t)size);
	hash = mix(hash, tsan_options, length(tsan_options) + 1);
	hash = mix(hash, ubsan_options, length(ubsan_options) + 1);
	hash = mix(hash, &about.stx_dev_major, sizeof(about.stx_dev_major));
	hash = mix(hash, &about.stx_dev_minor, sizeof(about.stx_dev_minor));
	hash = mix(hash, &about.stx_ino, sizeof(about.stx_ino));
	hash = mix(hash, &about.stx_ctime.tv_sec, sizeof(about.stx_ctime.tv_sec));
	hash = mix(hash, &about.stx_ctime.tv_nsec, sizeof(about.stx_ctime.tv_nsec));
	for (size_t i = 0; i < sizeof(name) - 1; i++, hash >>= 4)
		name[i] = "0123456789abcdef"[hash & 15];
	name[sizeof(name) - 1] = '\0';

	dir = rshi_syscall(__NR_openat, AT_FDCWD, (long)folder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
	                   0, 0);
	if (dir < 0)
		return dir;
	fd = rshi_syscall(__NR_openat, dir, (long)name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	                  0600, 0, 0);
	(void)rshi_syscall(__NR_close, dir, 0, 0, 0, 0, 0);
	if (fd < 0)
		return fd;
	put_number(fd, rshi_syscall(__NR_getpid, 0, 0, 0, 0, 0, 0));
	put(fd, program, (size_t)size);
	put(fd, tsan_options, length(tsan_options) + 1);
	put(fd, ubsan_options, length(ubsan_options) + 1);
	return fd;
}

/* Race in a child, and write down what became of it. */
static void try(long claimed)
{
	int child = rshi_fork();
	int status = 0;
	long result;

	if (!child) {
		/* Past everything that the program, or its detector, does at exit. */
		(void)rshi_syscall(__NR_exit_group, race(), 0, 0, 0, 0, 0);
		__builtin_trap();
	}
	put_number(claimed, child);
	if (child < 0)
		return;
	do
		result = rshi_syscall(__NR_wait4, child, (long)&status, __WALL, 0, 0, 0);
	while (result == -EINTR);
	put_number(claimed, result < 0 ? 0 : status); /* who ignores SIGCHLD is not told */
}

static int is_pending(uint64_t signals)
{
	uint64_t pending = 0;

	(void)rshi_syscall(__NR_rt_sigpending, (long)&pending, sizeof(pending), 0, 0, 0, 0);
	return (pending & signals) != 0;
}

/*
 * Before main(). libc passes these arguments to every constructor. What the child leaves in this
 * process, its SIGCHLD, is taken away: the program may wait for that signal, and inherit it blocked.
 */
__attribute__((constructor)) static void plant(int argc, char **argv, char **environment)
{
	const uint64_t sigchld = (uint64_t)1 << (SIGCHLD - 1);
	const struct __kernel_timespec now = {0, 0};
	const char *folder;
	uint64_t mask = 0;
	long claimed;
	int pending;

	(void)argc;
	(void)argv;
	if (!rshi_tsan_write_range_pc || !rshi_fork || !rshi_pthread_create || !rshi_pthread_join)
		return;
	folder = variable(environment, CLAIMS);
	if (!*folder)
		return;
	claimed = claim(folder, variable(environment, "TSAN_OPTIONS"),
	                variable(environment, "UBSAN_OPTIONS"));
	if (claimed < 0)
		return;
	(void)rshi_syscall(__NR_rt_sigprocmask, SIG_BLOCK, (long)&sigchld, (long)&mask,
	                   sizeof(mask), 0, 0);
	pending = is_pending(sigchld);
	try(claimed);
	if (!pending)
		(void)rshi_syscall(__NR_rt_sigtimedwait, (long)&sigchld, 0, (long)&now,
		                   sizeof(sigchld), 0, 0);
	(void)rshi_syscall(__NR_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask), 0, 0);
	(void)rshi_syscall(__NR_close, claimed, 0, 0, 0, 0, 0);
}
