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
 *      -Wl,--wrap=_exit,--wrap=_Exit  [executable: -Wl,--export-dynamic-symbol=rsh_cover_*]
 *
 * Without --wrap what a process counted is lost at _exit(). The exported symbols make shared
 * libraries that are loaded later use the program's copy of the library: one file for all.
 */

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

#endif /* RSH_SHARE_COVER_REGISTRAR_H */
