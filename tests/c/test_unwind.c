/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks from handlers: what they find, how they end, and that nothing on a stack makes them fault. */

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <raceshim/detect.h>

#include "check.h"
#include "core/dwarf.h"
#include "core/sys.h"
#include "core/unwind.h"
#include "walks_sig.h"

#define PAGE  4096
#define PAGES 4
#define FUZZ  200000

struct callers {
	uintptr_t pcs[64];
	size_t n;
};

static _Unwind_Reason_Code add_caller(struct _Unwind_Context *context, void *arg)
{
	struct callers *callers = arg;

	if (callers->n < 64 && _Unwind_GetIP(context))
		callers->pcs[callers->n++] = _Unwind_GetIP(context);
	return _URC_NO_REASON;
}

static void install(int signo, void (*handler)(int, void *, void *), unsigned long flags)
{
	struct rshi_sigaction action = {handler, SA_SIGINFO | SA_RESTART | flags, 0};

	CHECK_EQ(rshi_sigaction_sig(signo, &action, NULL), 0);
}

static int found_function(void *function)
{
	int n = 0;

	for (uint32_t i = 0; i < walk_found.stack.n; i++)
		n += _Unwind_FindEnclosingFunction((void *)(walk_found.pcs[i] - 1)) == function;
	return n;
}

/* The last walk has come to the end, by the same callers as libgcc's unwinder from here. */
static void check_against(const struct callers *callers)
{
	const struct walk_found *w = &walk_found;

	CHECK_EQ(w->stack.end, RSHI_END_ROOT);
	CHECK(callers->n > 3 && w->stack.n > callers->n);
	/* Its first pc is in the function that has called it, at another place. */
	for (size_t i = 1; i < callers->n; i++)
		CHECK_EQ(w->pcs[w->stack.n - i], callers->pcs[callers->n - i]);
}

/* Send a signal and compare. */
__attribute__((noinline)) static void walk_here(int signo)
{
	struct callers callers = {.n = 0};
	uint32_t before = walk_found.runs;

	_Unwind_Backtrace(add_caller, &callers);
	walk_raise(signo);
	CHECK_EQ(walk_found.runs, before + 1);
	check_against(&callers);
	CHECK_EQ(found_function((void *)walk_here), 1);
	CHECK_EQ(walk_found.stack.guessed, 0);
}

static void test_callers_are_found(void)
{
	install(SIGUSR1, walk_on_signal, 0);
	errno = 4711;
	walk_here(SIGUSR1);
	CHECK_EQ(errno, 4711);
}

/* Through a handler that this library has installed, libc's, and one on a stack of its own. */
static void test_signal_frames_are_crossed(void)
{
	static char other_stack[1 << 16];
	stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};
	struct sigaction action;

	walk_nested = SIGUSR1;
	install(SIGUSR2, walk_nested_on_signal, 0);
	walk_here(SIGUSR2);
	CHECK_EQ(found_function((void *)walk_nested_on_signal), 1);

	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	install(SIGUSR2, walk_nested_on_signal, SA_ONSTACK);
	walk_here(SIGUSR2);
	CHECK_EQ(found_function((void *)walk_nested_on_signal), 1);
	stack.ss_flags = SS_DISABLE;
	CHECK_EQ(sigaltstack(&stack, NULL), 0);

	if (RSH_HAS_TSAN)
		return; /* runs libc's handlers later, from elsewhere */
	memset(&action, 0, sizeof(action));
	action.sa_handler = walk_nested_on_signal_libc;
	CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
	walk_here(SIGUSR2);
	CHECK_EQ(found_function((void *)walk_nested_on_signal_libc), 1);
}

__attribute__((noinline)) static int recurse(int depth)
{
	volatile int result = 0;

	if (depth)
		result = recurse(depth - 1);
	else
		walk_raise(SIGUSR1);
	return result + 1;
}

