/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the backends without a detector (and detectors without a counterpart for an annotation) drop
 * an argument: check its type in an unevaluated call, evaluate it once, use it for nothing.
 */
#ifndef RACESHIM_DROP_H
#define RACESHIM_DROP_H

#include <stddef.h>
#include <stdint.h>

#include <raceshim/detect.h>

/* Never defined, never called: only sizeof looks at them. */
RSHI_EXTERN_C int rshi_check_addr(const volatile void *addr);
RSHI_EXTERN_C int rshi_check_size(size_t size);
RSHI_EXTERN_C int rshi_check_flag(int flag);
RSHI_EXTERN_C int rshi_check_text(const char *text);

#define RSHI_DROP_ADDR(addr)        ((void)((void)sizeof(rshi_check_addr(addr)), (addr)))
#define RSHI_DROP_SIZE(size)        ((void)((void)sizeof(rshi_check_size(size)), (size)))
#define RSHI_DROP_FLAG(flag)        ((void)((void)sizeof(rshi_check_flag(flag)), (flag)))
#define RSHI_DROP_TEXT(text)        ((void)((void)sizeof(rshi_check_text(text)), (text)))
#define RSHI_DROP_PC(pc)            ((void)(uintptr_t)(pc))
#define RSHI_DROP_RANGE(addr, size) ((void)(RSHI_DROP_ADDR(addr), RSHI_DROP_SIZE(size)))

#endif
