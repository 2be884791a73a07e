/* SPDX-License-Identifier: BSD-2-Clause */
/* A process that profiles itself, because its environment says so. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dlsym, secure_getenv */
#endif

#include <asm/unistd.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include <raceshim/cpuprof.h>

#include "core/files.h"
#include "env.h"
#include "fork.h"
#include "session_control.h"
#include "text.h"

#define VARIABLE  "RACESHIM_CPUPROFILE"
#define FIRST     "RACESHIM_CPUPROFILE_FIRST" /* PID:VALUE, of who has read that value first */
#define EXITERS   4                           /* threads that may be in exit() at once */
#define LINE      8192
#define CAN_WRITE 2 /* W_OK */

/* Of the C++ runtime's interface, which libc has no header for. */
extern void *__dso_handle __attribute__((visibility("hidden")));
extern int __cxa_atexit(void (*handler)(void *arg), void *arg, void *owner);

/* Written before main or in a forked child, by its only thread; immutable then. */
static struct rshi_wish wish;
static char path[RSHI_PATH_MAX];
static int pid;
static uint32_t is_active; /* atomic */

static struct rshi_lock ending; /* held by who writes the file; the others in exit wait for it */
static int has_ended;           /* guarded by it */

static void say(const char *what, const char *why)
{
	char line[LINE];
	struct rshi_text t;

	rshi_text_begin(&t, line, sizeof(line) - 1);
	rshi_text_add(&t, "raceshim: ");
	rshi_text_add(&t, what);
	if (why) {
		rshi_text_add(&t, ": ");
		rshi_text_add(&t, why);
	}
	*t.at++ = '\n';
	rshi_write_sig(2, line, (size_t)(t.at - line));
}

static void say_error(const char *why)
{
	char what[RSHI_PATH_MAX + 128];
	struct rshi_text t;

	rshi_text_begin(&t, what, sizeof(what));
	rshi_text_add(&t, "error: no CPU profile will be written: " VARIABLE "=");
	rshi_text_add(&t, secure_getenv(VARIABLE));
	say(what, why);
}

static void end(void)
{
	int err;

	/* After vfork the memory is the parent's, and so is the profile. */
	if (!__atomic_load_n(&is_active, __ATOMIC_RELAXED) || pid != rshi_getpid_sig())
		return;
	rshi_lock(&ending);
	if (!has_ended) {
		has_ended = 1;
		(void)rshi_session_stop();
		err = rshi_file_write(path);
		if (err) {
			char what[RSHI_PATH_MAX + 64];
			struct rshi_text t;

			rshi_text_begin(&t, what, sizeof(what));
			rshi_text_add(&t, "error: cannot write the CPU profile ");
			rshi_text_add(&t, path);
			say(what, rsh_strerror(err));
		}
	}
	rshi_unlock(&ending);
}

static void at_exit(void *unused)
{
	(void)unused;
	end();
}

/*
 * Handlers run last in, first out, and threads that are in exit() at the same time share them: the
 * first one writes, each of the others waits in one of its own.
 */
static void add_hooks(void)
{
	for (int i = 0; i < EXITERS; i++)
		(void)__cxa_atexit(at_exit, NULL, &__dso_handle);
	(void)at_quick_exit(end);
}

/* Another copy of the library in this process, which everybody else finds: it does this. */
static int is_another(void)
{
	void *found = dlsym(RTLD_DEFAULT, "rsh_cpuprof_start");

	return found && found != (void *)(uintptr_t)rsh_cpuprof_start;
}

/* Whether this process is the one that has got the name as it is. */
static int is_first(const char *value)
{
	const char *first = secure_getenv(FIRST);
	char mine[RSHI_PATH_MAX + 64];
	struct rshi_text t;
	size_t i = 0;

	rshi_text_begin(&t, mine, sizeof(mine));
	rshi_text_number(&t, (uint64_t)pid);
	rshi_text_byte(&t, ':');
	rshi_text_add(&t, value);
	while (first && *first >= '0' && *first <= '9' && first[i] && first[i] == mine[i])
		i++;
	if (first && !first[i] && !mine[i])
		return 1;
	/* Somebody else's, of another value: a profile inside a profile. */
	if (first) {
		const char *rest = first;

		while (*rest >= '0' && *rest <= '9')
			rest++;
		for (i = 0; *rest == ':' && rest[i + 1] && rest[i + 1] == value[i];)
			i++;
		if (*rest == ':' && !rest[i + 1] && !value[i])
			return 0;
	}
	if (!first && rshi_parent_was_first(VARIABLE, value))
		return 0;
	/* Before main. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	(void)setenv(FIRST, mine, 1);
	return 1;
}

static int check_directory(void)
{
	size_t slash = 0;
	int err, fd;

	for (size_t i = 0; path[i]; i++)
		slash = path[i] == '/' ? i : slash;
	path[slash] = '\0';
	err = rshi_open_directory_sig(slash ? path : "/", &fd);
	if (!err) {
		err = (int)-rshi_call_sig(__NR_faccessat, fd, (long)".", CAN_WRITE, 0, 0);
		rshi_close_sig(fd);
	}
	path[slash] = '/';
	return err;
}

static void in_child(void)
{
	int err;

	pid = rshi_getpid_sig();
	has_ended = 0;
	err = rshi_wish_path(&wish, (uint64_t)pid, 0, path, sizeof(path));
	if (!err)
		err = rshi_session_start(&wish.options);
	if (err) {
		__atomic_store_n(&is_active, 0, __ATOMIC_RELAXED);
		say_error(rsh_strerror(err));
	}
}

__attribute__((constructor)) static void start(void)
{
	const char *value = secure_getenv(VARIABLE), *wrong;
	int err;

	if (!value || !value[0] || is_another())
		return;
	wrong = rshi_wish_parse(value, &wish);
	if (wrong) {
		say_error(wrong);
		return;
	}
	pid = rshi_getpid_sig();
	err = rshi_wish_path(&wish, (uint64_t)pid, is_first(value), path, sizeof(path));
	if (!err)
		err = check_directory();
	if (!err)
		err = rshi_session_start(&wish.options);
	if (err) {
		say_error(rsh_strerror(err));
		return;
	}
	add_hooks();
	rshi_fork_then(in_child);
	__atomic_store_n(&is_active, 1, __ATOMIC_RELAXED);
}

void rshi_env_taken(void)
{
	if (__atomic_load_n(&is_active, __ATOMIC_RELAXED))
		say("warning: the CPU profile ends here",
		    "the program has installed a handler of SIGPROF of its own");
}
