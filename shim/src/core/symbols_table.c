/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbol tables of a file, read once from front to back in pieces, for all places at a time: memory
 * does not depend on the file, and nothing in the file is believed before it was checked.
 */

#include <errno.h>

#include <raceshim/sigsafe.h>

#include "symbols_table.h"

#define SECTIONS_MAX 65536
#define SYMBOLS_MAX  (UINT64_C(1) << 28)
#define NAMES_WORK   64 /* steps that reading two names is worth */
#define NAMES_STEP   256

/* Which of several functions at the same address names it best; higher is better. */
enum {
	RANK_LABEL = 1, /* no type */
	RANK_FUNCTION,
};

int rshi_table_section(const struct rshi_elf *elf, uint64_t i, Elf64_Shdr *header)
{
	uint64_t at = elf->header.e_shoff + i * sizeof(*header);

	return at < elf->header.e_shoff ? ENOEXEC : rshi_elf_read(elf, at, header, sizeof(*header));
}

/* More than fit into the file's header, the first section says. */
int rshi_table_count(const struct rshi_elf *elf, uint64_t *n)
{
	Elf64_Shdr first;
	int err;

	*n = elf->header.e_shnum;
	if (!elf->header.e_shoff) {
		*n = 0;
		return 0;
	}
	if (elf->header.e_shentsize != sizeof(first))
		return ENOEXEC;
	if (!*n) {
		err = rshi_table_section(elf, 0, &first);
		if (err)
			return err;
		*n = first.sh_size;
	}
	return *n > SECTIONS_MAX ? ENOEXEC : 0;
}

int rshi_table_names(const struct rshi_elf *elf, const Elf64_Shdr *symbols, Elf64_Shdr *names)
{
	int err = rshi_table_section(elf, symbols->sh_link, names);

	if (err)
		return err;
	return names->sh_type != SHT_STRTAB || names->sh_offset > elf->size ||
	                       names->sh_size > elf->size - names->sh_offset
	               ? ENOEXEC
	               : 0;
}

int rshi_table_name(const struct rshi_elf *elf, uint64_t at, uint64_t limit, char *name,
                    size_t *length)
{
	size_t fill = 0;

	while (fill < RSHI_SYMBOL_NAME_MAX) {
		uint64_t left = at + fill < limit ? limit - at - fill : 0;
		size_t step = RSHI_SYMBOL_NAME_MAX - fill;
		int err;

		step = step < NAMES_STEP ? step : NAMES_STEP;
		step = step < left ? step : left;
		if (!step)
			return ENOEXEC;
		err = rshi_elf_read(elf, at + fill, name + fill, step);
		if (err)
			return err;
		for (size_t i = 0; i < step; i++) {
			if (!name[fill + i]) {
				*length = fill + i;
				return *length ? 0 : ENOEXEC;
			}
		}
		fill += step;
	}
	*length = fill;
	return 0;
}

/*
 * Is name a better than b for the same code? Fewer underscores first: that is how programs call a
 * function of libc's or of a detector's runtime. Then the shorter, then the first by the alphabet.
 */
static int is_better(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t i = 0, j = 0, shorter = a_length < b_length ? a_length : b_length;
	int differ;

	while (i < a_length && a[i] == '_')
		i++;
	while (j < b_length && b[j] == '_')
		j++;
	if (i != j)
		return i < j;
	if (a_length != b_length)
		return a_length < b_length;
	differ = rsh_memcmp_sig(a, b, shorter);
	return differ < 0;
}

/* A function that a place is in. */
static void suggest(struct rshi_table *table, struct rshi_symbol *symbol, uint64_t start,
                    uint32_t rank, uint64_t name, uint64_t limit)
{
	size_t new_length, old_length;
	int better = !symbol->rank || start > symbol->start ||
	             (start == symbol->start && rank > symbol->rank);

	if (symbol->rank && start == symbol->start && rank == symbol->rank &&
	    name != symbol->name) {
		table->work += NAMES_WORK;
		if (rshi_table_name(table->elf, name, limit, table->name[0], &new_length))
			return;
		better = rshi_table_name(table->elf, symbol->name, symbol->limit, table->name[1],
		                         &old_length) ||
		         is_better(table->name[0], new_length, table->name[1], old_length);
	}
	if (!better)
		return;
	symbol->start = start;
	symbol->rank = rank;
	symbol->name = name;
	symbol->limit = limit;
}

/* The first place at or behind an address. */
static size_t first_from(const struct rshi_table *table, uint64_t address)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table->symbols[middle].at >= address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int is_function(const Elf64_Sym *symbol, uint32_t *rank)
{
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);

	*rank = type == STT_NOTYPE ? RANK_LABEL : RANK_FUNCTION;
	return (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) &&
	       symbol->st_shndx != SHN_UNDEF && symbol->st_shndx < SHN_LORESERVE &&
	       symbol->st_name && symbol->st_value;
}

