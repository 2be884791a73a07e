/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_UNWIND_H
#define RSH_CORE_UNWIND_H

/*
 * The stack of the code that a signal handler has interrupted, or of a function's caller, as pcs.
 *
 * Everything here may run in a handler at any instruction of any program: it takes no lock, has no
 * memory but static arrays, calls nothing of libc's but _dl_find_object, tells no detector
 * anything, and leaves errno alone. Each word of the interrupted stack is read only after it has
 * been found readable, so a wrecked stack ends the walk early and does nothing worse.
 *
 * An object is unloaded while a handler reads its unwind tables only if it is unloaded while a
 * function of it is still to return, which no correct program does.
 */

#include <stddef.h>
#include <stdint.h>

#define RSHI_UNWIND_MAX 128

/* Why a walk has ended. Only after ROOT and USER are the frames all that there are. */
enum rshi_unwind_end {
	RSHI_END_ROOT = 1,  /* a function that has no caller, as its tables say */
	RSHI_END_DEPTH,     /* the array is full */
	RSHI_END_NO_CFI,    /* code without unwind tables, and no frame pointer chain to go on by */
	RSHI_END_BAD_CFI,   /* tables that make no sense, or need a register that is lost */
	RSHI_END_BAD_STACK, /* memory that cannot be read, or a stack that does not grow */
	RSHI_END_USER,      /* the program's own traceback function has done it */
};

struct rshi_stack {
	uint32_t n;       /* frames found, at least 1 if there is room for one */
	uint32_t guessed; /* of these, callers found by a frame pointer for lack of tables */
	enum rshi_unwind_end end; /* why there are no more */
};

/*
 * Walk the stack of the thread that runs this, from the state that the kernel has saved in
 * @ucontext, the third argument of a handler. pcs[0] is where the thread was interrupted, the
 * others are return addresses (but behind a signal frame, the interrupted pc again); at most @max,
 * and at most RSHI_UNWIND_MAX.
 *
 * The two differ in how they find a caller: by unwind tables, or on machines that have no walker
 * for them, as the second one: by frame pointers, which leaf functions and most of libc's and of
 * the detectors' runtimes do not keep.
 */
void rshi_unwind_sig(const void *ucontext, uintptr_t *pcs, size_t max, struct rshi_stack *stack);
void rshi_unwind_fp_sig(const void *ucontext, uintptr_t *pcs, size_t max, struct rshi_stack *stack);

/* Where a function was called from, as its caller sees it. */
struct rshi_here {
	uintptr_t pc; /* the return address */
	uintptr_t sp; /* behind it, or on other machines at most that: nothing lies below */
	uintptr_t fp; /* the caller's frame pointer, if it keeps one */
};

/* The call of the function that this is evaluated in the body of. */
#define RSHI_HERE()                                                                                \
	{                                                                                          \
	        .pc = (uintptr_t)__builtin_return_address(0),                                      \
	        .sp = (uintptr_t)((void **)__builtin_frame_address(0) + 2),                        \
	        .fp = (uintptr_t)(*(void **)__builtin_frame_address(0)),                           \
	}

/*
 * Walk the stack of the calling thread from a function's call on: pcs[0] is its return address, the
 * others are those of its callers; at most @max. The function is one that is still running, in this
 * thread, and so are all between it and this. The program's traceback function is not asked, for
 * there is no ucontext.
 */
void rshi_unwind_here_sig(const struct rshi_here *here, uintptr_t *pcs, size_t max,
                          struct rshi_stack *stack);
void rshi_unwind_fp_here_sig(const struct rshi_here *here, uintptr_t *pcs, size_t max,
                             struct rshi_stack *stack);

/*
 * A traceback function of the program's, for stacks that only it understands, such as those of an
 * interpreter. It runs in the handler instead of the walk, with what the kernel has saved of the
 * interrupted thread: puts at most @max pcs into @pcs, leaf first, and returns how many. If it finds
 * none, the stack is walked after all.
 */
typedef size_t rshi_traceback_function(void *arg, const void *ucontext, uintptr_t *pcs, size_t max);

/*
 * Set it, or with NULL take it back, one call at a time. Handlers already running may still call the
 * old one: before another one is set, it has to be taken back, and they have to be waited for.
 */
void rshi_unwind_set_traceback_sig(rshi_traceback_function *function, void *arg);

/*
 * On a libc without _dl_find_object: list the objects loaded now, for handlers from now on. To be
 * called outside handlers, before the first one and after each dlopen; does nothing elsewhere.
 * Returns 0, EAGAIN if another thread is at it, or ENOSPC if there are too many objects: the rest
 * has no tables then.
 */
int rshi_unwind_list_objects(void);

/*
 * Find out which object is libc, which need not be looked at again each time: it stays. To be called
 * outside handlers, as often as one likes.
 */
void rshi_unwind_know_libc(void);

#endif /* RSH_CORE_UNWIND_H */
