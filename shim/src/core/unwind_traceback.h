/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_UNWIND_TRACEBACK_H
#define RSH_CORE_UNWIND_TRACEBACK_H

#include "unwind.h"

/* Let the program's traceback function, if there is one, fill @pcs; returns how many it found. */
size_t rshi_traceback_sig(const void *ucontext, uintptr_t *pcs, size_t max);

#endif /* RSH_CORE_UNWIND_TRACEBACK_H */
