/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding the file that was mapped, and what its tables call the places in it. */

#include <errno.h>

#include <raceshim/sigsafe.h>

#include "files.h"
#include "symbols.h"
#include "symbols_table.h"
#include "sys.h"

#define PATH_SIZE    4096
#define EXECUTABLES  16 /* segments of code in a file */
#define DEBUG_FOLDER "/usr/lib/debug/.build-id/"
#define EXE          "/proc/thread-self/exe"
#define REMOVED      " (deleted)"
#define STUB         "@plt"
#define LENGTH(text) (sizeof(text) - 1)

struct search {
	struct rshi_elf elf;
	struct rshi_table table;
	char path[PATH_SIZE];
};

size_t rshi_path_length(const char *name, size_t n)
{
	if (n > LENGTH(REMOVED) &&
	    !rsh_memcmp_sig(name + n - LENGTH(REMOVED), REMOVED, LENGTH(REMOVED)))
		n -= LENGTH(REMOVED);
	return n;
}

int rshi_is_exe_path(const char *name, size_t n)
{
	char path[PATH_SIZE];
	size_t length = 0;

	if (rshi_readlink_sig(EXE, path, sizeof(path)))
		return 0;
	while (path[length]) {
		length++;
		__asm__ volatile("" : "+r"(length)); /* or compilers see a strlen */
	}
	length = rshi_path_length(path, length);
	return rshi_path_length(name, n) == length && !rsh_memcmp_sig(name, path, length);
}

/* Is the open file what was mapped? */
static int check_identity(const struct rshi_elf *elf, const struct rshi_mapped_object *object,
                          uint64_t inode)
{
	struct rshi_elf_identity identity;
	int err = rshi_elf_identify(elf, &identity);

	if (err)
		return err;
	if (object->build_id_size)
		return identity.build_id_size == object->build_id_size &&
		                       !rsh_memcmp_sig(identity.build_id, object->build_id,
		                                       object->build_id_size)
		               ? 0
		               : ESTALE;
	if (object->tag)
		return identity.tag == object->tag ? 0 : ESTALE;
	return inode == object->inode ? 0 : ESTALE;
}

static int open_file(struct rshi_elf *elf, const char *path,
                     const struct rshi_mapped_object *object)
{
	struct rshi_file file;
	int err = rshi_open_linked_sig(path, &elf->fd);

	if (err)
		return err;
	err = rshi_stat_sig(elf->fd, &file);
	if (!err) {
		elf->memory = NULL;
		elf->size = file.size;
		err = rshi_elf_open(elf);
	}
	if (!err)
		err = check_identity(elf, object, file.inode);
	if (err)
		rshi_close_sig(elf->fd);
	return err;
}

/* By its name; the program's own file can be read even if it was removed or replaced. */
static int open_object(struct search *s, const struct rshi_mapped_object *object, size_t n)
{
	size_t length = rshi_path_length(object->name, n);
	int err;

	if (!length || object->name[0] != '/')
		return ENOENT;
	if (length >= PATH_SIZE)
		return ENAMETOOLONG;
	rsh_memcpy_sig(s->path, object->name, length);
	s->path[length] = '\0';
	err = open_file(&s->elf, s->path, object);
	if (err && rshi_is_exe_path(object->name, n) && !open_file(&s->elf, EXE, object))
		err = 0;
	return err;
}

/* The separate file with debugging information, by the build id that both have. */
static int open_debug(struct search *s, const struct rshi_mapped_object *object)
{
	static const char digits[] = "0123456789abcdef";
	char *to = s->path + LENGTH(DEBUG_FOLDER);

	if (!object->build_id_size)
		return ENOENT;
	rsh_memcpy_sig(s->path, DEBUG_FOLDER, LENGTH(DEBUG_FOLDER));
	for (uint32_t i = 0; i < object->build_id_size; i++) {
		*to++ = digits[object->build_id[i] >> 4];
		*to++ = digits[object->build_id[i] & 15];
		if (i == 0)
			*to++ = '/';
	}
	rsh_memcpy_sig(to, ".debug", sizeof(".debug"));
	return open_file(&s->elf, s->path, object);
}

static void close_file(const struct rshi_elf *elf)
{
	if (elf->fd >= 0)
		rshi_close_sig(elf->fd);
}

