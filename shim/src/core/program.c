/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel says of the program. */

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include "program.h"

struct program {
	const ElfW(Phdr) * headers;
	unsigned long n;
	uintptr_t base;
};

static struct program find(void)
{
	struct program p = {(const ElfW(Phdr) *)getauxval(AT_PHDR), getauxval(AT_PHNUM), 0};

	for (unsigned long i = 0; i < p.n; i++)
		if (p.headers[i].p_type == PT_PHDR)
			p.base = (uintptr_t)p.headers - p.headers[i].p_vaddr;
	return p;
}

int rshi_program_holds(const void *of)
{
	const struct program p = find();

	for (unsigned long i = 0; i < p.n; i++) {
		const ElfW(Phdr) *h = &p.headers[i];

		if (h->p_type == PT_LOAD && (uintptr_t)of - (p.base + h->p_vaddr) < h->p_memsz)
			return 1;
	}
	return 0;
}

static int is_ours(const struct rshi_note *note, uint32_t type)
{
	for (uint32_t i = 0; i < sizeof(RSHI_NOTE_NAME); i++)
		if (note->name[i] != RSHI_NOTE_NAME[i])
			return 0;
	return note->type == type;
}

/* In @n bytes of notes at @at. */
static int has(uintptr_t at, size_t n, uint32_t type)
{
	while (n >= 12) {
		const struct rshi_note *note = (const struct rshi_note *)at;
		size_t size = 12 + (((size_t)note->name_size + 3) & ~(size_t)3) +
		              (((size_t)note->size + 3) & ~(size_t)3);

		if (size > n)
			return 0;
		if (note->name_size == sizeof(RSHI_NOTE_NAME) && is_ours(note, type))
			return 1;
		at += size;
		n -= size;
	}
	return 0;
}

int rshi_program_notes(uint32_t type)
{
	const struct program p = find();

	for (unsigned long i = 0; i < p.n; i++)
		if (p.headers[i].p_type == PT_NOTE &&
		    has(p.base + p.headers[i].p_vaddr, p.headers[i].p_memsz, type))
			return 1;
	return 0;
}
