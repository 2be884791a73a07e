/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for the stubs through which functions of other objects are called. They have no symbols:
 * a stub jumps to what stands in a slot, and a relocation says whose address belongs there.
 */

#include <errno.h>

#include "symbols_table.h"

#if defined(__x86_64__)
#include "plt_x86_64.h"
#else
#include "plt_generic.h"
#endif

#define STUB_MAX 16 /* bytes; the shortest are 8 */

/* Where the stub takes its target from that a place is in; 0 if it is in none. */
static uint64_t slot_of(const struct rshi_table *table, const struct rshi_symbol *place,
                        const Elf64_Shdr *code)
{
	unsigned char stub[STUB_MAX];
	uint64_t start = place->at - code->sh_addr;

	start -= start % code->sh_entsize;
	if (rshi_elf_read(table->elf, code->sh_offset + start, stub, code->sh_entsize))
		return 0;
	return rshi_plt_slot(stub, code->sh_entsize, code->sh_addr + start);
}

/* The function that a relocation is for, and where its name is. */
static int use_relocation(const struct rshi_table *table, const Elf64_Shdr *relocations,
                          const Elf64_Rela *relocation, struct rshi_symbol *place)
{
	Elf64_Shdr symbols, names;
	Elf64_Sym symbol;
	uint64_t i = ELF64_R_SYM(relocation->r_info);
	int err = rshi_table_section(table->elf, relocations->sh_link, &symbols);

	if (err)
		return err;
	if (symbols.sh_type != SHT_DYNSYM || i >= symbols.sh_size / sizeof(symbol))
		return ENOEXEC;
	err = rshi_elf_read(table->elf, symbols.sh_offset + i * sizeof(symbol), &symbol,
	                    sizeof(symbol));
	if (!err)
		err = rshi_table_names(table->elf, &symbols, &names);
	if (err)
		return err;
	if (!symbol.st_name || symbol.st_name >= names.sh_size)
		return 0;
	place->rank = 1;
	place->is_stub = 1;
	place->start = place->at;
	place->name = names.sh_offset + symbol.st_name;
	place->limit = names.sh_offset + names.sh_size;
	return 0;
}

/* Look for the relocation of a slot in one section. */
static int search_section(struct rshi_table *table, const Elf64_Shdr *relocations, uint64_t slot,
                          struct rshi_symbol *place)
{
	const Elf64_Rela *entries = (const Elf64_Rela *)table->buffer;
	uint64_t at = relocations->sh_offset, left = relocations->sh_size / sizeof(*entries);

	while (left && !place->rank) {
		size_t part = RSHI_TABLE_BUFFER / sizeof(*entries);
		int err;

		part = part < left ? part : left;
		table->work += part;
		if (table->work > RSHI_WORK_MAX)
			return ENOEXEC;
		err = rshi_elf_read(table->elf, at, table->buffer, part * sizeof(*entries));
		for (size_t i = 0; i < part && !err && !place->rank; i++) {
			if (entries[i].r_offset == slot)
				err = use_relocation(table, relocations, &entries[i], place);
		}
		if (err)
			return err;
		at += part * sizeof(*entries);
		left -= part;
	}
	return 0;
}

static int search_slot(struct rshi_table *table, uint64_t slot, struct rshi_symbol *place)
{
	uint64_t n;
	int err = rshi_table_count(table->elf, &n);

	for (uint64_t i = 0; i < n && !err && !place->rank; i++) {
		Elf64_Shdr header;

		err = rshi_table_section(table->elf, i, &header);
		if (!err && header.sh_type == SHT_RELA && header.sh_entsize == sizeof(Elf64_Rela))
			err = search_section(table, &header, slot, place);
	}
	return err;
}

/* The places in one section of code; only those of stubs have an entry size. */
static int name_stubs(struct rshi_table *table, const Elf64_Shdr *code)
{
	int err = 0;

	for (size_t i = 0; i < table->n && !err; i++) {
		struct rshi_symbol *place = &table->symbols[i];
		uint64_t slot;

		if (place->rank || place->outside || place->at < code->sh_addr ||
		    place->at - code->sh_addr >= code->sh_size)
			continue;
		slot = slot_of(table, place, code);
		if (slot)
			err = search_slot(table, slot, place);
	}
	return err;
}

int rshi_table_search_stubs(struct rshi_table *table)
{
	uint64_t n;
	int err = rshi_table_count(table->elf, &n);

	for (uint64_t i = 0; i < n && !err; i++) {
		Elf64_Shdr header;

		err = rshi_table_section(table->elf, i, &header);
		if (!err && header.sh_type == SHT_PROGBITS && header.sh_flags & SHF_EXECINSTR &&
		    (header.sh_entsize == 8 || header.sh_entsize == STUB_MAX))
			err = name_stubs(table, &header);
	}
	return err;
}
