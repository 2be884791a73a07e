/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_SHARE_COVER_REGISTRAR_H
#define RSH_SHARE_COVER_REGISTRAR_H

/*
 * What the registrars of all compilers' coverage have in common: when a link unit begins and ends,
 * and the calls that end a program without its exit handlers. Included once, by a registrar, which
 * defines begin_unit() and end_unit(). With
 *
 *   RSH_COVER_PROGRAM   for an executable, not for a shared library: it gets an entry in
 *                       .preinit_array, so that the counts of all destructors are in the file
 *
 * Link the registrar in front of libraceshim.a, both anywhere:
 *
 *   cc <the user's objects and flags> <registrar>.o -Xlinker <libraceshim.a> \
 *      -Wl,--wrap=_exit,--wrap=_Exit,--wrap=execl,...  [executable: -Wl,--export-dynamic-symbol=rsh_cover_*]
 *
 * Without --wrap what a process counted is lost at _exit() and at an exec, of which all functions
 * that are defined below are wrapped. The exported symbols make shared libraries that are loaded
 * later use the program's copy of the library: one file for all.
 */

#include <stdarg.h>
#include <stddef.h>

#include <raceshim/cover_unit.h>

#ifndef __has_attribute
#define __has_attribute(name) 0
#endif

/* Nothing of a registrar is instrumented, whatever flags it is compiled with. */
#if __has_attribute(disable_sanitizer_instrumentation)
#define NO_SANITIZER __attribute__((disable_sanitizer_instrumentation))
#else
#define NO_SANITIZER
#endif
#if __has_attribute(no_profile_instrument_function)
#define NO_PROFILE __attribute__((no_profile_instrument_function))
#else
#define NO_PROFILE
#endif
#if __has_attribute(no_stack_protector)
#define NO_STACK_PROTECTOR __attribute__((no_stack_protector))
#else
#define NO_STACK_PROTECTOR
#endif
#ifdef __clang__
#define NO_SANITIZERS                                                                              \
	__attribute__((no_sanitize("coverage", "undefined", "address", "thread", "memory")))
/* A variable that no detector puts anything around. */
#define PLAIN_DATA __attribute__((no_sanitize("address")))
#else
#define NO_SANITIZERS __attribute__((no_sanitize("undefined", "address", "thread")))
#define PLAIN_DATA
#endif
#define PLAIN                                                                                      \
	NO_SANITIZER NO_SANITIZERS NO_PROFILE NO_STACK_PROTECTOR                                   \
	        __attribute__((no_instrument_function))

#define HIDDEN __attribute__((visibility("hidden")))

/* The link unit's own: the bounds of a section whose name is a C name, and the ELF header. */
#define SECTION(type, name)                                                                        \
	extern type start_##name[] __asm__("__start_" #name) __attribute__((weak)) HIDDEN;         \
	extern type stop_##name[] __asm__("__stop_" #name) __attribute__((weak)) HIDDEN
extern const char image_header[] __asm__("__ehdr_start") __attribute__((weak)) HIDDEN;

/* Before the user's constructors, and after the user's destructors. */
PLAIN __attribute__((constructor(101))) static void begin_unit(void);

#ifdef RSH_COVER_PROGRAM
/* The program is there until the process ends, so it is not unregistered. */
PLAIN __attribute__((unused)) static void end_unit(void);
__attribute__((section(".preinit_array"), used))
PLAIN_DATA static void (*const before_constructors)(void) = rsh_cover_unit_start;
#else
PLAIN __attribute__((destructor(101))) static void end_unit(void);
#endif

/*
 * Where the linker wraps them (--wrap), the program's calls of these functions come here. What they
 * go on to is the real one, or the detector's.
 */
#define WRAPPED(result, name, parameters)                                                          \
	extern result real_##name parameters __asm__("__real_" #name) __attribute__((weak));       \
	HIDDEN result wrap_##name parameters __asm__("__wrap_" #name);                             \
	PLAIN result wrap_##name parameters

WRAPPED(void, _exit, (int status))
{
	rsh_cover_unit_finish();
	for (;;)
		real__exit(status);
}

WRAPPED(void, _Exit, (int status))
{
	rsh_cover_unit_finish();
	for (;;)
		real__Exit(status);
}

/*
 * The exec family. A child of vfork comes here too, on its parent's stack, and so may a signal
 * handler: no memory but the stack, no calls but those that handlers may make.
 */
WRAPPED(int, execve, (const char *path, char *const argv[], char *const envp[]))
{
	rsh_cover_unit_exec();
	return real_execve(path, argv, envp);
}

WRAPPED(int, execv, (const char *path, char *const argv[]))
{
	rsh_cover_unit_exec();
	return real_execv(path, argv);
}

WRAPPED(int, execvp, (const char *file, char *const argv[]))
{
	rsh_cover_unit_exec();
	return real_execvp(file, argv);
}

WRAPPED(int, execvpe, (const char *file, char *const argv[], char *const envp[]))
{
	rsh_cover_unit_exec();
	return real_execvpe(file, argv, envp);
}

WRAPPED(int, fexecve, (int fd, char *const argv[], char *const envp[]))
{
	rsh_cover_unit_exec();
	return real_fexecve(fd, argv, envp);
}

WRAPPED(int, execveat,
        (int dir, const char *path, char *const argv[], char *const envp[], int flags))
{
	rsh_cover_unit_exec();
	return real_execveat(dir, path, argv, envp, flags);
}

/* How long a list of arguments is that begins with @arg, with the NULL at its end. */
PLAIN static size_t length_of(const char *arg, va_list *rest)
{
	size_t n = 1;

	for (; arg; arg = va_arg(*rest, const char *))
		n++;
	return n;
}

/* Put it into an array of that length. */
PLAIN static void collect(char **argv, const char *arg, va_list *rest)
{
	for (*argv = (char *)arg; *argv; *argv = va_arg(*rest, char *))
		argv++;
}

/* The caller's list of arguments as an array, argv; @rest stands behind it then. */
#define COLLECT(arg, rest)                                                                         \
	va_start(rest, arg);                                                                       \
	size_t n = length_of(arg, &rest);                                                          \
	va_end(rest);                                                                              \
	char *argv[n];                                                                             \
	va_start(rest, arg);                                                                       \
	collect(argv, arg, &rest)

WRAPPED(int, execl, (const char *path, const char *arg, ...))
{
	va_list rest;

	COLLECT(arg, rest);
	va_end(rest);
	return wrap_execv(path, argv);
}

WRAPPED(int, execlp, (const char *file, const char *arg, ...))
{
	va_list rest;

	COLLECT(arg, rest);
	va_end(rest);
	return wrap_execvp(file, argv);
}

WRAPPED(int, execle, (const char *path, const char *arg, ...))
{
	char *const *envp;
	va_list rest;

	COLLECT(arg, rest);
	envp = va_arg(rest, char *const *);
	va_end(rest);
	return wrap_execve(path, argv, envp);
}

#endif /* RSH_SHARE_COVER_REGISTRAR_H */
