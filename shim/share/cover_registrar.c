/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coverage by clang's own instrumentation: what is compiled, by the user's clang, into every link
 * unit, executable or shared library, that is built with `-fprofile-instr-generate
 * -fcoverage-mapping`. It finds the unit's counters and hands them to libraceshim; it defines the
 * symbol that keeps clang's own profile runtime, and with it the writer that races, out of the unit.
 *
 * For the wrapper. Compile it once for each link:
 *
 *   clang -c -x c -O1 -fPIC -fno-lto -w -I<includes> -DRSH_COVER_ENGINE=1 -DRSH_COVER_MODE=<1|2|3> \
 *         [-DRSH_COVER_COUNTER_SIZE=1] [-DRSH_COVER_PROGRAM] <share>/cover_registrar.c -o <registrar>.o
 *
 * RSH_COVER_MODE           1 set, 2 count, 3 atomic
 * RSH_COVER_COUNTER_SIZE   1 with single-byte coverage; 8 is the default
 * RSH_COVER_PROGRAM        for an executable, not for a shared library: it gets an entry in
 *                          .preinit_array, so that the counts of all destructors are in the file
 *
 * and link it in front of libraceshim.a, both anywhere:
 *
 *   clang <the user's objects and flags> <registrar>.o -Xlinker <libraceshim.a> \
 *         -Wl,--wrap=_exit,--wrap=_Exit  [executable: -Wl,--export-dynamic-symbol=rsh_cover_*]
 *
 * Without --wrap what a process counted is lost at _exit(). The exported symbols make shared
 * libraries that are loaded later use the program's copy of the library: one file for all.
 * The link needs -fprofile-instr-generate as the user's command has it, or not: either is right.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/cover_unit.h>

#if !defined(RSH_COVER_ENGINE) || RSH_COVER_ENGINE != 1
#error "cover_registrar.c is the registration of the source engine: compile with -DRSH_COVER_ENGINE=1"
#endif
#if !defined(RSH_COVER_MODE) || RSH_COVER_MODE < 1 || RSH_COVER_MODE > 3
#error "compile with -DRSH_COVER_MODE=1 (set), 2 (count) or 3 (atomic)"
#endif
#ifndef RSH_COVER_COUNTER_SIZE
#define RSH_COVER_COUNTER_SIZE 8
#endif

/* The layout of the compiler that this is compiled by, from the header that comes with it. */
#include <profile/InstrProfData.inc>

#if INSTR_PROF_RAW_VERSION < 8 || INSTR_PROF_RAW_VERSION > 10
#error "raceshim does not know the profile layout (INSTR_PROF_RAW_VERSION) of this clang: it knows 8, 9 and 10, of clang 14 to 22"
#endif

/* Nothing of this file is instrumented, whatever flags it is compiled with. */
#if defined(__has_attribute)
#if __has_attribute(disable_sanitizer_instrumentation)
#define RSH_NO_SANITIZER __attribute__((disable_sanitizer_instrumentation))
#endif
#if __has_attribute(no_profile_instrument_function)
#define RSH_NO_PROFILE __attribute__((no_profile_instrument_function))
#endif
#endif
#ifndef RSH_NO_SANITIZER
#define RSH_NO_SANITIZER
#endif
#ifndef RSH_NO_PROFILE
#define RSH_NO_PROFILE
#endif
#define RSH_PLAIN                                                                                  \
	RSH_NO_SANITIZER RSH_NO_PROFILE __attribute__((no_instrument_function, noinline))          \
	__attribute__((no_sanitize("coverage", "undefined", "address", "thread", "memory")))

enum {
#define VALUE_PROF_KIND(Enumerator, Value, Descr) Enumerator = Value,
#include <profile/InstrProfData.inc>
};

typedef void *IntPtrT;

struct record {
#define INSTR_PROF_DATA(Type, LLVMType, Name, Initializer) Type Name;
#include <profile/InstrProfData.inc>
} __attribute__((aligned(8)));

#define SECTION(name)                                                                              \
	extern const char start_##name[] __asm__("__start_" #name)                                 \
	        __attribute__((weak, visibility("hidden")));                                       \
	extern const char stop_##name[] __asm__("__stop_" #name)                                   \
	        __attribute__((weak, visibility("hidden")))

SECTION(__llvm_prf_data);
SECTION(__llvm_prf_cnts);
SECTION(__llvm_prf_names);
SECTION(__llvm_prf_bits);
extern const char image_header[] __asm__("__ehdr_start")
        __attribute__((weak, visibility("hidden")));

/* clang's driver asks the linker for this symbol; with it here, nothing of clang's is taken. */
extern int __llvm_profile_runtime;
__attribute__((visibility("hidden"))) int __llvm_profile_runtime;

__attribute__((no_sanitize("address"))) static struct rsh_cover_unit unit = {
        .abi = sizeof(struct rsh_cover_unit),
        .raw_version = INSTR_PROF_RAW_VERSION,
        .engine = RSH_COVER_ENGINE,
        .mode = RSH_COVER_MODE,
        .counter_size = RSH_COVER_COUNTER_SIZE,
        .record_size = sizeof(struct record),
        .name_ref = offsetof(struct record, NameRef),
        .func_hash = offsetof(struct record, FuncHash),
        .counter_ptr = offsetof(struct record, CounterPtr),
        .num_counters = offsetof(struct record, NumCounters),
#if INSTR_PROF_RAW_VERSION >= 9
        .bitmap_ptr = offsetof(struct record, BitmapPtr),
        .num_bitmap = offsetof(struct record, NumBitmapBytes),
#endif
        .compiler = __VERSION__,
        .image = image_header,
        .data = {start___llvm_prf_data, stop___llvm_prf_data},
        .counters = {start___llvm_prf_cnts, stop___llvm_prf_cnts},
        .names = {start___llvm_prf_names, stop___llvm_prf_names},
        .bitmaps = {start___llvm_prf_bits, stop___llvm_prf_bits},
};

/* Before the user's constructors, and after the user's destructors. */
RSH_PLAIN __attribute__((constructor(101))) static void unit_begins(void)
{
	/* The error comes back where coverage is written; with RACESHIM_COVERDIR it is on stderr. */
	(void)rsh_cover_unit_register(&unit);
}

#ifdef RSH_COVER_PROGRAM
/* The program is there until the process ends, so it is not unregistered. */
__attribute__((section(".preinit_array"), used,
               no_sanitize("address"))) static void (*const before_constructors)(void) =
        rsh_cover_unit_start;
#else
RSH_PLAIN __attribute__((destructor(101))) static void unit_ends(void)
{
	rsh_cover_unit_unregister(&unit);
}
#endif

/*
 * Where the linker wraps them (--wrap), the program's calls of _exit() and _Exit() come here. What
 * they go on to is the real one, or the detector's.
 */
extern void real_exit(int status) __asm__("__real__exit") __attribute__((weak));
extern void real_Exit(int status) __asm__("__real__Exit") __attribute__((weak));
void wrap_exit(int status) __asm__("__wrap__exit") __attribute__((visibility("hidden"), noreturn));
void wrap_Exit(int status) __asm__("__wrap__Exit") __attribute__((visibility("hidden"), noreturn));

RSH_PLAIN void wrap_exit(int status)
{
	rsh_cover_unit_finish();
	for (;;)
		real_exit(status);
}

RSH_PLAIN void wrap_Exit(int status)
{
	rsh_cover_unit_finish();
	for (;;)
		real_Exit(status);
}
