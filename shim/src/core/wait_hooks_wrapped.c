/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks that the linker leads a program's calls to (--wrap). Nobody but the linker asks for this
 * file, so it is in programs that want it only; the real functions are the detector's, or libc's.
 */

#include "detector.h"
#include "wait_hooks.h"

const char rshi_hooks_wrapped = 1;

/* In front of a detector: the caller's frame, and then ours, which makes the call. */
static inline void push(uintptr_t pc)
{
	const struct rshi_caller caller = {.pc = (void *)pc};

	rshi_frame_push(&caller);
}

#define RSHI_DECLARE(name, parameters)                                                             \
	int rshi_real_##name(parameters) __asm__("__real_" #name);                                 \
	int rshi_wrap_##name(parameters) __asm__("__wrap_" #name);
#define RSHI_NAME(name)       rshi_wrap_##name
#define RSHI_NEXT(name)       rshi_real_##name
#define RSHI_IS_WATCHED(name) rshi_is_watched_in_front(RSHI_N_##name)
#define RSHI_PUSH(pc)         push(pc)
#define RSHI_POP()            rshi_frame_pop()

#include "wait_hooks_body.h"
