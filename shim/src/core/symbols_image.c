/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The symbols that a loaded object exports, from its memory: all there is when its file was removed
 * or replaced. No sections are loaded, so the tables are found as the loader finds them.
 */

#include <errno.h>

#include "symbols_table.h"

#define DYNAMIC_MAX 256 /* entries */

/* Where tables are, from the start of the image; 0: nowhere. */
struct dynamic {
	uint64_t symbols;
	uint64_t names;
	uint64_t names_size;
	uint64_t hash;
	uint64_t gnu_hash;
};

/* The beginning of a table of DT_GNU_HASH; filters, buckets and chains follow. */
struct gnu_hash {
	uint32_t n_buckets;
	uint32_t first; /* symbol in a chain */
	uint32_t n_filters;
	uint32_t shift;
};

int rshi_image_open(struct rshi_elf *elf, uintptr_t start, uint64_t *first)
{
	uint64_t low = UINT64_MAX, high = 0;
	Elf64_Phdr segment;
	int err;

	elf->fd = -1;
	elf->memory = (const unsigned char *)start;
	elf->size = RSHI_TABLE_BUFFER; /* for the headers */
	err = rshi_elf_open(elf);
	for (unsigned int i = 0; i < elf->header.e_phnum && !err; i++) {
		err = rshi_elf_segment(elf, i, &segment);
		if (err || segment.p_type != PT_LOAD)
			continue;
		low = segment.p_vaddr < low ? segment.p_vaddr : low;
		high = segment.p_vaddr + segment.p_memsz > high ? segment.p_vaddr + segment.p_memsz
		                                                : high;
	}
	if (err)
		return err;
	if (low >= high)
		return ENOEXEC;
	elf->size = high - low;
	*first = low;
	return 0;
}

/* The loader writes addresses to where linkers have written what is to be added to the start. */
static uint64_t place_of(const struct rshi_elf *elf, uint64_t value, uint64_t first)
{
	uint64_t start = (uintptr_t)elf->memory;

	return value >= start && value - start < elf->size ? value - start : value - first;
}

static int read_dynamic(const struct rshi_elf *elf, const Elf64_Phdr *segment, uint64_t first,
                        struct dynamic *dynamic)
{
	uint64_t at = segment->p_vaddr - first, n = segment->p_memsz / sizeof(Elf64_Dyn);

	for (uint64_t i = 0; i < n && i < DYNAMIC_MAX; i++) {
		Elf64_Dyn entry;
		int err = rshi_elf_read(elf, at + i * sizeof(entry), &entry, sizeof(entry));
		uint64_t value = entry.d_un.d_val, place = place_of(elf, value, first);

		if (err)
			return err;
		switch (entry.d_tag) {
		case DT_NULL:
			return 0;
		case DT_SYMTAB:
			dynamic->symbols = place;
			break;
		case DT_STRTAB:
			dynamic->names = place;
			break;
		case DT_STRSZ:
			dynamic->names_size = value;
			break;
		case DT_HASH:
			dynamic->hash = place;
			break;
		case DT_GNU_HASH:
			dynamic->gnu_hash = place;
			break;
		default:
			break;
		}
	}
	return 0;
}

/* The number of symbols, which only hash tables tell: by the end of the last chain. */
static int count_by_gnu_hash(struct rshi_table *table, uint64_t at, uint64_t *n)
{
	const uint32_t *buckets = (const uint32_t *)table->buffer;
	struct gnu_hash hash;
	uint64_t chains, last = 0;
	uint32_t link = 0;
	int err = rshi_elf_read(table->elf, at, &hash, sizeof(hash));

	if (err)
		return err;
	at += sizeof(hash) + hash.n_filters * sizeof(uint64_t);
	chains = at + hash.n_buckets * sizeof(uint32_t);
	while (at < chains) {
		size_t part = chains - at < RSHI_TABLE_BUFFER ? chains - at : RSHI_TABLE_BUFFER;

		err = rshi_elf_read(table->elf, at, table->buffer, part);
		if (err)
			return err;
		for (size_t i = 0; i < part / sizeof(*buckets); i++)
			last = buckets[i] > last ? buckets[i] : last;
		at += part;
	}
	*n = last;
	if (last < hash.first)
		return 0;
	for (; !(link & 1); ++*n) {
		if (++table->work > RSHI_WORK_MAX)
			return ENOEXEC;
		err = rshi_elf_read(table->elf, chains + (*n - hash.first) * sizeof(link), &link,
		                    sizeof(link));
		if (err)
			return err;
	}
	return 0;
}

static int count_symbols(struct rshi_table *table, const struct dynamic *dynamic, uint64_t *n)
{
	uint32_t hash[2]; /* numbers of buckets and of symbols */
	int err;

	if (dynamic->gnu_hash)
		return count_by_gnu_hash(table, dynamic->gnu_hash, n);
	if (!dynamic->hash)
		return ENODATA;
	err = rshi_elf_read(table->elf, dynamic->hash, hash, sizeof(hash));
	*n = hash[1];
	return err;
}

int rshi_image_search(struct rshi_table *table, uint64_t first)
{
	struct dynamic dynamic = {.symbols = 0};
	Elf64_Shdr symbols, names;
	uint64_t n = 0;
	int err = 0;

	rshi_table_begin(table);
	for (unsigned int i = 0; i < table->elf->header.e_phnum && !err; i++) {
		Elf64_Phdr segment;

		err = rshi_elf_segment(table->elf, i, &segment);
		if (!err && segment.p_type == PT_DYNAMIC)
			err = read_dynamic(table->elf, &segment, first, &dynamic);
	}
	if (err)
		return err;
	if (!dynamic.symbols || !dynamic.names || dynamic.names > table->elf->size ||
	    dynamic.names_size > table->elf->size - dynamic.names)
		return ENODATA;
	err = count_symbols(table, &dynamic, &n);
	if (err)
		return err;
	symbols.sh_offset = dynamic.symbols;
	symbols.sh_size = n * sizeof(Elf64_Sym);
	symbols.sh_entsize = sizeof(Elf64_Sym);
	names.sh_offset = dynamic.names;
	names.sh_size = dynamic.names_size;
	return rshi_table_read(table, &symbols, &names);
}
