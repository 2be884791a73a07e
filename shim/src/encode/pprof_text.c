/* SPDX-License-Identifier: BSD-2-Clause */
/* The texts of a profile. protobuf wants UTF-8, which names of files and threads need not be. */

#include <raceshim/sigsafe.h>

#include "pprof_table.h"
#include "utf8.h"

int rshi_pprof_text(struct rshi_pprof *p, const char *text, size_t n, uint32_t *number)
{
	char *copy;
	int err;

	if (rshi_utf8_valid(text, n) == n)
		return rshi_intern(&p->strings, text, n, number);
	p->text.used = 0;
	err = rshi_grow_reserve(&p->text, n);
	if (err)
		return err;
	copy = (char *)p->text.p;
	rsh_memcpy_sig(copy, text, n);
	rshi_utf8_repair(copy, n);
	return rshi_intern(&p->strings, copy, n, number);
}

int rshi_pprof_string(struct rshi_pprof *p, const char *text, uint32_t *number)
{
	size_t n = 0;

	while (text && text[n]) {
		n++;
		__asm__ volatile("" : "+r"(n)); /* or compilers see a strlen */
	}
	return rshi_pprof_text(p, text, n, number);
}
