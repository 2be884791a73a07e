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
 *
 * RSH_COVER_PROGRAM and the link are those of cover_registrar.h.
 * The link needs -fprofile-instr-generate as the user's command has it, or not: either is right.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/cover_unit.h>

#include "cover_registrar.h"

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

enum {
#define VALUE_PROF_KIND(Enumerator, Value, Descr) Enumerator = Value,
#include <profile/InstrProfData.inc>
};

typedef void *IntPtrT;

struct record {
#define INSTR_PROF_DATA(Type, LLVMType, Name, Initializer) Type Name;
#include <profile/InstrProfData.inc>
} __attribute__((aligned(8)));

SECTION(const char, __llvm_prf_data);
SECTION(const char, __llvm_prf_cnts);
SECTION(const char, __llvm_prf_names);
SECTION(const char, __llvm_prf_bits);

/* clang's driver asks the linker for this symbol; with it here, nothing of clang's is taken. */
extern int __llvm_profile_runtime;
HIDDEN int __llvm_profile_runtime;

PLAIN_DATA static struct rsh_cover_unit unit = {
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
        .data = {start___llvm_prf_data, stop___llvm_prf_data},
        .counters = {start___llvm_prf_cnts, stop___llvm_prf_cnts},
        .names = {start___llvm_prf_names, stop___llvm_prf_names},
        .bitmaps = {start___llvm_prf_bits, stop___llvm_prf_bits},
};

static void begin_unit(void)
{
	/* Not in the table above: GNU ld leaves addresses of 0 out of packed relocations. */
	unit.image = image_header;
	/* The error comes back where coverage is written; with RACESHIM_COVERDIR it is on stderr. */
	(void)rsh_cover_unit_register(&unit);
}

static void end_unit(void)
{
	rsh_cover_unit_unregister(&unit);
}
