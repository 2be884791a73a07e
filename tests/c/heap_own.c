/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program whose blocks grow by reallocarray(), which is libc's, or of whoever stands before libc;
 * with OWN, and with allocators that leave that function to libc, the blocks are of another allocator.
 * OWN is cut from one array; whatever else gets into its free or realloc ends the program.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef OWN
#define ARENA  (1u << 20)
#define HEADER 16

static _Alignas(HEADER) unsigned char arena[ARENA];
static size_t used; /* there is one thread */

static size_t size_of(const void *p)
{
	size_t at = (uintptr_t)p - (uintptr_t)arena;

	if (at >= ARENA)
		abort();
	return *(const size_t *)(const void *)(arena + at - HEADER);
}

void *malloc(size_t size)
{
	size_t whole = HEADER + ((size + HEADER - 1) & ~(size_t)(HEADER - 1));
	unsigned char *block = arena + used;

	if (size > ARENA || used + whole > ARENA)
		return NULL;
	used += whole;
	*(size_t *)(void *)block = size;
	return block + HEADER;
}

void *calloc(size_t n, size_t size)
{
	return malloc(n * size);
}

void free(void *p)
{
	if (p)
		(void)size_of(p);
}

void *realloc(void *p, size_t size)
{
	void *moved = malloc(size);

	if (p && moved)
		memcpy(moved, p, size_of(p) < size ? size_of(p) : size);
	return moved;
}
#endif

int main(void)
{
	volatile size_t too_many = SIZE_MAX / 2;
	char *p = malloc(8);

	strcpy(p, "kept");
	p = reallocarray(p, 100, 700);
	if (!p || reallocarray(p, too_many, 3))
		return 1;
	free(reallocarray(NULL, 3, 5));
	printf("%s\n", p);
	free(p);
	return 0;
}
