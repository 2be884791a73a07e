/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_SYMBOLS_TABLE_H
#define RSH_CORE_SYMBOLS_TABLE_H

/* One file's symbol tables, for symbols.c. */

#include "symbols.h"

#define RSHI_TABLE_BUFFER 65536
#define RSHI_WORK_MAX     (UINT64_C(1) << 24)

struct rshi_table {
	const struct rshi_elf *elf;
	struct rshi_symbol *symbols; /* sorted by @at */
	size_t n;
	uint64_t work;  /* steps made; there is an end to what a file may ask for */
	int has_symtab; /* besides .dynsym */
	int has_any;
	char name[2][RSHI_SYMBOL_NAME_MAX];
	_Alignas(8) unsigned char buffer[RSHI_TABLE_BUFFER];
};

/* How many sections there are, and the header of one. ENOEXEC, EIO, ... */
int rshi_table_count(const struct rshi_elf *elf, uint64_t *n);
int rshi_table_section(const struct rshi_elf *elf, uint64_t i, Elf64_Shdr *header);

/* The section with the names of a section of symbols; it is all in the file. */
int rshi_table_names(const struct rshi_elf *elf, const Elf64_Shdr *symbols, Elf64_Shdr *names);

/* No place has a name yet. Then: look through the symbols of one section. */
void rshi_table_begin(struct rshi_table *table);
int rshi_table_read(struct rshi_table *table, const Elf64_Shdr *symbols, const Elf64_Shdr *names);

/*
 * Look through all tables of table->elf and keep for each place the function that suits best.
 * Returns 0 or ENOEXEC, EIO, ...
 */
int rshi_table_search(struct rshi_table *table);

/* Name the places that are in no function but in a stub for one of another object. */
int rshi_table_search_stubs(struct rshi_table *table);

/*
 * Open what is loaded at @start, whose size is not known yet; the lowest address that it was linked
 * for goes to *@first. Then: do what rshi_table_search() does, as far as memory holds it. Offsets
 * in the file are from @start here.
 */
int rshi_image_open(struct rshi_elf *elf, uintptr_t start, uint64_t *first);
int rshi_image_search(struct rshi_table *table, uint64_t first);

/* The name at an offset of the file, to @name; how long it is to *@length. */
int rshi_table_name(const struct rshi_elf *elf, uint64_t at, uint64_t limit, char *name,
                    size_t *length);

#endif /* RSH_CORE_SYMBOLS_TABLE_H */
