/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks that are not made again: what is recalled is what the walk would have found, always. */

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "core/stacktab.h"
#include "core/unwind_trail.h"

#define CALLS   20000
#define THREADS 4
#define LIMIT   ((size_t)32 << 20)

#define NOT_INLINED __attribute__((noinline))

static struct rshi_kept_walks walks;
static struct rshi_stacktab table;

/* This thread's. */
static __thread unsigned int recalled, walked;
static __thread uint32_t words_read, frames; /* by the last walk, with the frame pointer */

/* As a profile does it; and once more without what was kept. */
NOT_INLINED static void allocate(void)
{
	const struct rshi_here here = RSHI_HERE();
	uintptr_t pcs[RSHI_UNWIND_MAX];
	struct rshi_trail trail;
	struct rshi_stack stack;
	uint64_t place;
	void *site = rshi_walk_recall_sig(&walks, &here, &place), *right;

	rshi_unwind_trail_sig(&here, pcs, RSHI_UNWIND_MAX, &stack, &trail);
	right = rshi_stacktab_find_sig(&table, 0, 0, pcs, stack.n);
	if (site) {
		recalled++;
		CHECK(site == right);
		return;
	}
	walked++;
	words_read = trail.n + (trail.uses_fp != 0);
	frames = stack.n;
	rshi_walk_keep_sig(&walks, &here, place, &trail, right);
}

