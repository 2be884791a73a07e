/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coverage by clang's SanitizerCoverage: what is compiled, by the user's clang, into every link unit,
 * executable or shared library, that is built for it. It hands the unit's edges to libraceshim and
 * defines the functions that the instrumented code calls, for this unit alone: calls stay direct
 * also in a shared library, and the empty ones of the sanitizers' runtimes are not taken.
 *
 * For the wrapper. The user's objects are compiled with -fsanitize-coverage=pc-table and
 *
 *   inline-bool-flag    RSH_COVER_ENGINE=2 RSH_COVER_MODE=1: whether an edge was taken
 *   trace-pc-guard      the same with RSH_COVER_GUARDS: for clang up to 15 under ThreadSanitizer,
 *                       which sees the flags of these
 *   trace-pc-guard      RSH_COVER_ENGINE=3 RSH_COVER_MODE=3: how often, exactly; with control-flow,
 *                       or with no-prune, without which blocks that others imply have no edge
 *
 * and this once for each link:
 *
 *   clang -c -x c -O2 -fPIC -fno-lto -w -fno-sanitize=all -momit-leaf-frame-pointer -I<includes> \
 *         -DRSH_COVER_ENGINE=… -DRSH_COVER_MODE=… [-DRSH_COVER_GUARDS] [-DRSH_COVER_PROGRAM] \
 *         <share>/cover_registrar_edges.c -o <registrar>.o
 *
 * RSH_COVER_PROGRAM and the link are those of cover_registrar.h. Without a sanitizer the link needs
 * -fno-sanitize-link-runtime: clang would bring a runtime for its empty functions.
 */

#include <stdint.h>

#include <raceshim/cover_edges.h>

#include "cover_registrar.h"

#if defined(RSH_COVER_ENGINE) && RSH_COVER_ENGINE == 3 && RSH_COVER_MODE == 3
#define GUARDS 1
#elif defined(RSH_COVER_ENGINE) && RSH_COVER_ENGINE == 2 && RSH_COVER_MODE == 1
#ifdef RSH_COVER_GUARDS
#define GUARDS 1
#else
#define GUARDS 0
#endif
#else
#error "compile with -DRSH_COVER_ENGINE=2 -DRSH_COVER_MODE=1 (edges) or =3 and =3 (edge counts)"
#endif

SECTION(const uintptr_t, __sancov_pcs);
SECTION(const uintptr_t, __sancov_cfs);
#if GUARDS
SECTION(uint32_t, __sancov_guards);
#define START start___sancov_guards
#define STOP  stop___sancov_guards
#else
SECTION(uint8_t, __sancov_bools);
#define START start___sancov_bools
#define STOP  stop___sancov_bools
#endif

PLAIN_DATA static struct rsh_cover_edges edges = {
        .unit = {.abi = sizeof(struct rsh_cover_unit),
                 .engine = RSH_COVER_ENGINE,
                 .mode = RSH_COVER_MODE,
                 .counter_size = sizeof(START[0]),
                 .compiler = __VERSION__,
                 .data = {start___sancov_pcs, stop___sancov_pcs},
                 .counters = {START, STOP},
                 .names = {start___sancov_cfs, stop___sancov_cfs}},
#if GUARDS
        .slabs = {.guards = {START, STOP}},
#endif
};

/*
 * What the instrumented code calls at every edge: in any thread, before main and behind the last
 * destructor, and in signal handlers. Nothing here is intercepted or seen by a detector.
 */
#if RSH_COVER_ENGINE == 3
#ifdef RSH_COVER_PROGRAM
#define MODEL "local-exec"
#else
#define MODEL "initial-exec"
#endif
static __thread uintptr_t slab __attribute__((tls_model(MODEL)));

PLAIN __attribute__((noinline, cold)) static void count_first(uint32_t *guard)
{
	rsh_cover_unit_count(&edges.slabs, guard, &slab);
}

PLAIN HIDDEN void __sanitizer_cov_trace_pc_guard(uint32_t *guard)
{
	uintptr_t base = slab;

	if (__builtin_expect(base == 0, 0)) {
		count_first(guard);
		return;
	}
	RSH_COVER_COUNT(base, guard);
}
#elif GUARDS
PLAIN HIDDEN void __sanitizer_cov_trace_pc_guard(uint32_t *guard)
{
	/* Looked at first: a line of the cache that is only read is shared by all processors. */
	if (!__atomic_load_n(guard, __ATOMIC_RELAXED))
		__atomic_store_n(guard, 1, __ATOMIC_RELAXED);
}
#endif

/* What it calls once at its start. The linker has said the same. */
PLAIN HIDDEN void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop)
{
	(void)start;
	(void)stop;
}

PLAIN HIDDEN void __sanitizer_cov_bool_flag_init(_Bool *start, _Bool *stop)
{
	(void)start;
	(void)stop;
}

PLAIN HIDDEN void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop)
{
	(void)start;
	(void)stop;
}

PLAIN HIDDEN void __sanitizer_cov_cfs_init(const uintptr_t *start, const uintptr_t *stop)
{
	(void)start;
	(void)stop;
}

static void begin_unit(void)
{
	/* Not in the table above: GNU ld leaves addresses of 0 out of packed relocations. */
	edges.unit.image = image_header;
	/* The error comes back where coverage is written; with RACESHIM_COVERDIR it is on stderr. */
	(void)rsh_cover_unit_register_edges(&edges);
}

static void end_unit(void)
{
	rsh_cover_unit_unregister_edges(&edges);
}