static void test_depth_is_bounded(void)
{
	CHECK_EQ(recurse(500), 501);
	CHECK_EQ(walk_found.stack.n, RSHI_UNWIND_MAX);
	CHECK_EQ(walk_found.stack.end, RSHI_END_DEPTH);
	walk_max = 1000;
	recurse(500);
	CHECK_EQ(walk_found.stack.n, RSHI_UNWIND_MAX);
	walk_max = 3;
	recurse(1);
	CHECK_EQ(walk_found.stack.n, 3);
	CHECK_EQ(walk_found.stack.end, RSHI_END_DEPTH);
	walk_max = 0;
	recurse(1);
	CHECK_EQ(walk_found.stack.n, 0);
	walk_max = RSHI_UNWIND_MAX;
	recurse(100);
	CHECK_EQ(walk_found.stack.end, RSHI_END_ROOT);
	CHECK(found_function((void *)recurse) > 50); /* compilers put some into each other */
}

/* Found by a frame pointer that the function it calls has saved. */
__attribute__((noinline)) static int with_variable_frame(int n)
{
	volatile char block[n * 8];

	block[n] = (char)n;
	if (n > 1)
		return with_variable_frame(n - 1) + block[n];
	walk_here(SIGUSR1);
	walk_here(SIGUSR1);
	return block[n];
}

static char traceback_arg;

static size_t find_two(void *arg, const void *ucontext, uintptr_t *pcs, size_t max)
{
	CHECK(arg == &traceback_arg);
	CHECK(ucontext != NULL);
	CHECK_EQ(max, RSHI_UNWIND_MAX);
	pcs[0] = 4711;
	pcs[1] = 4712;
	return 2;
}

static size_t find_none(void *arg, const void *ucontext, uintptr_t *pcs, size_t max)
{
	(void)ucontext;
	(void)max;
	pcs[0] = 4713;
	return arg != NULL;
}

static size_t claim_more(void *arg, const void *ucontext, uintptr_t *pcs, size_t max)
{
	(void)arg;
	(void)ucontext;
	for (size_t i = 0; i < max; i++)
		pcs[i] = 4711 + i;
	return max + 1;
}

static void test_the_programs_own_traceback(void)
{
	rshi_unwind_set_traceback_sig(find_two, &traceback_arg);
	walk_raise(SIGUSR1);
	CHECK_EQ(walk_found.stack.end, RSHI_END_USER);
	CHECK_EQ(walk_found.stack.n, 2);
	CHECK_EQ(walk_found.pcs[0], 4711);
	CHECK_EQ(walk_found.pcs[1], 4712);
	rshi_unwind_set_traceback_sig(claim_more, NULL);
	walk_raise(SIGUSR1);
	CHECK_EQ(walk_found.stack.end, RSHI_END_USER);
	CHECK_EQ(walk_found.stack.n, RSHI_UNWIND_MAX);
	CHECK_EQ(walk_found.pcs[RSHI_UNWIND_MAX - 1], 4711 + RSHI_UNWIND_MAX - 1);
	rshi_unwind_set_traceback_sig(find_none, NULL);
	walk_here(SIGUSR1);
	rshi_unwind_set_traceback_sig(NULL, NULL);
	walk_here(SIGUSR1);
}

/* A check of what stands before a function's code, where here is none. */
#define WITHOUT_CHECK __attribute__((noinline, no_sanitize("undefined")))

static void raise_usr1(void)
{
	walk_raise(SIGUSR1);
}

/* push %rbp; mov %rsp, %rbp; call *%rdi; pop %rbp; ret: code that nobody has tables for. */
WITHOUT_CHECK static void test_code_without_tables(void)
{
	static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct callers callers = {.n = 0};
	void (*made)(void (*)(void));

	CHECK(p != MAP_FAILED);
	memcpy(p, code, sizeof(code));
	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
	memcpy(&made, &p, sizeof(p));
	_Unwind_Backtrace(add_caller, &callers);
	made(raise_usr1);
	check_against(&callers);
	CHECK_EQ(walk_found.stack.guessed, 1);
	CHECK_EQ(found_function((void *)test_code_without_tables), 1);
	CHECK_EQ(munmap(p, PAGE), 0);
}

