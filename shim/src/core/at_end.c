/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process leaves because its environment says so. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dlsym, secure_getenv */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include <raceshim/raceshim.h>

#include "at_end.h"
#include "program.h"
#include "sys.h"
#include "text.h"
#include "whole_file.h"
#include "wish.h"

#define EXITERS 4 /* threads that may be in exit() at once */
#define MOST    8 /* variables */
#define LINE    8192

/* Of the C++ runtime's interface, which libc has no header for. */
extern void *__dso_handle __attribute__((visibility("hidden")));
extern int __cxa_atexit(void (*handler)(void *arg), void *arg, void *owner);

/* Written before main, by the only thread; immutable then. */
static struct rshi_at_end *all[MOST];
static int n_all;

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

static void say_error(const struct rshi_at_end *a, const char *why)
{
	const char *value = secure_getenv(a->variable);
	char what[RSHI_PATH_MAX + 128];
	struct rshi_text t;

	rshi_text_begin(&t, what, sizeof(what));
	rshi_text_add(&t, "error: no ");
	rshi_text_add(&t, a->what);
	rshi_text_add(&t, " will be written: ");
	rshi_text_add(&t, a->variable);
	rshi_text_byte(&t, '=');
	rshi_text_add(&t, value ? value : "");
	say(what, why);
}

static void write_all(struct rshi_at_end *a)
{
	char what[RSHI_PATH_MAX + 64];
	struct rshi_text t;
	int err;

	if (a->end)
		a->end();
	err = a->write ? rshi_whole_file(a->path, a->write) : a->finish();
	if (!err)
		return;
	rshi_text_begin(&t, what, sizeof(what));
	rshi_text_add(&t, "error: cannot write the ");
	rshi_text_add(&t, a->what);
	rshi_text_byte(&t, ' ');
	rshi_text_add(&t, a->path);
	say(what, rsh_strerror(err));
}

static void end(void *of)
{
	struct rshi_at_end *a = of;

	/* After vfork the memory is the parent's, and so is what was recorded. */
	if (!__atomic_load_n(&a->is_active, __ATOMIC_RELAXED) || a->pid != rshi_getpid_sig())
		return;
	rshi_lock(&a->ending);
	if (!a->has_ended) {
		a->has_ended = 1;
		write_all(a);
	}
	rshi_unlock(&a->ending);
}

static void end_all(void)
{
	for (int i = n_all; i-- > 0;)
		end(all[i]);
}

/*
 * Handlers run last in, first out, and threads that are in exit() at the same time share them: the
 * first one writes, each of the others waits in one of its own.
 */
static void add_hooks(struct rshi_at_end *a)
{
	for (int i = 0; i < EXITERS; i++)
		(void)__cxa_atexit(end, a, &__dso_handle);
	if (!n_all)
		(void)at_quick_exit(end_all);
	if (n_all < MOST)
		all[n_all++] = a;
}

/* Another copy of the library in this process, which everybody else finds: it does this. */
static int is_another(const struct rshi_at_end *a)
{
	const void *found = dlsym(RTLD_DEFAULT, a->symbol);

	if (a->note && rshi_program_holds(a))
		return 0;
	if (a->note && rshi_program_notes(a->note))
		return 1;
	return found && found != a->own && !(a->is_idle && a->is_idle());
}

static const char *explain(const struct rshi_at_end *a, int err)
{
	const char *why = a->explain ? a->explain(err) : NULL;

	return why ? why : rsh_strerror(err);
}

static int set_path(struct rshi_at_end *a, int is_first)
{
	a->pid = rshi_getpid_sig();
	return rshi_wish_path(a->pattern, (uint64_t)a->pid, is_first, a->path);
}

int rshi_at_end_start(struct rshi_at_end *a)
{
	const char *value = secure_getenv(a->variable), *wrong;
	int err;

	if (!value || !value[0] || is_another(a))
		return 0;
	wrong = a->parse(value, a->pattern);
	if (!wrong) {
		err = set_path(a, rshi_wish_is_first(a->variable, value, rshi_getpid_sig()));
		if (!err)
			err = rshi_wish_check_directory(a->path);
		if (!err)
			err = a->begin();
		/* There is a library, and maybe another copy in the program, where nobody finds it. */
		if (err == ENOSYS && a->is_optional && dlsym(RTLD_DEFAULT, a->symbol))
			return 0;
		wrong = err ? explain(a, err) : NULL;
	}
	if (wrong) {
		say_error(a, wrong);
		return 0;
	}
	add_hooks(a);
	__atomic_store_n(&a->is_active, 1, __ATOMIC_RELAXED);
	return 1;
}

void rshi_at_end_forked(struct rshi_at_end *a)
{
	int err;

	if (!__atomic_load_n(&a->is_active, __ATOMIC_RELAXED))
		return;
	a->has_ended = 0;
	err = set_path(a, 0);
	if (!err)
		err = a->begin();
	if (err) {
		__atomic_store_n(&a->is_active, 0, __ATOMIC_RELAXED);
		say_error(a, explain(a, err));
	}
}

void rshi_at_end_say(const struct rshi_at_end *a, const char *what, const char *why)
{
	if (__atomic_load_n(&a->is_active, __ATOMIC_RELAXED))
		say(what, why);
}