static int look_at(struct rshi_table *table, const Elf64_Sym *entry, const Elf64_Shdr *names)
{
	uint64_t start = entry->st_value, limit = names->sh_offset + names->sh_size;
	uint64_t name = names->sh_offset + entry->st_name;
	size_t i = first_from(table, start);
	struct rshi_symbol *symbols = table->symbols;
	uint32_t rank;

	if (i == table->n || !is_function(entry, &rank))
		return 0;
	/* Without a size it reaches to the next symbol, of whatever size. */
	if (start > symbols[i].near || !symbols[i].near_section) {
		symbols[i].near = start;
		symbols[i].near_sized = entry->st_size != 0;
		symbols[i].near_section = entry->st_shndx;
		symbols[i].near_name = name;
		symbols[i].near_limit = limit;
	} else if (start == symbols[i].near) {
		symbols[i].near_sized |= entry->st_size != 0;
	}
	for (; i < table->n && symbols[i].at - start < entry->st_size; i++) {
		if (++table->work > RSHI_WORK_MAX)
			return ENOEXEC;
		if (!symbols[i].outside)
			suggest(table, &symbols[i], start, rank, name, limit);
	}
	return 0;
}

int rshi_table_read(struct rshi_table *table, const Elf64_Shdr *symbols, const Elf64_Shdr *names)
{
	uint64_t at = symbols->sh_offset, left = symbols->sh_size / sizeof(Elf64_Sym);
	int err;

	if (symbols->sh_entsize != sizeof(Elf64_Sym) || left > SYMBOLS_MAX)
		return ENOEXEC;
	table->has_any = 1;
	while (left) {
		size_t part = RSHI_TABLE_BUFFER / sizeof(Elf64_Sym);

		part = part < left ? part : left;
		err = rshi_elf_read(table->elf, at, table->buffer, part * sizeof(Elf64_Sym));
		for (size_t i = 0; i < part && !err; i++) {
			const Elf64_Sym *entry = &((const Elf64_Sym *)table->buffer)[i];

			err = entry->st_name < names->sh_size ? look_at(table, entry, names) : 0;
		}
		if (err)
			return err;
		at += part * sizeof(Elf64_Sym);
		left -= part;
	}
	return 0;
}

/* Give the places that no symbol contains the one without a size before them, of their section. */
static int use_near(struct rshi_table *table)
{
	struct rshi_symbol *last = NULL;

	for (size_t i = 0; i < table->n; i++) {
		struct rshi_symbol *symbol = &table->symbols[i];
		Elf64_Shdr header;
		int err;

		if (!symbol->near_section && last) {
			symbol->near = last->near;
			symbol->near_name = last->near_name;
			symbol->near_limit = last->near_limit;
			symbol->near_section = last->near_section;
			symbol->near_sized = last->near_sized;
		}
		last = symbol;
		if (symbol->rank || symbol->outside || !symbol->near_section || symbol->near_sized)
			continue;
		err = rshi_table_section(table->elf, symbol->near_section, &header);
		if (err)
			return err;
		if (symbol->at < header.sh_addr || symbol->at - header.sh_addr >= header.sh_size)
			continue;
		symbol->rank = RANK_LABEL;
		symbol->start = symbol->near;
		symbol->name = symbol->near_name;
		symbol->limit = symbol->near_limit;
	}
	return 0;
}

void rshi_table_begin(struct rshi_table *table)
{
	table->work = 0;
	for (size_t i = 0; i < table->n; i++) {
		table->symbols[i].rank = 0;
		table->symbols[i].is_stub = 0;
		table->symbols[i].near = 0;
		table->symbols[i].near_section = 0;
		table->symbols[i].near_sized = 0;
	}
}

int rshi_table_search(struct rshi_table *table)
{
	uint64_t n;
	int err = rshi_table_count(table->elf, &n);

	rshi_table_begin(table);
	for (uint64_t i = 0; i < n && !err; i++) {
		Elf64_Shdr symbols, names;

		err = rshi_table_section(table->elf, i, &symbols);
		if (err || (symbols.sh_type != SHT_SYMTAB && symbols.sh_type != SHT_DYNSYM))
			continue;
		err = rshi_table_names(table->elf, &symbols, &names);
		if (!err)
			err = rshi_table_read(table, &symbols, &names);
		table->has_symtab |= symbols.sh_type == SHT_SYMTAB;
	}
	return err ? err : use_near(table);
}