WITHOUT_CHECK static void test_call_of_what_is_not_there(void)
{
	void (*volatile nowhere)(void) = NULL;
	struct callers callers = {.n = 0};

	install(SIGSEGV, walk_and_return_on_signal, 0);
	_Unwind_Backtrace(add_caller, &callers);
	nowhere();
	check_against(&callers);
	CHECK_EQ(walk_found.pcs[0], 0);
	CHECK_EQ(walk_found.stack.guessed, 1);
	install(SIGSEGV, NULL, 0); /* the default */
}

/* Load one of two libraries that differ in their frames only; returns its function. */
static void (*load(const char *name, void **library))(void (*)(void))
{
	char path[4096];
	void (*call)(void (*)(void));
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	void *symbol;

	CHECK(n > 0);
	path[n] = 0;
	strcpy(strrchr(path, '/') + 1, name);
	*library = dlopen(path, RTLD_NOW);
	CHECK(*library);
	CHECK_EQ(rshi_unwind_list_objects(), 0);
	symbol = dlsym(*library, "reload_call");
	CHECK(symbol);
	memcpy(&call, &symbol, sizeof(symbol));
	return call;
}

/* What was found in a library's tables is no good for the next one at the same address. */
WITHOUT_CHECK static void test_libraries_that_replace_each_other(const char *const names[2])
{
	uintptr_t last = 0;
	int replaced = 0;

	for (int i = 0; i < 20; i++) {
		struct callers callers = {.n = 0};
		void *library;
		void (*call)(void (*)(void)) = load(names[i % 2], &library);

		replaced += (uintptr_t)call == last;
		last = (uintptr_t)call;
		_Unwind_Backtrace(add_caller, &callers);
		for (int j = 0; j < 3; j++) {
			call(raise_usr1);
			check_against(&callers);
			CHECK_EQ(found_function((void *)call), 1);
		}
		CHECK_EQ(dlclose(library), 0);
	}
	CHECK(replaced > 5);
}

static uint64_t seed = 1;

static uint64_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* The segments of code of all loaded objects. */
static struct {
	uintptr_t start, size;
} code[64];
static size_t code_n;

static uintptr_t any_pc(void)
{
	size_t i = any() % code_n;

	return code[i].start + any() % code[i].size;
}

static uint64_t rows, functions;

/* All that the tables say between two addresses makes sense. */
static void find_rows(const struct rshi_object *object, uintptr_t pc, uintptr_t limit)
{
	struct rshi_fde fde;
	struct rshi_row row;

	while (pc < limit) {
		int end = rshi_fde_find_sig(object, pc, &fde);

		CHECK(end == 0 || end == RSHI_END_NO_CFI);
		if (end) {
			pc++;
			continue;
		}
		CHECK(fde.pc <= pc && pc < fde.end);
		functions++;
		for (uintptr_t at = fde.pc; at < fde.end; at += 1 + (fde.end - fde.pc) / 40) {
			CHECK_EQ(rshi_row_find_sig(&fde, at, &row), 0);
			rows++;
		}
		CHECK_EQ(rshi_row_find_sig(&fde, fde.end - 1, &row), 0);
		pc = fde.end;
	}
}

static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct rshi_object object;

	(void)size;
	(void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + header->p_vaddr;

		if (header->p_type != PT_LOAD || !(header->p_flags & PF_X) || code_n == 64)
			continue;
		code[code_n].start = start;
		code[code_n++].size = header->p_memsz;
		CHECK_EQ(rshi_object_find_sig(start, &object), 0);
		CHECK(object.start <= start && start + header->p_memsz <= object.end);
		find_rows(&object, start, start + header->p_memsz);
	}
	return 0;
}

static void test_all_tables_make_sense(void)
{
	dl_iterate_phdr(look_at, NULL);
	printf("tables of %llu functions, %llu rows\n", (unsigned long long)functions,
	       (unsigned long long)rows);
	CHECK(functions > 2000);
	CHECK(rows > 10 * functions);
}

