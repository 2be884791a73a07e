/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks that the linker leads a program's calls to (--wrap): they stand in front of the detector's
 * runtime, also where that is linked into the program. A thread can be held up before its first
 * function without its maker there, and all that the compiler tells the detector is met as well:
 * plain accesses, atomic operations, and the functions that are entered and left.
 *
 * Each hook goes on by a jump, so the detector sees who has called, and no frame of ours.
 */

#include <stddef.h>
#include <stdint.h>

#include "events.h"
#include "perturb.h"

/* The library that is preloaded finds this, and leaves the program to us. */
extern const char rshi_perturb_linked[];
__attribute__((visibility("default"))) const char rshi_perturb_linked[] = "linked";

/* NOLINTBEGIN(bugprone-macro-parentheses): the lists bring their own. */

#define RSHI_REAL(type, name, parameters)                                                          \
	type rshi_real_##name parameters __asm__("__real_" #name) __attribute__((weak));           \
	type rshi_wrap_##name parameters __asm__("__wrap_" #name);

#define RSHI_HOOK(name, event, parameters, arguments)                                              \
	RSHI_REAL(int, name, parameters)                                                           \
	int rshi_wrap_##name parameters                                                            \
	{                                                                                          \
		rshi_perturb(event, (const void *)a);                                              \
		return rshi_real_##name arguments;                                                 \
	}
RSHI_EVENTS(RSHI_HOOK)
RSHI_HOOK(usleep, RSHI_RESTS, (uintptr_t a), (a))
RSHI_HOOK(sleep, RSHI_RESTS, (uintptr_t a), (a))
RSHI_HOOK(nanosleep, RSHI_RESTS, (const void *a, void *b), (a, b))

RSHI_REAL(int, sched_yield, (void))
int rshi_wrap_sched_yield(void)
{
	rshi_perturb(RSHI_RESTS, NULL);
	return rshi_real_sched_yield();
}

RSHI_REAL(int, pthread_create, RSHI_CREATE_PARAMETERS)
int rshi_wrap_pthread_create RSHI_CREATE_PARAMETERS
{
	void *child;

	rshi_perturb(RSHI_MAKES, NULL);
	child = rshi_perturb_child(start, arg);
	return rshi_real_pthread_create(thread, attr, child ? rshi_perturb_begin : start,
	                                child ? child : arg);
}

/* What the program tells the detector of its own locks, and of orders that it cannot see. */
#define RSHI_POINT(name, event, parameters, arguments)                                             \
	RSHI_REAL(void, name, parameters)                                                          \
	void rshi_wrap_##name parameters                                                           \
	{                                                                                          \
		rshi_perturb(event, a);                                                            \
		rshi_real_##name arguments;                                                        \
	}
RSHI_POINT(__tsan_acquire, RSHI_TRIES, (void *a), (a))
RSHI_POINT(__tsan_release, RSHI_GIVES, (void *a), (a))
RSHI_POINT(__tsan_mutex_pre_lock, RSHI_TRIES, (void *a, unsigned b), (a, b))
RSHI_POINT(__tsan_mutex_post_unlock, RSHI_GIVES, (void *a, unsigned b), (a, b))
RSHI_POINT(__tsan_mutex_pre_signal, RSHI_GIVES, (void *a, unsigned b), (a, b))

#define RSHI_TOUCH(name)                                                                           \
	RSHI_REAL(void, __tsan_##name, (void *a))                                                  \
	void rshi_wrap___tsan_##name(void *a)                                                      \
	{                                                                                          \
		if (RSHI_IS_DUE(left))                                                             \
			rshi_perturb_due(RSHI_TOUCHES);                                            \
		rshi_real___tsan_##name(a);                                                        \
	}
RSHI_TOUCH(read1)
RSHI_TOUCH(read2)
RSHI_TOUCH(read4)
RSHI_TOUCH(read8)
RSHI_TOUCH(read16)
RSHI_TOUCH(write1)
RSHI_TOUCH(write2)
RSHI_TOUCH(write4)
RSHI_TOUCH(write8)
RSHI_TOUCH(write16)
RSHI_TOUCH(unaligned_read2)
RSHI_TOUCH(unaligned_read4)
RSHI_TOUCH(unaligned_read8)
RSHI_TOUCH(unaligned_read16)
RSHI_TOUCH(unaligned_write2)
RSHI_TOUCH(unaligned_write4)
RSHI_TOUCH(unaligned_write8)
RSHI_TOUCH(unaligned_write16)

RSHI_REAL(void, __tsan_func_entry, (void *a))
void rshi_wrap___tsan_func_entry(void *a)
{
	rshi_mine.depth++;
	if (RSHI_IS_DUE(left))
		rshi_perturb_due(RSHI_TOUCHES);
	rshi_real___tsan_func_entry(a);
}

RSHI_REAL(void, __tsan_func_exit, (void))
void rshi_wrap___tsan_func_exit(void)
{
	/* Where the outermost function is left the thread ends, or is in code that nobody tells of. */
	if (--rshi_mine.depth == 0)
		rshi_perturb(RSHI_ENDS, NULL);
	rshi_real___tsan_func_exit();
}

#define RSHI_ATOMIC(type, name, parameters, arguments)                                             \
	RSHI_REAL(type, __tsan_##name, parameters)                                                 \
	type rshi_wrap___tsan_##name parameters                                                    \
	{                                                                                          \
		if (RSHI_IS_DUE(meets))                                                            \
			rshi_perturb_due(RSHI_MEETS);                                              \
		return rshi_real___tsan_##name arguments;                                          \
	}
#define RSHI_UPDATE(type, name)                                                                    \
	RSHI_ATOMIC(type, name, (volatile void *a, type b, int c), (a, b, c))
#define RSHI_ATOMICS(bits, type)                                                                   \
	RSHI_ATOMIC(type, atomic##bits##_load, (const volatile void *a, int b), (a, b))            \
	RSHI_ATOMIC(void, atomic##bits##_store, (volatile void *a, type b, int c), (a, b, c))      \
	RSHI_UPDATE(type, atomic##bits##_exchange)                                                 \
	RSHI_UPDATE(type, atomic##bits##_fetch_add)                                                \
	RSHI_UPDATE(type, atomic##bits##_fetch_sub)                                                \
	RSHI_UPDATE(type, atomic##bits##_fetch_and)                                                \
	RSHI_UPDATE(type, atomic##bits##_fetch_or)                                                 \
	RSHI_UPDATE(type, atomic##bits##_fetch_xor)                                                \
	RSHI_UPDATE(type, atomic##bits##_fetch_nand)                                               \
	RSHI_ATOMIC(int, atomic##bits##_compare_exchange_strong,                                   \
	            (volatile void *a, void *b, type c, int d, int e), (a, b, c, d, e))            \
	RSHI_ATOMIC(int, atomic##bits##_compare_exchange_weak,                                     \
	            (volatile void *a, void *b, type c, int d, int e), (a, b, c, d, e))            \
	RSHI_ATOMIC(type, atomic##bits##_compare_exchange_val,                                     \
	            (volatile void *a, type b, type c, int d, int e), (a, b, c, d, e))
RSHI_ATOMICS(8, uint8_t)
RSHI_ATOMICS(16, uint16_t)
RSHI_ATOMICS(32, uint32_t)
RSHI_ATOMICS(64, uint64_t)

/* NOLINTEND(bugprone-macro-parentheses) */

__attribute__((constructor(101))) static void begin(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	rshi_perturb_init(environment, true);
}
