/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwinding at every instruction: prologues, epilogues, libc, the dynamic linker binding a symbol,
 * the vDSO, and in a build with a detector its runtime.
 */

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unwind.h>
#include <wchar.h>

#include <raceshim/detect.h>

#include "check.h"
#include "steps_sig.h"

static volatile unsigned int sink;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int by_value(const void *a, const void *b)
{
	const unsigned int *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void sort_some(unsigned int n)
{
	unsigned int *values = malloc(n * sizeof(*values)), seed = 7;

	CHECK(values);
	for (unsigned int i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		values[i] = seed >> 8;
	}
	qsort(values, n, sizeof(*values), by_value);
	sink += values[n / 2];
	free(values);
}

/* A frame of a size that is not known before, aligned beyond the stack's own. */
__attribute__((noinline)) static void on_realigned_stack(unsigned int n)
{
	_Alignas(64) volatile char block[128];
	volatile char variable[n];

	for (unsigned int i = 0; i < n; i++)
		variable[i] = (char)i;
	block[n % 128] = variable[n / 2];
	sink += (unsigned int)snprintf((char *)block, sizeof(block), "%p", (void *)block);
}

__attribute__((noinline)) static unsigned int recurse(unsigned int depth)
{
	char text[32];

	if (!depth)
		return 1;
	text[0] = (char)depth;
	if (depth % 25 == 0)
		sink += (unsigned int)snprintf(text, sizeof(text), "%u", depth);
	return recurse(depth - 1) + (unsigned int)text[0];
}

/* No call, many registers. */
__attribute__((noinline)) static unsigned int leaf(const unsigned int *p, unsigned int n)
{
	unsigned int a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;

	for (unsigned int i = 0; i < n; i++) {
		a += p[i] ^ h;
		b ^= a + c;
		c += b * d;
		d ^= c + e;
		e += d ^ f;
		f ^= e * g;
		g += f + h;
		h ^= g + a;
	}
	return a + b + c + d + e + f + g + h;
}

static jmp_buf back;

__attribute__((noinline)) static void jump_out(int depth)
{
	if (!depth)
		longjmp(back, 1);
	if (depth > 0)
		jump_out(depth - 1);
	sink++;
}

static void jump(void)
{
	if (!setjmp(back))
		jump_out(5);
}

/* What programs do; each function of libc's that is called first here is bound here. */
static void work(void)
{
	unsigned int numbers[16] = {3, 1, 4, 1, 5, 9, 2, 6};
	struct timespec now;
	wchar_t wide[16];
	char text[64];

	sort_some(RSH_HAS_TSAN ? 30 : 200);
	on_realigned_stack(40);
	sink += recurse(100);
	sink += leaf(numbers, 16);
	jump();
	sink += (unsigned int)snprintf(text, sizeof(text), "%.17g %s %ls", 1 / 3.0, "and",
	                               L"so on");
	sink += (unsigned int)strtod("2.718281828459045e-5", NULL);
	sink += (unsigned int)mbstowcs(wide, "wide", 16);
	pthread_mutex_lock(&mutex);
	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_unlock(&mutex);
	sink += dlsym(RTLD_DEFAULT, "no_such_function") != NULL;
	memset(text, 1, sizeof(text));
	free(realloc(malloc(100), 100000));
	sink += (unsigned int)(uintptr_t)getenv("NO_SUCH_VARIABLE");
}

struct callers {
	uintptr_t pcs[STEPS_BASE_MAX];
	size_t n;
	int skip;
};

static _Unwind_Reason_Code add_caller(struct _Unwind_Context *context, void *arg)
{
	struct callers *callers = arg;

	if (callers->skip-- > 0)
		return _URC_NO_REASON;
	CHECK(callers->n < STEPS_BASE_MAX);
	if (_Unwind_GetIP(context))
		callers->pcs[callers->n++] = _Unwind_GetIP(context);
	return _URC_NO_REASON;
}

static struct steps_log result;

__attribute__((noinline)) static void *step_through_work(void *arg)
{
	struct callers callers = {.skip = 1};

	_Unwind_Backtrace(add_caller, &callers);
	CHECK_EQ(steps_prepare_sig(&result, callers.pcs, callers.n), 0);
	steps_on_sig();
	work();
	steps_off_sig();
	return arg;
}

static void show_miss(const struct steps_miss *miss)
{
	Dl_info in = {0};

	dladdr((void *)miss->pc, &in);
	fprintf(stderr,
	        "at %#zx (%s+%#zx, %s): frame %u is %#zx, not %#zx; %u of %u frames, end %d\n",
	        (size_t)miss->pc, in.dli_fname, (size_t)miss->pc - (size_t)in.dli_fbase,
	        in.dli_sname, miss->frame, (size_t)miss->got, (size_t)miss->want, miss->n,
	        miss->depth, miss->end);
}

static double percent(uint64_t part)
{
	return 100.0 * (double)part / (double)result.steps;
}

static void check_result(const char *where)
{
	const struct steps_score *t = &result.tables, *f = &result.frame_pointers;

	printf("%s: %llu steps, up to %llu frames; by tables: leaf %.3f %%, root %.3f %%, exact "
	       "%.3f "
	       "%%, %llu guessed; by frame pointers: %.1f, %.1f, %.1f\n",
	       where, (unsigned long long)result.steps, (unsigned long long)result.depth,
	       percent(t->leaf), percent(t->root), percent(t->exact),
	       (unsigned long long)result.tables_guessed, percent(f->leaf), percent(f->root),
	       percent(f->exact));
	for (uint32_t i = 0; i < result.missed; i++)
		show_miss(&result.misses[i]);
	CHECK(result.steps > 20000);
	CHECK(result.depth > 100);
	/* Half-way through a longjmp libc's tables are wrong, for a dozen instructions. */
	CHECK(percent(t->leaf) >= 99.9);
	CHECK(percent(t->root) >= 99.9);
	CHECK(percent(t->exact) >= 99.9);
	/* The control: the truth is hard to guess. */
	CHECK(percent(f->exact) < 90);
	memset(&result, 0, sizeof(result));
}

int main(void)
{
	pthread_t thread;

	step_through_work(NULL);
	check_result("main");
	CHECK_EQ(pthread_create(&thread, NULL, step_through_work, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	check_result("thread");
	return 0;
}
