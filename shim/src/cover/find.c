/* SPDX-License-Identifier: BSD-2-Clause */
/* Which file a piece of the program's memory comes from: /proc, and the ELF header in memory. */

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>

#include <raceshim/sigsafe.h>

#include "core/files.h"
#include "find.h"

#define PATH_FIELD 5 /* of a line of /proc/PID/maps */

/* A line of /proc/PID/maps, taken in byte by byte: "begin-end perms offset device inode path". */
struct line {
	uintptr_t bounds[2];
	int field; /* which one the next byte belongs to; 0 are the bounds */
	int bound; /* which of the two */
	int blank; /* the last byte was one */
	size_t length;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void start_line(struct line *l)
{
	rsh_memset_sig(l, 0, sizeof(*l));
}

/* Returns 1 at the end of the line that @at belongs to; its path is in @path. */
static int take(struct line *l, char c, uintptr_t at, char *path, size_t size)
{
	if (c == '\n') {
		int found = at >= l->bounds[0] && at < l->bounds[1] && l->length < size;

		path[found ? l->length : 0] = '\0';
		start_line(l);
		return found;
	}
	if (c == ' ' && l->field < PATH_FIELD) {
		l->blank = 1;
		return 0;
	}
	if (l->blank && l->field < PATH_FIELD)
		l->field++;
	l->blank = 0;
	if (l->field == 0 && c == '-')
		l->bound = 1;
	else if (l->field == 0)
		l->bounds[l->bound] = l->bounds[l->bound] << 4 | (uintptr_t)hex_digit(c);
	else if (l->field == PATH_FIELD && l->length++ < size)
		path[l->length - 1] = c;
	return 0;
}

void rshi_find_path(const void *address, char *path, size_t size)
{
	char buf[1024];
	struct line line;
	size_t got = 0;
	int fd, found = 0;

	path[0] = '\0';
	if (rshi_open_sig(RSHI_CWD, "/proc/thread-self/maps", &fd))
		return;
	start_line(&line);
	while (!found && !rshi_read_sig(fd, buf, sizeof(buf), &got) && got)
		for (size_t i = 0; i < got && !found; i++)
			found = take(&line, buf[i], (uintptr_t)address, path, size);
	rshi_close_sig(fd);
	if (!found || path[0] != '/')
		path[0] = '\0';
}

void rshi_find_program(char *path, size_t size)
{
	if (rshi_readlink_sig("/proc/thread-self/exe", path, size))
		path[0] = '\0';
}

static const ElfW(Phdr) * program_headers(const ElfW(Ehdr) * image)
{
	return (const void *)((const char *)image + image->e_phoff);
}

int rshi_is_program(const void *image)
{
	return image && getauxval(AT_PHDR) == (uintptr_t)program_headers(image);
}

static void to_hex(const unsigned char *bytes, size_t n, char *hex, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	if (2 * n + 1 > size)
		n = (size - 1) / 2;
	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * n] = '\0';
}

/* Look through the notes at @p; returns 1 with the build id. */
static int look_through(const char *p, size_t n, char *hex, size_t size)
{
	while (n >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const void *)p;
		size_t name = (note->n_namesz + 3u) & ~(size_t)3;
		size_t whole = sizeof(*note) + name + ((note->n_descsz + 3u) & ~(size_t)3);

		if (whole > n)
			return 0;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
		    rsh_memcmp_sig(note + 1, "GNU", 4) == 0) {
			to_hex((const unsigned char *)(note + 1) + name, note->n_descsz, hex, size);
			return 1;
		}
		p += whole;
		n -= whole;
	}
	return 0;
}

void rshi_find_build_id(const void *image, char *hex, size_t size)
{
	const ElfW(Ehdr) *header = image;
	const ElfW(Phdr) * p;
	uintptr_t base = (uintptr_t)image;

	hex[0] = '\0';
	if (!image)
		return;
	/* The header is the beginning of the file: of the segment with offset 0. */
	p = program_headers(header);
	for (size_t i = 0; i < header->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && p[i].p_offset == 0)
			base = (uintptr_t)image - p[i].p_vaddr;
	for (size_t i = 0; i < header->e_phnum; i++)
		if (p[i].p_type == PT_NOTE &&
		    look_through((const char *)(base + p[i].p_vaddr), p[i].p_memsz, hex, size))
			return;
}
