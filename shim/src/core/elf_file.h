/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_ELF_FILE_H
#define RSH_CORE_ELF_FILE_H

/*
 * Bytes of an object file, which may be cut off, changed while it is read, or anybody's make.
 * Nothing is mapped, so nothing can fault; all that is read is copied, in pieces of a size that the
 * reader chooses. Outside handlers.
 */

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define RSHI_BUILD_ID_MAX 32
#define RSHI_ELF_HEAD     1024 /* holds what identifies a file, as a rule */

/* Where the bytes are: in a file, or in memory that need not be there. */
struct rshi_elf {
	int fd; /* -1: in memory */
	const unsigned char *memory;
	uint64_t size;
	size_t head_size; /* of @head: read already */
	Elf64_Ehdr header;
	unsigned char head[RSHI_ELF_HEAD];
};

struct rshi_elf_identity {
	uint64_t tag; /* of the headers; not 0 */
	uint32_t build_id_size;
	uint8_t build_id[RSHI_BUILD_ID_MAX];
};

/* Copy @n bytes from @at on. ENOEXEC: there are not so many; EFAULT, EIO, ... */
int rshi_elf_read(const struct rshi_elf *elf, uint64_t at, void *to, size_t n);

/* Read the header; ENOEXEC if it is none of this machine's. */
int rshi_elf_open(struct rshi_elf *elf);

/* The program header number @i, of elf->header.e_phnum. */
int rshi_elf_segment(const struct rshi_elf *elf, unsigned int i, Elf64_Phdr *segment);

/* What tells this file from others: 0, or why that cannot be read. */
int rshi_elf_identify(const struct rshi_elf *elf, struct rshi_elf_identity *identity);

#endif /* RSH_CORE_ELF_FILE_H */
