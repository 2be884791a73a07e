/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_PLT_GENERIC_H
#define RSH_CORE_PLT_GENERIC_H

/* Jumps to functions of other objects, on machines whose are not known: without names. */

#include <stddef.h>
#include <stdint.h>

static inline uint64_t rshi_plt_slot(const unsigned char *code, size_t n, uint64_t start)
{
	(void)code;
	(void)n;
	(void)start;
	return 0;
}

#endif /* RSH_CORE_PLT_GENERIC_H */
