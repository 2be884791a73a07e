/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes of an object file, and what tells it from others. */

#include <errno.h>

#include <raceshim/sigsafe.h>

#include "checksum.h"
#include "elf_file.h"
#include "files.h"
#include "sys.h"

#define SEGMENTS_MAX 256 /* of which more would be no object file of a compiler's */
#define NOTES_MAX    64  /* in a segment */
#define ROUND_UP(n)  (((uint64_t)(n) + 3) & ~UINT64_C(3))

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#endif

static const unsigned char magic[] = {
        ELFMAG0,    ELFMAG1,
        ELFMAG2,    ELFMAG3,
        ELFCLASS64, __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB,
        EV_CURRENT,
};

static int fetch(const struct rshi_elf *elf, uint64_t at, void *to, size_t n)
{
	size_t got;
	int err;

	if (elf->fd < 0)
		return rshi_fetch_sig(to, elf->memory + at, n);
	err = rshi_read_at_sig(elf->fd, to, n, at, &got);
	if (!err && got != n)
		err = ENOEXEC;
	return err;
}

int rshi_elf_read(const struct rshi_elf *elf, uint64_t at, void *to, size_t n)
{
	if (at > elf->size || n > elf->size - at)
		return ENOEXEC;
	if (at > elf->head_size || n > elf->head_size - at)
		return fetch(elf, at, to, n);
	rsh_memcpy_sig(to, elf->head + at, n);
	return 0;
}

int rshi_elf_open(struct rshi_elf *elf)
{
	size_t n = elf->size < RSHI_ELF_HEAD ? elf->size : RSHI_ELF_HEAD;
	int err = fetch(elf, 0, elf->head, n);

	if (err)
		return err;
	elf->head_size = n;
	err = rshi_elf_read(elf, 0, &elf->header, sizeof(elf->header));
	if (err)
		return err;
	for (size_t i = 0; i < sizeof(magic); i++) {
		if (elf->header.e_ident[i] != magic[i])
			return ENOEXEC;
	}
	if (elf->header.e_machine != MACHINE ||
	    (elf->header.e_type != ET_EXEC && elf->header.e_type != ET_DYN) ||
	    elf->header.e_phentsize != sizeof(Elf64_Phdr) || !elf->header.e_phnum ||
	    elf->header.e_phnum > SEGMENTS_MAX)
		return ENOEXEC;
	return 0;
}

int rshi_elf_segment(const struct rshi_elf *elf, unsigned int i, Elf64_Phdr *segment)
{
	uint64_t at = elf->header.e_phoff + (uint64_t)i * sizeof(*segment);

	if (at < elf->header.e_phoff)
		return ENOEXEC;
	return rshi_elf_read(elf, at, segment, sizeof(*segment));
}

/* Look for the build id among the notes of a segment; a note that makes no sense ends the search. */
static int find_build_id(const struct rshi_elf *elf, const Elf64_Phdr *segment,
                         struct rshi_elf_identity *identity)
{
	uint64_t at = segment->p_offset, end = at + segment->p_filesz;
	Elf64_Nhdr note;
	uint32_t name;
	int err;

	for (int i = 0; i < NOTES_MAX && end >= at && end - at >= sizeof(note); i++) {
		err = rshi_elf_read(elf, at, &note, sizeof(note));
		if (err)
			return err;
		at += sizeof(note);
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(name) &&
		    note.n_descsz && note.n_descsz <= RSHI_BUILD_ID_MAX) {
			err = rshi_elf_read(elf, at, &name, sizeof(name));
			if (!err)
				err = rshi_elf_read(elf, at + sizeof(name), identity->build_id,
				                    note.n_descsz);
			if (err)
				return err;
			identity->build_id_size = note.n_descsz;
			return 0;
		}
		at += ROUND_UP(note.n_namesz) + ROUND_UP(note.n_descsz);
	}
	return 0;
}

int rshi_elf_identify(const struct rshi_elf *elf, struct rshi_elf_identity *identity)
{
	struct rshi_fnv hash;
	Elf64_Phdr segment;
	int err;

	rshi_fnv_init_sig(&hash);
	rshi_fnv_add_sig(&hash, &elf->header, sizeof(elf->header));
	identity->build_id_size = 0;
	for (unsigned int i = 0; i < elf->header.e_phnum; i++) {
		err = rshi_elf_segment(elf, i, &segment);
		if (err)
			return err;
		rshi_fnv_add_sig(&hash, &segment, sizeof(segment));
		if (segment.p_type != PT_NOTE || identity->build_id_size)
			continue;
		err = find_build_id(elf, &segment, identity);
		/* In memory there may be less than in the file. */
		if (err && elf->fd >= 0)
			return err;
	}
	identity->tag = hash.low ? hash.low : 1;
	return 0;
}
