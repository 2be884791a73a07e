/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_CONTEXT_H
#define RSH_CORE_CONTEXT_H

/*
 * What the kernel saves of an interrupted thread. The kernel's headers, not libc's, whose
 * <ucontext.h> brings functions along.
 */

#include <stdint.h>

#include <linux/signal.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>

#if defined(__x86_64__)
#include "context_x86_64.h"
#elif defined(__aarch64__)
#include "context_aarch64.h"
#else
#error "unknown machine: add shim/src/core/context_<machine>.h"
#endif

#endif /* RSH_CORE_CONTEXT_H */
