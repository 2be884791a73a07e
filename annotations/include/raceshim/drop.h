/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the backends without a detector (and detectors without a counterpart for an annotation) drop
 * an argument: the type is checked in a call that is never evaluated. Evaluating the argument and
 * dropping its value is not nothing: gcc chose other registers for a loop around a dropped
 * __builtin_return_address(0), and neither is an address that is passed on, even to an empty
 * function that will be inlined. So side effects do not belong in arguments, as with assert().
 */
#ifndef RACESHIM_DROP_H
#define RACESHIM_DROP_H

#include <stddef.h>
#include <stdint.h>

#include <raceshim/detect.h>

/* Never defined, never called. */
RSHI_EXTERN_C int rshi_check_addr(const volatile void *addr);
RSHI_EXTERN_C int rshi_check_size(size_t size);
RSHI_EXTERN_C int rshi_check_flag(int flag);
RSHI_EXTERN_C int rshi_check_text(const char *text);
RSHI_EXTERN_C int rshi_check_pc(uintptr_t pc);

/*
 * Is a call a constant? It is not, both compilers say so without evaluating it, and a condition or
 * a branch that code coverage could count is not there either. Unlike the operand of sizeof, what
 * the call names counts as used: no warning for a variable that serves annotations only.
 */
#define RSHI_UNEVALUATED(call) ((void)__builtin_constant_p(call))

#define RSHI_DROP_ADDR(addr)        RSHI_UNEVALUATED(rshi_check_addr(addr))
#define RSHI_DROP_SIZE(size)        RSHI_UNEVALUATED(rshi_check_size(size))
#define RSHI_DROP_FLAG(flag)        RSHI_UNEVALUATED(rshi_check_flag(flag))
#define RSHI_DROP_TEXT(text)        RSHI_UNEVALUATED(rshi_check_text(text))
#define RSHI_DROP_PC(pc)            RSHI_UNEVALUATED(rshi_check_pc((uintptr_t)(pc)))
#define RSHI_DROP_RANGE(addr, size) ((void)(RSHI_DROP_ADDR(addr), RSHI_DROP_SIZE(size)))

#endif