/* Who calls an allocator for everybody. */
NOT_INLINED static void allocate_for(char *frame)
{
	allocate();
	frame[1]++;
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

NOT_INLINED static void go_on(uint64_t path, int depth);

NOT_INLINED static void by_large_frame(uint64_t path, int depth)
{
	volatile char frame[300];

	frame[0] = 1;
	go_on(path, depth);
	frame[1] = frame[0];
}

/*
 * Its frame has another size each time, so where its caller is depends on the frame pointer; or on where
 * that is saved, if it has called somebody else.
 */
NOT_INLINED static void by_variable_frame(uint64_t path, int depth)
{
	volatile char frame[16 + 16 * (path % 3)];

	frame[0] = 1;
	if (depth)
		go_on(path, depth);
	else
		allocate();
	frame[1] = frame[0];
}

NOT_INLINED static void go_on(uint64_t path, int depth)
{
	char frame[2] = {0};

	if (!depth)
		allocate_for(frame);
	else if (path % 3 == 0)
		by_large_frame(path / 3, depth - 1);
	else if (path % 3 == 1)
		by_variable_frame(path / 3, depth - 1);
	else
		go_on(path / 3, depth - 1);
	__asm__ volatile("" : : "r"(frame) : "memory");
}

static void *call_by_many_ways(void *arg)
{
	uint64_t seed = (uintptr_t)arg + 1;

	recalled = 0;
	walked = 0;
	for (int i = 0; i < CALLS; i++)
		go_on(next(&seed) % 81, 4);
	CHECK_EQ(recalled + walked, CALLS);
	/* Mostly: there are 81 ways, which have 3 sizes each, and the threads' places may collide. */
	CHECK(recalled > CALLS / 2);
	return NULL;
}

static void test_what_is_recalled_is_right(void)
{
	pthread_t threads[THREADS];

	recalled = 0;
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, call_by_many_ways, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(recalled, 0);
	call_by_many_ways(NULL);
}

/* Where a frame is found by a register, that is part of the walk, or what it was read from. */
static void test_registers_are_read_too(void)
{
	/* Two such frames; a compiler that knows it would make them of that size. */
	volatile uint64_t path = 3 * 2 + 1;

	frames = 0;
	/* From one place, whatever the compiler makes of loops. */
	for (volatile int i = 0; i < 3; i++)
		by_variable_frame(path, 2);
	CHECK(frames > 3);
	CHECK(words_read < RSHI_TRAIL_NONE);
	CHECK(words_read > frames);
}

static void test_another_frame_pointer_is_another_walk(void)
{
	struct rshi_here here = RSHI_HERE();
	struct rshi_trail trail = {.sp = here.sp, .uses_fp = 1};
	uint64_t place;

	allocate(); /* so that the stack is known */
	CHECK(!rshi_walk_recall_sig(&walks, &here, &place));
	rshi_walk_keep_sig(&walks, &here, place, &trail, &trail);
	CHECK(rshi_walk_recall_sig(&walks, &here, &place) == &trail);
	here.fp += 16;
	CHECK(!rshi_walk_recall_sig(&walks, &here, &place));
}

NOT_INLINED static void by_frames_of_pages(int depth)
{
	char frame[RSHI_PAGE + 100];

	__asm__ volatile("" : : "r"(frame) : "memory");
	if (depth)
		by_frames_of_pages(depth - 1);
	else
		allocate();
	__asm__ volatile("" : : "r"(frame) : "memory");
}

/* Each frame is compared by itself; of those there is room for some. */
static void test_large_frames(void)
{
	recalled = 0;
	for (volatile int i = 0; i < 4; i++)
		by_frames_of_pages(RSHI_KEPT_BATCHES / 2);
	CHECK(recalled >= 2);
	recalled = 0;
	for (volatile int i = 0; i < 4; i++)
		by_frames_of_pages(RSHI_KEPT_BATCHES + 1);
	CHECK_EQ(recalled, 0);
}

/* Pairs and single words, in their order and not, and one word twice. */
static void test_every_word_matters(void)
{
	uintptr_t stack[64] = {0};
	const struct rshi_here here = {.pc = 1, .sp = (uintptr_t)stack, .fp = 0};
	struct rshi_trail trail = {
	        .sp = here.sp,
	        .n = 16,
	        .at = {3, 2, 9, 8, 12, 20, 19, 25, 26, 25, 40, 39, 50, 49, 30, 1},
	};
	struct rshi_known_stack known = rshi_known_stack_sig;
	uint64_t place;

	rshi_known_stack_sig.lo = (uintptr_t)stack;
	rshi_known_stack_sig.hi = (uintptr_t)(stack + 64);
	for (uint32_t i = 0; i < trail.n; i++) {
		trail.value[i] = 100 + trail.at[i];
		stack[trail.at[i]] = trail.value[i];
	}
	CHECK(!rshi_walk_recall_sig(&walks, &here, &place));
	rshi_walk_keep_sig(&walks, &here, place, &trail, &trail);
	for (uint32_t i = 0; i < trail.n; i++) {
		CHECK(rshi_walk_recall_sig(&walks, &here, &place) == &trail);
		stack[trail.at[i]]++;
		CHECK(!rshi_walk_recall_sig(&walks, &here, &place));
		stack[trail.at[i]]--;
	}
	CHECK(rshi_walk_recall_sig(&walks, &here, &place) == &trail);
	rshi_known_stack_sig = known;
}

/* The words behind one that differs may be of a larger stack that was at the same addresses. */
static void test_no_page_is_read_behind_a_word_that_differs(void)
{
	char *pages = mmap(NULL, 2 * RSHI_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                   -1, 0);
	volatile uintptr_t *stack = (uintptr_t *)(pages + RSHI_PAGE) - 3;
	const struct rshi_here here = {.pc = 1, .sp = (uintptr_t)stack, .fp = 0};
	struct rshi_trail trail = {.sp = here.sp, .n = 3, .at = {1, 2, 4}, .value = {10, 20, 40}};
	struct rshi_known_stack known = rshi_known_stack_sig;
	uint64_t place;

	CHECK(pages != MAP_FAILED);
	rshi_known_stack_sig.lo = (uintptr_t)pages;
	rshi_known_stack_sig.hi = (uintptr_t)pages + 2 * RSHI_PAGE;
	for (uint32_t i = 0; i < trail.n; i++)
		stack[trail.at[i]] = trail.value[i];
	CHECK(!rshi_walk_recall_sig(&walks, &here, &place));
	rshi_walk_keep_sig(&walks, &here, place, &trail, &trail);
	CHECK(rshi_walk_recall_sig(&walks, &here, &place) == &trail);
	stack[4]++;
	CHECK(!rshi_walk_recall_sig(&walks, &here, &place));
	CHECK_EQ(mprotect(pages + RSHI_PAGE, RSHI_PAGE, PROT_NONE), 0);
	stack[2]++;
	CHECK(!rshi_walk_recall_sig(&walks, &here, &place));
	rshi_known_stack_sig = known;
	CHECK_EQ(munmap(pages, 2 * RSHI_PAGE), 0);
}

/* A walk that began alike and does not come any more does not keep the others from its place. */
NOT_INLINED static void call_often(int times)
{
	for (int i = 0; i < times; i++)
		go_on(0, 3);
}

static void test_the_right_one_is_found_first_in_the_end(void)
{
	uint64_t place, first;
	struct rshi_here nobody = {.pc = 1, .sp = 2, .fp = 3};

	call_often(3);
	for (volatile int times = 10; times < 20000; times += 10000) {
		walked = 0;
		call_often(times);
	}
	/* Not until the first one has been passed by for long, and then once. */
	CHECK_EQ(walked, 1);
	CHECK(!rshi_walk_recall_sig(&walks, &nobody, &place));
	CHECK(!rshi_walk_recall_sig(&walks, &nobody, &first));
	CHECK(place == first);
}

static void *load(const char *name, void (**call)(void (*)(void)))
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 100);
	void *library, *symbol;

	CHECK(n > 0);
	path[n] = 0;
	strcpy(strrchr(path, '/') + 1, name);
	library = dlopen(path, RTLD_NOW);
	CHECK(library);
	symbol = dlsym(library, "reload_call");
	CHECK(symbol);
	memcpy(call, &symbol, sizeof(symbol));
	return library;
}

