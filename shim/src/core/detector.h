/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_DETECTOR_H
#define RSH_CORE_DETECTOR_H

/*
 * How the library, which no compiler instruments, tells the detector of the program it ended up in
 * what it does to that program's memory.
 *
 * The detector is reached through weak references, which stay NULL where there is none: the same
 * bytes serve plain, TSan, MSan and ASan programs. Each symbol is tested by itself, since the
 * runtimes of the supported compilers differ in what they have. The references are declared under
 * names of our own, since compilers know some of the symbols as builtins, with prototypes that
 * differ from those of the runtimes.
 *
 * Not for `*_sig.c`: the thread that a handler interrupted may hold locks of the runtime.
 */

#include <stddef.h>
#include <stdint.h>

#define RSHI_HOOK(symbol) __asm__(#symbol) __attribute__((weak, visibility("default")))

void rshi_tsan_func_entry(const void *caller_pc) RSHI_HOOK(__tsan_func_entry);
void rshi_tsan_func_exit(void) RSHI_HOOK(__tsan_func_exit);
void rshi_tsan_read_range_pc(const void *p, size_t n, const void *pc)
        RSHI_HOOK(__tsan_read_range_pc);
void rshi_tsan_write_range_pc(void *p, size_t n, const void *pc) RSHI_HOOK(__tsan_write_range_pc);
void rshi_tsan_acquire(const void *tag) RSHI_HOOK(__tsan_acquire);
void rshi_tsan_release(const void *tag) RSHI_HOOK(__tsan_release);
uint64_t rshi_tsan_atomic64_load(const volatile uint64_t *p, int order)
        RSHI_HOOK(__tsan_atomic64_load);

void rshi_msan_unpoison(const volatile void *p, size_t n) RSHI_HOOK(__msan_unpoison);
void rshi_msan_check(const volatile void *p, size_t n) RSHI_HOOK(__msan_check_mem_is_initialized);

void *rshi_asan_region_is_poisoned(const void *p, size_t n) RSHI_HOOK(__asan_region_is_poisoned);
void rshi_asan_report_error(void *pc, void *bp, void *sp, void *p, int is_write, size_t n)
        RSHI_HOOK(__asan_report_error);

/* Called before the runtime ends the process by itself; there is one for the whole process. */
void rshi_sanitizer_set_death_callback(void (*callback)(void))
        RSHI_HOOK(__sanitizer_set_death_callback);

/* Called for each allocation, and before each free, from inside; returns 0 if there are too many. */
int rshi_sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *p,
                                                                   size_t n),
                                                 void (*freed)(const volatile void *p))
        RSHI_HOOK(__sanitizer_install_malloc_and_free_hooks);

/* On whose behalf a public function touches memory, in the detectors' terms. */
struct rshi_caller {
	const void *self; /* a pc inside the public function */
	void *pc;         /* its return address: the call in the user's function */
	void *bp;         /* the user's frame pointer and stack pointer at that call */
	void *sp;
};

/*
 * The caller of public function @fn, evaluated in the body of @fn itself. Its frame holds the saved
 * frame pointer and the return address, on every supported machine; the caller's frame is above.
 */
#define RSHI_CALLER(fn)                                                                            \
	{                                                                                          \
	        .self = (const char *)(uintptr_t)(fn) + 1,                                         \
	        .pc = __builtin_return_address(0),                                                 \
	        .bp = *(void **)__builtin_frame_address(0),                                        \
	        .sp = (void **)__builtin_frame_address(0) + 2,                                     \
	}

/*
 * Put the public function on the detector's stack of this thread, above its caller, for accesses
 * announced and callbacks made until rshi_frame_pop(). In the visible build the compiler does that.
 */
#ifndef RSH_VISIBLE
static inline void rshi_frame_push(const struct rshi_caller *caller)
{
	if (rshi_tsan_func_entry && rshi_tsan_func_exit)
		rshi_tsan_func_entry(caller->pc);
}

static inline void rshi_frame_pop(void)
{
	if (rshi_tsan_func_entry && rshi_tsan_func_exit)
		rshi_tsan_func_exit();
}
#else
static inline void rshi_frame_push(const struct rshi_caller *caller)
{
	(void)caller;
}

static inline void rshi_frame_pop(void)
{
}
#endif

/* ASan's check of an instrumented access, made for an access that the compiler did not see. */
static inline void rshi_asan_check(const struct rshi_caller *caller, const void *p, size_t n,
                                   int is_write)
{
	void *bad = NULL;

	if (rshi_asan_region_is_poisoned && rshi_asan_report_error)
		bad = rshi_asan_region_is_poisoned(p, n);
	if (bad)
		rshi_asan_report_error(caller->pc, caller->bp, caller->sp, bad, is_write, n);
}

/* What the API promises to happen before what @tag stands for; and what happens after all that. */
static inline void rshi_did_release(const void *tag)
{
	if (rshi_tsan_release)
		rshi_tsan_release(tag);
}

static inline void rshi_did_acquire(const void *tag)
{
	if (rshi_tsan_acquire)
		rshi_tsan_acquire(tag);
}

/* Before writing @n bytes of the user's at @p, between rshi_frame_push() and rshi_frame_pop(). */
static inline void rshi_will_write(const struct rshi_caller *caller, void *p, size_t n)
{
	rshi_asan_check(caller, p, n, 1);
	if (rshi_tsan_write_range_pc)
		rshi_tsan_write_range_pc(p, n, caller->self);
	if (rshi_msan_unpoison)
		rshi_msan_unpoison(p, n);
}

/* Before reading @n bytes of the user's at @p, likewise. */
static inline void rshi_will_read(const struct rshi_caller *caller, const void *p, size_t n)
{
	rshi_asan_check(caller, p, n, 0);
	if (rshi_tsan_read_range_pc)
		rshi_tsan_read_range_pc(p, n, caller->self);
	if (rshi_msan_check)
		rshi_msan_check(p, n);
}

/* Before atomic loads of @n bytes of the user's at @p with rshi_user_load64(), likewise. */
static inline void rshi_will_load(const struct rshi_caller *caller, const void *p, size_t n)
{
	rshi_asan_check(caller, p, n, 0);
	if (rshi_msan_check)
		rshi_msan_check(p, n);
}

/* A relaxed load of a word of the user's; TSan checks it against plain accesses, and performs it.
 */
static inline uint64_t rshi_user_load64(const uint64_t *p)
{
	if (rshi_tsan_atomic64_load)
		return rshi_tsan_atomic64_load(p, __ATOMIC_RELAXED);
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

#endif /* RSH_CORE_DETECTOR_H */
