/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the shim under test, compiled with coverage, and the copy of it that collects what it counts
 * meet. They share nothing: the copy's names have a prefix, the counted sections another name, the
 * directory is part of the copy's build, and it installs no handler for signals.
 *
 * The shim under test does its last work when a process ends, and all of that is to be counted. So
 * the collector is there before it, and writes after it:
 *
 *   exit         handlers run last in, first out: the collector's are registered in front of the
 *                shim's, when the shim asks for its own
 *   _exit, exec  are wrapped in programs with coverage, and call the shim, which here tells the
 *                collector; C tests are linked with a wrapped _exit of the collector's own
 *   signals      the shim's handler is told to kill the process, and tells the collector first
 */

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

/* The registration that every program has, but with the collector, and not by its own hooks. */
#define rsh_cover_unit_register   rsh_cover_own_rsh_cover_unit_register
#define rsh_cover_unit_unregister rsh_cover_own_rsh_cover_unit_unregister
#define rsh_cover_unit_start      rsh_cover_own_rsh_cover_unit_start
#define rsh_cover_unit_finish     rsh_cover_own_rsh_cover_unit_finish
#define rsh_cover_unit_exec       rsh_cover_own_rsh_cover_unit_exec
#define RSH_COVER_ENGINE          1
#define RSH_COVER_MODE            3
#define constructor(priority)     unused
#define destructor(priority)      unused
#include "cover_registrar.c"
#undef constructor
#undef destructor

extern const char rsh_cover_own_is_here HIDDEN;
const char rsh_cover_own_is_here = 1;

/* Before the registration of a program's own coverage, which has priority 101. */
__attribute__((section(".init_array.00100"), used)) static void (*const begins)(void) = begin_unit;

/* A library may be unloaded. A program goes on: there are exit handlers to come, which count. */
static void end_library(void)
{
	const ElfW(Ehdr) *image = (const void *)image_header;

	if (!image || getauxval(AT_PHDR) != (uintptr_t)image + image->e_phoff)
		end_unit();
}

__attribute__((section(".fini_array.00100"), used)) static void (*const ends)(void) = end_library;

/*
 * What the shim under test calls instead of functions of this name: see rsh_count_ends().
 */

extern int __cxa_atexit(void (*handler)(void *arg), void *arg, void *owner);
int rsh_cover_own_atexit(void (*handler)(void *arg), void *arg, void *owner) HIDDEN;

int rsh_cover_own_atexit(void (*handler)(void *arg), void *arg, void *owner)
{
	rsh_cover_unit_start();
	return __cxa_atexit(handler, arg, owner);
}

extern int rshi_tgkill_sig(int pid, int tid, int signo) HIDDEN;
int rsh_cover_own_tgkill(int pid, int tid, int signo) HIDDEN;

int rsh_cover_own_tgkill(int pid, int tid, int signo)
{
	rsh_cover_unit_exec(); /* not for the last time: the first process of a container survives */
	return rshi_tgkill_sig(pid, tid, signo);
}

/*
 * What the collector does not do: it catches no signal, and says nothing, for tests read what the
 * shim under test says. Where it cannot write, for want of room for example, less is counted.
 */
void rsh_cover_own_rshi_end_catch_sig(void) HIDDEN;
void rsh_cover_own_rshi_end_say_sig(const char *what, const char *detail, const char *why) HIDDEN;

void rsh_cover_own_rshi_end_catch_sig(void)
{
}

void rsh_cover_own_rshi_end_say_sig(const char *what, const char *detail, const char *why)
{
	(void)what;
	(void)detail;
	(void)why;
}

#undef rsh_cover_unit_finish
#undef rsh_cover_unit_exec

extern void rsh_cover_own_tested_finish(void) __attribute__((weak)) HIDDEN;
extern void rsh_cover_own_tested_exec(void) __attribute__((weak)) HIDDEN;
void rsh_cover_unit_finish(void);
void rsh_cover_unit_exec(void);

void rsh_cover_unit_finish(void)
{
	if (rsh_cover_own_tested_finish)
		rsh_cover_own_tested_finish();
	rsh_cover_own_rsh_cover_unit_finish();
}

void rsh_cover_unit_exec(void)
{
	if (rsh_cover_own_tested_exec)
		rsh_cover_own_tested_exec();
	rsh_cover_own_rsh_cover_unit_exec();
}