/* Calls @call with a frame that makes the small one of a library as large as the large one. */
void padded_call(void (*function)(void), void (*call)(void (*)(void)));
__asm__(".text\n"
        ".type padded_call, @function\n"
        "padded_call:\n"
        ".cfi_startproc\n"
        "subq $248, %rsp\n"
        ".cfi_adjust_cfa_offset 248\n"
        "call *%rsi\n"
        "addq $248, %rsp\n"
        ".cfi_adjust_cfa_offset -248\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size padded_call, . - padded_call\n");

#define FRAME 520

/* What is on the stack between the callback and the caller of the small library's function. */
static uintptr_t words[FRAME / sizeof(uintptr_t)];

NOT_INLINED static void allocate_from_small(void)
{
	const struct rshi_here here = RSHI_HERE();

	memcpy(words, (void *)here.sp, sizeof(words));
	allocate();
}

/* It need not have been written to: the large frame may still have what the small one had. */
NOT_INLINED static void allocate_from_large(void)
{
	const struct rshi_here here = RSHI_HERE();

	memcpy((void *)here.sp, words, sizeof(words));
	allocate();
}

static void (*const callbacks[2])(void) = {allocate_from_small, allocate_from_large};

/* What was kept of one library's walk is no good for the next one's at the same address. */
static void test_libraries_that_replace_each_other(const char *const names[2], int is_kept)
{
	uintptr_t last = 0;
	int replaced = 0;

	recalled = 0;
	for (int i = 0; i < 20; i++) {
		void (*call)(void (*)(void));
		void *library = load(names[i % 2], &call);
		void (*by)(void (*)(void), void (*)(void (*)(void))) = padded_call;

		if (i % 2)
			memcpy(&by, &call, sizeof(call));
		replaced += (uintptr_t)call == last;
		last = (uintptr_t)call;
		for (volatile int j = 0; j < 4; j++)
			by(callbacks[i % 2], call);
		CHECK_EQ(dlclose(library), 0);
	}
	CHECK(replaced > 5);
	CHECK(is_kept ? recalled >= 20 : !recalled);
}

/* Of a stack that is not there any more nothing is read: what was read of it is forgotten. */
static void test_without_memory_all_walks_are_made(void)
{
	struct rshi_kept_walks none = {NULL};
	struct rshi_here here = {.pc = 1, .sp = (uintptr_t)&none, .fp = 0};
	struct rshi_trail trail = {.n = 0};
	uint64_t place;

	CHECK(!rshi_walk_recall_sig(&none, &here, &place));
	rshi_walk_keep_sig(&none, &here, place, &trail, &none);
	CHECK(!rshi_walk_recall_sig(&none, &here, &place));
}

int main(void)
{
	static const char *const with_ids[] = {"reload_264.so", "reload_520.so"};
	static const char *const without_ids[] = {"reload_264_anonymous.so",
	                                          "reload_520_anonymous.so"};

	rshi_unwind_know_libc();
	CHECK_EQ(rshi_stacktab_open_sig(&table, 0, LIMIT), 0);
	test_without_memory_all_walks_are_made();
	rshi_kept_walks_open_sig(&walks);
	rshi_kept_walks_open_sig(&walks);
	CHECK(walks.places);
	test_registers_are_read_too();
	test_another_frame_pointer_is_another_walk();
	test_large_frames();
	test_every_word_matters();
	test_no_page_is_read_behind_a_word_that_differs();
	test_what_is_recalled_is_right();
	test_the_right_one_is_found_first_in_the_end();
	test_libraries_that_replace_each_other(with_ids, 1);
	test_libraries_that_replace_each_other(without_ids, 0);
	return 0;
}
