/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_PLT_X86_64_H
#define RSH_CORE_PLT_X86_64_H

/* How linkers write the jumps to functions of other objects. */

#include <stddef.h>
#include <stdint.h>

/*
 * Where the jump in the @n bytes of a stub that is linked for address @start takes its target from;
 * 0 if it is none: jmp *d(%rip), behind endbr64 and with bnd, as there may be.
 */
static inline uint64_t rshi_plt_slot(const unsigned char *code, size_t n, uint64_t start)
{
	size_t at = 0;
	uint32_t distance = 0;

	if (n >= 4 && code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa)
		at = 4;
	if (at < n && code[at] == 0xf2)
		at++;
	if (n < 6 || at > n - 6 || code[at] != 0xff || code[at + 1] != 0x25)
		return 0;
	for (size_t i = 0; i < 4; i++)
		distance |= (uint32_t)code[at + 2 + i] << 8 * i;
	return start + at + 6 + (uint64_t)(int64_t)(int32_t)distance;
}

#endif /* RSH_CORE_PLT_X86_64_H */