/* A word as it may lie on a stack. */
static uintptr_t any_word(uintptr_t stack, size_t size)
{
	switch (any() % 8) {
	case 0:
	case 1:
		return any_pc();
	case 2:
	case 3:
	case 4:
		return (stack + any() % size) & ~(uintptr_t)7;
	case 5:
		return any() % 4096;
	case 6:
		return (uintptr_t)0 - any() % 4096;
	default:
		return any();
	}
}

/*
 * Stacks of anything, in the middle of which is a page that cannot be read, and registers of
 * anything, interrupted anywhere. Nothing is asked of the walks but that they end.
 */
static void test_wrecked_stacks(void)
{
	size_t ends[8] = {0}, size = (size_t)PAGES * PAGE, deep = 0;
	uintptr_t *stack =
	        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static uintptr_t pcs[RSHI_UNWIND_MAX];
	struct rshi_stack found;
	static ucontext_t saved, uc;

	CHECK(stack != MAP_FAILED);
	walk_context = &saved;
	walk_context_size = offsetof(ucontext_t, uc_mcontext) + sizeof(gregset_t);
	walk_raise(SIGUSR1);
	walk_context = NULL;
	CHECK_EQ(mprotect((char *)stack + 2 * PAGE, PAGE, PROT_NONE), 0);
	for (int round = 0; round < FUZZ; round++) {
		if (round % 50 == 0) {
			for (size_t i = 0; i < size / sizeof(*stack); i++) {
				if (i * sizeof(*stack) / PAGE != 2)
					stack[i] = any_word((uintptr_t)stack, size);
			}
		}
		uc = saved;
		for (int reg = 0; reg <= REG_RIP; reg++)
			uc.uc_mcontext.gregs[reg] = (greg_t)any_word((uintptr_t)stack, size);
		uc.uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)stack + (greg_t)(any() % size);
		if (round % 16)
			uc.uc_mcontext.gregs[REG_RSP] &= ~7;
		if (round % 16)
			uc.uc_mcontext.gregs[REG_RIP] = (greg_t)any_pc();
		rshi_unwind_sig(&uc, pcs, RSHI_UNWIND_MAX, &found);
		CHECK(found.n >= 1 && found.n <= RSHI_UNWIND_MAX);
		CHECK(found.end >= RSHI_END_ROOT && found.end <= RSHI_END_BAD_STACK);
		ends[found.end]++;
		deep += found.n > 3;
		rshi_unwind_fp_sig(&uc, pcs, RSHI_UNWIND_MAX, &found);
		CHECK(found.n >= 1 && found.n <= RSHI_UNWIND_MAX);
	}
	printf("wrecked stacks: %zu root, %zu deep, %zu no tables, %zu bad tables, %zu bad stack; "
	       "%zu have more than 3 frames\n",
	       ends[RSHI_END_ROOT], ends[RSHI_END_DEPTH], ends[RSHI_END_NO_CFI],
	       ends[RSHI_END_BAD_CFI], ends[RSHI_END_BAD_STACK], deep);
	CHECK(ends[RSHI_END_BAD_STACK] > FUZZ / 20);
	CHECK(deep > FUZZ / 1000);
	CHECK_EQ(munmap(stack, size), 0);
}

int main(void)
{
	static const char *const with_ids[] = {"reload_264.so", "reload_520.so"};
	static const char *const without_ids[] = {"reload_264_anonymous.so",
	                                          "reload_520_anonymous.so"};

	CHECK_EQ(rshi_unwind_list_objects(), 0);
	test_callers_are_found();
	test_signal_frames_are_crossed();
	test_depth_is_bounded();
	CHECK_EQ(with_variable_frame(20), 210);
	test_the_programs_own_traceback();
	test_code_without_tables();
	test_call_of_what_is_not_there();
	test_libraries_that_replace_each_other(with_ids);
	test_libraries_that_replace_each_other(without_ids);
	test_all_tables_make_sense();
	test_wrecked_stacks();
	return 0;
}
