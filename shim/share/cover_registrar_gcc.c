/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coverage by gcc's own instrumentation: what is compiled, by the user's gcc, into every link unit,
 * executable or shared library, that is built with `--coverage -fprofile-info-section`. With that
 * section no object brings libgcov's constructor, and libgcov never writes: libraceshim does.
 *
 * For the wrapper. Compile it once for each link:
 *
 *   gcc -c -x c -O2 -fPIC -w -I<includes> -DRSH_COVER_ENGINE=5 -DRSH_COVER_MODE=<2|3> \
 *       [-DRSH_COVER_PROGRAM] <share>/cover_registrar_gcc.c -o <registrar>.o
 *
 * RSH_COVER_MODE is 2 (count) or 3 (atomic), RSH_COVER_PROGRAM and the link are those of
 * cover_registrar.h. All of the unit is compiled with -fprofile-info-section=rsh_gcov_info.
 *
 * gcc has a header for those who want its counters (<gcov.h>), but none for what they are made of.
 * That has changed with versions, so this knows those that it knows.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/cover_unit_gcov.h>

#include "cover_registrar.h"

#if !defined(RSH_COVER_ENGINE) || RSH_COVER_ENGINE != 5
#error "cover_registrar_gcc.c is the registration of gcc's engine: compile with -DRSH_COVER_ENGINE=5"
#endif
#if !defined(RSH_COVER_MODE) || RSH_COVER_MODE < 2 || RSH_COVER_MODE > 3
#error "compile with -DRSH_COVER_MODE=2 (count) or 3 (atomic)"
#endif

/* How many kinds of counters there are. Those of --coverage: arcs, and conditions since gcc 14. */
#if defined(__clang__) || __GNUC__ < 12
#error "raceshim cc --cover needs gcc 12 or newer: older ones do not hand out what they count"
#elif __GNUC__ <= 13
#define KINDS 8
#elif __GNUC__ == 14
#define KINDS 9
#else
#error "raceshim does not know how this gcc keeps its counters: it knows gcc 12, 13 and 14"
#endif
enum { ARCS = 0, CONDITIONS = 8 };

/* libgcc/libgcov.h */
struct counters {
	uint32_t n;
	uint64_t *values;
};

struct function {
	const struct info *key;
	uint32_t ident;
	uint32_t lineno_checksum;
	uint32_t cfg_checksum;
	struct counters of[];
};

struct info {
	uint32_t version;
	struct info *next;
	uint32_t stamp;
	uint32_t checksum;
	const char *name;
	void (*merge[KINDS])(void *counters, unsigned n);
	unsigned functions;
	const struct function *const *function;
};

/* "B22*" for gcc 12.2: a letter for the first digit, "A" being 0, the second, and the minor one. */
enum {
	VERSION = (('A' + __GNUC__ / 10) << 24) | (('0' + __GNUC__ % 10) << 16) |
	          (('0' + __GNUC_MINOR__) << 8) | '*'
};

SECTION(const struct info *const, rsh_gcov_info);

PLAIN static int file_of(const void *record, struct rsh_cover_gcov_file *file)
{
	const struct info *info = record;

	if ((info->version & ~0xffffu) != (VERSION & ~0xffffu))
		return RSH_ECOVERLAYOUT;
	file->name = info->name;
	file->version = info->version;
	file->stamp = info->stamp;
	file->checksum = info->checksum;
	file->functions = info->functions;
	return 0;
}

PLAIN static int function_of(const void *record, uint32_t i,
                             struct rsh_cover_gcov_function *function)
{
	const struct info *info = record;
	const struct function *f = info->function[i];
	unsigned kind;

	function->here = f && f->key == info;
	function->kinds = 0;
	if (!function->here)
		return 0;
	function->ident = f->ident;
	function->lineno_checksum = f->lineno_checksum;
	function->cfg_checksum = f->cfg_checksum;
	for (kind = 0; kind < KINDS; kind++) {
		const struct counters *from = &f->of[function->kinds];
		struct rsh_cover_gcov_counters *to = &function->of[function->kinds];

		if (!info->merge[kind])
			continue;
		/* Profiles of values, of -fprofile-values, are lists in the heap. */
		if (kind != ARCS && kind != CONDITIONS)
			return RSH_ECOVERLAYOUT;
		to->tag = 0x01a10000u + (kind << 17);
		to->n = from->n;
		to->first = from->values;
		to->either = kind == CONDITIONS;
		function->kinds++;
	}
	return 0;
}

PLAIN_DATA static struct rsh_cover_gcov_unit unit = {
        .unit =
                {
                        .abi = sizeof(struct rsh_cover_gcov_unit),
                        .engine = RSH_COVER_ENGINE,
                        .mode = RSH_COVER_MODE,
                        .counter_size = 8,
                        .compiler = __VERSION__,
                        .data = {start_rsh_gcov_info, stop_rsh_gcov_info},
                },
        .file = file_of,
        .function = function_of,
};

static void begin_unit(void)
{
	/* Not in the table above: GNU ld leaves addresses of 0 out of packed relocations. */
	unit.unit.image = image_header;
	/* The error comes back where coverage is written; with RACESHIM_COVERDIR it is on stderr. */
	(void)rsh_cover_unit_register_gcov(&unit);
}

static void end_unit(void)
{
	rsh_cover_unit_unregister(&unit.unit);
}