/* The address that each place was linked for. */
static int find_addresses(const struct rshi_elf *elf, struct rshi_symbol *symbols, size_t n)
{
	Elf64_Phdr segments[EXECUTABLES];
	unsigned int used = 0;

	for (unsigned int i = 0; i < elf->header.e_phnum && used < EXECUTABLES; i++) {
		int err = rshi_elf_segment(elf, i, &segments[used]);

		if (err)
			return err;
		used += segments[used].p_type == PT_LOAD && segments[used].p_flags & PF_X;
	}
	for (size_t i = 0; i < n; i++) {
		symbols[i].at = i ? symbols[i - 1].at : 0;
		symbols[i].outside = 1;
		for (unsigned int j = 0; j < used; j++) {
			uint64_t distance = symbols[i].offset - segments[j].p_offset;

			if (symbols[i].offset < segments[j].p_offset ||
			    distance >= segments[j].p_filesz)
				continue;
			symbols[i].at = segments[j].p_vaddr + distance;
			symbols[i].outside = 0;
		}
		/* Segments are in ascending order, says the format. */
		if (i && symbols[i].at < symbols[i - 1].at)
			return ENOEXEC;
	}
	return 0;
}

/* The length of a name without the version that linkers put behind those of shared libraries. */
static size_t unversioned(const char *name, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (name[i] == '@')
			return i;
	}
	return n;
}

/* The name of a place, to s->table.name[0]. */
static int read_name(struct search *s, const struct rshi_symbol *symbol, size_t *length)
{
	char *name = s->table.name[0];
	int err = rshi_table_name(&s->elf, symbol->name, symbol->limit, name, length);

	if (err)
		return err;
	*length = unversioned(name, *length);
	if (symbol->is_stub && *length <= RSHI_SYMBOL_NAME_MAX - LENGTH(STUB)) {
		rsh_memcpy_sig(name + *length, STUB, LENGTH(STUB));
		*length += LENGTH(STUB);
	}
	return 0;
}

typedef int found_function(void *arg, const struct rshi_symbol *symbol, const char *name,
                           size_t length);

/* Tell of those that have got a name from this file. */
static int tell(struct search *s, found_function *found, void *arg)
{
	const struct rshi_symbol *last = NULL;
	size_t length = 0;
	int err = 0;

	for (size_t i = 0; i < s->table.n && !err; i++) {
		struct rshi_symbol *symbol = &s->table.symbols[i];

		if (!symbol->rank)
			continue;
		if (!last || last->name != symbol->name || last->is_stub != symbol->is_stub) {
			last = read_name(s, symbol, &length) ? NULL : symbol;
			if (!last)
				continue;
		}
		err = found(arg, symbol, s->table.name[0], length);
	}
	return err;
}

/* What is still loaded at @head, if it is the object, has the names that it exports; as the vDSO. */
static int find_in_memory(struct search *s, const struct rshi_mapped_object *object, uintptr_t head,
                          found_function *found, void *arg)
{
	uint64_t first;
	int err = head && object->tag ? rshi_image_open(&s->elf, head, &first) : ENOENT;

	if (!err)
		err = check_identity(&s->elf, object, 0);
	if (!err)
		err = find_addresses(&s->elf, s->table.symbols, s->table.n);
	if (!err)
		err = rshi_image_search(&s->table, first);
	return err ? err : tell(s, found, arg);
}

static int find(struct search *s, const struct rshi_mapped_object *object, size_t length,
                uintptr_t head, found_function *found, void *arg)
{
	int err = open_object(s, object, length), other;

	s->table.elf = &s->elf;
	if (err) {
		other = find_in_memory(s, object, head, found, arg);
		return other && other != ENOMEM ? err : other;
	}
	err = find_addresses(&s->elf, s->table.symbols, s->table.n);
	if (!err)
		err = rshi_table_search(&s->table);
	if (!err)
		err = rshi_table_search_stubs(&s->table);
	if (!err)
		err = tell(s, found, arg);
	close_file(&s->elf);
	if (err || s->table.has_symtab || open_debug(s, object))
		return err || s->table.has_any ? err : ENODATA;
	/* If that makes no sense, there are still the names from the file itself. */
	if (!rshi_table_search(&s->table))
		err = tell(s, found, arg);
	close_file(&s->elf);
	return err;
}

int rshi_symbols_find(const struct rshi_mappings *mappings, uint32_t number,
                      struct rshi_symbol *symbols, size_t n, found_function *found, void *arg)
{
	size_t length;
	const struct rshi_mapped_object *object = rshi_mappings_object(mappings, number, &length);
	void *memory;
	struct search *s;
	int err;

	if (rshi_mmap_sig(sizeof(*s), &memory))
		return ENOMEM;
	s = memory;
	s->table.symbols = symbols;
	s->table.n = n;
	err = find(s, object, length, rshi_mappings_sight(mappings, number)->head, found, arg);
	rshi_munmap_sig(memory, sizeof(*s));
	return err;
}
