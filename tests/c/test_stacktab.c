/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks that are kept once, whoever puts them in, and walks from the function that asks. */

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unwind.h>

#include "allocations.h"
#include "check.h"
#include "core/stacktab.h"

#define THREADS 8
#define STACKS  20000
#define LIMIT   ((size_t)64 << 20)

static struct rshi_stacktab shared;

/* Stacks of one frame that begin longer ones, so that nothing but the whole stack tells them apart.
 */
static size_t stack_of(uint32_t i, uintptr_t *pcs)
{
	size_t n = 1 + i % 5;

	for (size_t k = 0; k < n; k++)
		pcs[k] = 1000 + k * (i / 5);
	pcs[0] = 1 + i / 5;
	return n;
}

static struct rshi_stack_record *find(struct rshi_stacktab *table, uint32_t i)
{
	uintptr_t pcs[RSHI_UNWIND_MAX];
	size_t n = stack_of(i, pcs);

	return rshi_stacktab_find_sig(table, i % 2, i % 3 ? 0 : RSHI_STACK_CUT, pcs, n);
}

static void *put_in(void *arg)
{
	uint32_t mine = (uint32_t)(uintptr_t)arg;

	for (uint32_t k = 0; k < STACKS; k++) {
		/* Two threads each in the same order, so that both find the stack missing. */
		uint32_t i = mine / 2 % 2 ? STACKS - 1 - k : k;

		__atomic_fetch_add(&find(&shared, i)->values[1], i + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_threads_share_records(void)
{
	struct rshi_stack_cursor cursor = {0};
	struct rshi_stack_record *r;
	static char seen[STACKS];
	pthread_t threads[THREADS];
	uint32_t n = 0;

	CHECK_EQ(rshi_stacktab_open_sig(&shared, 2, LIMIT), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, put_in, (void *)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	for (unsigned int kind = 0; kind < 2; kind++) {
		while ((r = rshi_stacktab_next_sig(&shared, kind, &cursor))) {
			uint64_t i = r->values[1] / THREADS - 1;
			uintptr_t pcs[RSHI_UNWIND_MAX];

			CHECK_EQ(r->values[1] % THREADS, 0);
			CHECK(i < STACKS && !seen[i]);
			seen[i] = 1;
			n++;
			CHECK_EQ(r->kind, kind);
			CHECK_EQ(i % 2, kind);
			CHECK_EQ(r->flags, i % 3 ? 0 : RSHI_STACK_CUT);
			CHECK_EQ(r->n, stack_of((uint32_t)i, pcs));
			CHECK_EQ(memcmp(r->pcs, pcs, r->n * sizeof(*pcs)), 0);
			CHECK_EQ(r->values[0], 0);
			CHECK(r->number < rshi_stacktab_count_sig(&shared, kind));
		}
		CHECK_EQ(cursor.record == NULL, 1);
		memset(&cursor, 0, sizeof(cursor));
	}
	CHECK_EQ(n, STACKS);
	CHECK(rshi_stacktab_next_sig(&shared, 2, &cursor) == NULL);
	CHECK_EQ(shared.overflow[0]->values[1], 0);
}

/* Two chunks: what has no room is counted in one place, what is there is still found. */
static void test_a_full_table_counts_what_it_cannot_keep(void)
{
	static struct rshi_stacktab table;
	uint32_t kept = 0, lost = 0;

	CHECK_EQ(rshi_stacktab_count_sig(&table, 0), 0);
	CHECK_EQ(rshi_stacktab_open_sig(&table, 1, 2 * RSHI_STACK_CHUNK), 0);
	CHECK_EQ(rshi_stacktab_open_sig(&table, 1, 2 * RSHI_STACK_CHUNK), 0);
	for (uint32_t i = 0; i < STACKS; i++)
		find(&table, i)->values[0]++;
	for (unsigned int kind = 0; kind < 2; kind++) {
		struct rshi_stack_cursor cursor = {0};
		struct rshi_stack_record *r;

		while ((r = rshi_stacktab_next_sig(&table, kind, &cursor))) {
			CHECK_EQ(r->values[0], 1);
			kept++;
		}
		CHECK_EQ(table.overflow[kind]->flags, RSHI_STACK_CUT | RSHI_STACK_OVERFLOW);
		CHECK_EQ(table.overflow[kind]->n, 0);
		lost += (uint32_t)table.overflow[kind]->values[0];
	}
	CHECK_EQ(kept + lost, STACKS);
	CHECK(kept > 4000 && lost > 4000);
	CHECK(find(&table, 0) != table.overflow[0]);
	CHECK(find(&table, STACKS - 2) == table.overflow[0]);
}

static void test_memory_that_is_refused(void)
{
	static struct rshi_stacktab table;
	size_t before = allocations.calls;

	allocations.fail_at = before + 1;
	CHECK_EQ(rshi_stacktab_open_sig(&table, 1, LIMIT), ENOMEM);
	CHECK(rshi_stacktab_next_sig(&table, 0, &(struct rshi_stack_cursor){0}) == NULL);
	allocations.fail_at = before + 3;
	CHECK_EQ(rshi_stacktab_open_sig(&table, 1, LIMIT), 0);
	CHECK(find(&table, 0) == table.overflow[0]);
	allocations.fail_at = 0;
	CHECK(find(&table, 0) != table.overflow[0]);
	CHECK_EQ(rshi_stacktab_count_sig(&table, 0), 1);
}

struct callers {
	uintptr_t pcs[200];
	size_t n;
};

static _Unwind_Reason_Code add_caller(struct _Unwind_Context *context, void *arg)
{
	struct callers *callers = arg;

	if (callers->n < 200 && _Unwind_GetIP(context))
		callers->pcs[callers->n++] = _Unwind_GetIP(context);
	return _URC_NO_REASON;
}

static struct callers expected, found;
static struct rshi_stack stack;

__attribute__((noinline)) static void hook(size_t max)
{
	struct rshi_here here = RSHI_HERE();

	expected.n = 0;
	_Unwind_Backtrace(add_caller, &expected);
	rshi_unwind_here_sig(&here, found.pcs, max, &stack);
	found.n = stack.n;
}

__attribute__((noinline)) static int call_hook(int depth, size_t max)
{
	volatile char frame[100 + 16 * (depth % 7)];

	frame[0] = 1;
	if (depth)
		frame[1] = (char)call_hook(depth - 1, max);
	else
		hook(max);
	return frame[0];
}

/* The hook's own frame is the first of what libgcc finds, and none of ours. */
static void test_walks_from_here(void)
{
	for (int depth = 0; depth < 60; depth++) {
		call_hook(depth, 1000);
		CHECK_EQ(stack.guessed, 0);
		CHECK_EQ(stack.end, RSHI_END_ROOT);
		CHECK_EQ(found.n, expected.n - 1);
		CHECK_EQ(memcmp(found.pcs, expected.pcs + 1, found.n * sizeof(*found.pcs)), 0);
	}
	call_hook(300, RSHI_UNWIND_MAX);
	CHECK_EQ(stack.end, RSHI_END_DEPTH);
	CHECK_EQ(found.n, RSHI_UNWIND_MAX);
	CHECK_EQ(memcmp(found.pcs, expected.pcs + 1, found.n * sizeof(*found.pcs)), 0);
	found.pcs[3] = 0;
	call_hook(10, 3);
	CHECK_EQ(found.n, 3);
	CHECK_EQ(found.pcs[3], 0);
}

int main(void)
{
	test_threads_share_records();
	test_a_full_table_counts_what_it_cannot_keep();
	test_memory_that_is_refused();
#if defined(__x86_64__)
	test_walks_from_here();
#endif
	return 0;
}
