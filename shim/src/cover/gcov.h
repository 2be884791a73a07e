/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine of gcc's --coverage. Included by gcov.c, for ordinary code, and by gcov_sig.c, for
 * handlers, which say what LAYOUT and IDENTITY are.
 *
 * A record of the counters file is a .gcda file, byte for byte what libgcov's __gcov_info_to_gcda()
 * makes of the same counters. libgcov itself is not called: it reads counters with plain loads,
 * one after the other while it writes, may have been unloaded by then, and resets with memset(),
 * which is the detector's.
 *
 * A copy has the counters of all files and functions in their order, as 64-bit numbers.
 */

#include "unit.h"

/* u->layout, one block: for each file its functions, for each of them its kinds of counters. */
struct gcov_kind {
	uint32_t tag;
	uint32_t n;
	int either;
};

struct gcov_function {
	uint32_t here;
	uint32_t words[3]; /* ident and two checksums */
	uint32_t kinds;
};

struct gcov_file {
	uint32_t words[3]; /* version, stamp, checksum */
	uint32_t functions;
	uint64_t counters;
};

struct gcov_layout {
	uint64_t files;
	uint64_t runs; /* of counters: as many as kinds */
	struct gcov_function *functions;
	struct gcov_kind *kinds;
	struct gcov_file of[];
};

/* u->live_layout: where the counters of each kind are, while the unit is loaded. */
struct gcov_places {
	uint64_t *first[1];
};

#define GCDA_MAGIC           0x67636461u /* "gcda" */
#define GCDA_FUNCTION        0x01000000u
#define GCDA_FUNCTION_LENGTH 12u

static void gcov_sweep(const struct rshi_unit *u, void *copy, int clear)
{
	const struct gcov_layout *l = u->layout;
	const struct gcov_places *p = u->live_layout;
	uint64_t *to = copy;

	for (uint64_t r = 0; r < l->runs; r++) {
		uint64_t *from = p->first[r];

		for (uint32_t i = 0; i < l->kinds[r].n; i++) {
			uint64_t v = __atomic_load_n(&from[i], __ATOMIC_RELAXED);

			if (clear && v)
				v = __atomic_exchange_n(&from[i], 0, __ATOMIC_RELAXED);
			*to++ = v;
		}
	}
}

static void gcov_clear(const struct rshi_unit *u)
{
	const struct gcov_layout *l = u->layout;
	const struct gcov_places *p = u->live_layout;

	/* Pages that count nothing stay shared between the processes of a fork. */
	for (uint64_t r = 0; r < l->runs; r++)
		for (uint32_t i = 0; i < l->kinds[r].n; i++)
			if (__atomic_load_n(&p->first[r][i], __ATOMIC_RELAXED))
				__atomic_store_n(&p->first[r][i], 0, __ATOMIC_RELAXED);
}

static void gcov_fold(const struct rshi_unit *u, void *into, const void *from)
{
	const struct gcov_layout *l = u->layout;
	const uint64_t *b = from;
	uint64_t *a = into;

	for (uint64_t r = 0; r < l->runs; r++) {
		for (uint32_t i = 0; i < l->kinds[r].n; i++, a++, b++) {
			uint64_t sum = *a + *b;

			/* libgcov's counters are signed. */
			if (l->kinds[r].either)
				*a |= *b;
			else
				*a = sum < *b || sum > INT64_MAX ? INT64_MAX : sum;
		}
	}
}

static int gcov_any(const uint64_t *counters, uint64_t n)
{
	uint64_t any = 0;

	for (uint64_t i = 0; i < n; i++)
		any |= counters[i];
	return any != 0;
}

/* The .gcda file of one file's counters; @function and @kind go on to the next file's. */
static void gcov_put_gcda(struct rshi_sink *s, const struct gcov_file *file,
                          const struct gcov_function **function, const struct gcov_kind **kind,
                          const uint64_t *counters)
{
	rshi_put_u32(s, GCDA_MAGIC);
	for (int i = 0; i < 3; i++)
		rshi_put_u32(s, file->words[i]);
	for (uint32_t f = 0; f < file->functions; f++, (*function)++) {
		rshi_put_u32(s, GCDA_FUNCTION);
		rshi_put_u32(s, (*function)->here ? GCDA_FUNCTION_LENGTH : 0);
		if (!(*function)->here)
			continue;
		for (int i = 0; i < 3; i++)
			rshi_put_u32(s, (*function)->words[i]);
		for (uint32_t k = 0; k < (*function)->kinds; k++, (*kind)++) {
			uint32_t n = (*kind)->n;
			int any = gcov_any(counters, n);

			rshi_put_u32(s, (*kind)->tag);
			/* A negative length stands for so many bytes of zeros. */
			rshi_put_u32(s, any ? 8 * n : 0u - 8 * n);
			for (uint32_t i = 0; any && i < n; i++)
				rshi_put_u64(s, counters[i]);
			counters += n;
		}
	}
	rshi_put_u32(s, 0);
}

static uint64_t gcov_records(const struct rshi_unit *u, const void *copy, struct rshi_sink *s)
{
	const struct gcov_layout *l = u->layout;
	const struct gcov_function *function = l->functions;
	const struct gcov_kind *kind = l->kinds;
	const uint64_t *counters = copy;
	uint64_t records = 0, gap = 0;

	for (uint64_t i = 0; i < l->files; i++) {
		const struct gcov_file *file = &l->of[i];
		const struct gcov_function *same_function = function;
		const struct gcov_kind *same_kind = kind;
		struct rshi_sink body;

		rshi_sink_count(&body);
		gcov_put_gcda(&body, file, &function, &kind, counters);
		if (gcov_any(counters, file->counters)) {
			rshi_put_var(s, gap);
			rshi_put_var(s, body.total);
			gcov_put_gcda(s, file, &same_function, &same_kind, counters);
			records++;
			gap = 0;
		} else {
			gap++;
		}
		counters += file->counters;
	}
	return records;
}

static uint64_t gcov_live(const struct rshi_unit *u, const void *copy)
{
	const struct gcov_layout *l = u->layout;
	const uint64_t *counters = copy;
	uint64_t live = 0;

	for (uint64_t i = 0; i < l->files; i++) {
		live += (uint64_t)gcov_any(counters, l->of[i].counters);
		counters += l->of[i].counters;
	}
	return live;
}

static const struct rshi_cover_engine engine = {
        .layout = LAYOUT,
        .sweep = gcov_sweep,
        .clear = gcov_clear,
        .fold = gcov_fold,
        .identity = IDENTITY,
        .records = gcov_records,
        .live = gcov_live,
};
