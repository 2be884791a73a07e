/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tells an object from another one that was at its address before: its build id, found in its
 * first page. The program is linked with --wrap=_dl_find_object: answers and pages are the
 * test's.
 */

#include <elf.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "core/dwarf.h"
#include "core/unwind.h"

#define PAGE  4096
#define PAGES 8

/* glibc's struct dl_find_object, and as much of struct link_map as is public. */
struct map {
	uintptr_t address;
	const char *name;
	void *dynamic;
	struct map *next, *before;
};
struct answer {
	unsigned long long flags;
	void *start, *end;
	struct map *map;
	void *index;
	unsigned long long reserved[7];
};

static _Alignas(PAGE) unsigned char pages[PAGES][PAGE];
static struct map program = {.name = ""}, library = {.name = "x.so", .before = &program};
static struct map *map = &library;
static size_t shift; /* of the object in its page */

int real_find(void *pc, void *result) __asm__("__real__dl_find_object");
int find(void *pc, void *result) __asm__("__wrap__dl_find_object");

int find(void *pc, void *result)
{
	struct answer *answer = result;
	uintptr_t at = (uintptr_t)pc - (uintptr_t)pages;

	if (at >= sizeof(pages))
		return real_find(pc, result);
	answer->start = pages[at / PAGE] + shift;
	answer->end = pages[at / PAGE] + PAGE;
	answer->map = map;
	answer->index = pages[at / PAGE] + PAGE / 2;
	return 0;
}

/* The tag of the object in a page; 0: nothing of it may be remembered. */
static uint32_t tag(int page)
{
	struct rshi_object object;

	CHECK_EQ(rshi_object_find_sig((uintptr_t)pages[page] + 100, &object), 0);
	CHECK(object.start == (uintptr_t)pages[page] + shift);
	CHECK(object.index == pages[page] + PAGE / 2);
	return object.tag;
}

/* An ELF header with notes at 512: one of another kind, and if it has @size bytes, a build id. */
static Elf64_Phdr *make(int page, uint32_t size, int first_byte)
{
	Elf64_Ehdr *header = (Elf64_Ehdr *)pages[page];
	Elf64_Phdr *segments = (Elf64_Phdr *)(header + 1);
	Elf64_Nhdr *note = (Elf64_Nhdr *)(pages[page] + 512);

	memset(pages[page], 0, PAGE);
	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_phoff = sizeof(*header);
	header->e_phentsize = sizeof(*segments);
	header->e_phnum = 2;
	segments[0].p_type = PT_LOAD;
	segments[1].p_type = PT_NOTE;
	segments[1].p_offset = segments[1].p_vaddr = 512;
	note->n_namesz = 6;
	note->n_descsz = 5;
	note = (Elf64_Nhdr *)((char *)(note + 1) + 8 + 8);
	segments[1].p_filesz = 28;
	if (size) {
		segments[1].p_filesz += sizeof(*note) + 4 + size;
		note->n_namesz = 4;
		note->n_descsz = size;
		note->n_type = NT_GNU_BUILD_ID;
		memcpy(note + 1, "GNU", 4);
		memset((char *)(note + 1) + 4, 7, size);
		*((unsigned char *)(note + 1) + 4) = (unsigned char)first_byte;
	}
	return segments;
}

static void test_build_ids(void)
{
	static const uint32_t sizes[] = {8, 12, 16, 20, 64};
	uint32_t tags[4];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make(0, sizes[i], 1);
		make(1, sizes[i], 1);
		tags[0] = tag(0);
		tags[1] = tag(1);
		CHECK(tags[0] > 1 && tags[1] > 1);
		CHECK(tags[0] != tags[1]); /* elsewhere */
		CHECK_EQ(tag(0), tags[0]);
		make(0, sizes[i], 2);
		tags[2] = tag(0);
		CHECK(tags[2] > 1 && tags[2] != tags[0]); /* another one in its place */
		make(0, sizes[i], 1);
		CHECK_EQ(tag(0), tags[0]); /* it is back */
	}
}

static void test_what_has_no_build_id(void)
{
	Elf64_Ehdr *header = (Elf64_Ehdr *)pages[2];
	Elf64_Phdr *segments;
	int page = 2;

	make(page, 0, 0);
	CHECK_EQ(tag(page), 0);
	/* The program stays where it is, so it needs none. */
	map = &program;
	CHECK_EQ(tag(page), 1);
	program.before = &library;
	CHECK_EQ(tag(page), 0);
	program.before = NULL;
	map = NULL;
	CHECK_EQ(tag(page), 0);
	map = &library;

	/* One that had a build id, and is another now. */
	make(page, 20, 1);
	make(3, 20, 1);
	CHECK(tag(3) > 1);
	make(3, 0, 0);
	CHECK_EQ(tag(3), 0);

	/* Sizes that no build id has. */
	make(4, 4, 1);
	CHECK_EQ(tag(4), 0);
	make(4, 18, 1);
	CHECK_EQ(tag(4), 0);
	make(4, 68, 1);
	CHECK_EQ(tag(4), 0);

	/* Headers that say nothing, or lead out of the page. */
	memset(pages[5], 0, PAGE);
	CHECK_EQ(tag(5), 0);
	page = 6;
	header = (Elf64_Ehdr *)pages[page];
	make(page, 20, 1);
	header->e_phentsize = 32;
	CHECK_EQ(tag(page), 0);
	page = 7;
	header = (Elf64_Ehdr *)pages[page];
	segments = make(page, 20, 1);
	segments[1].p_offset = PAGE + 4;
	CHECK_EQ(tag(page), 0);
	shift = 8; /* not the first page */
	CHECK_EQ(tag(page), 0);
	shift = 0;
}

/* What is remembered of where a build id is, is not looked for again: each in a page of its own. */
static void test_headers_out_of_the_page(void)
{
	static _Alignas(16) unsigned char saved[PAGE];
	Elf64_Ehdr *header = (Elf64_Ehdr *)pages[2];
	Elf64_Phdr *segments;

	make(2, 20, 1);
	memcpy(saved, pages[2], PAGE);
	for (int i = 0; i < 6; i++) {
		/* Another object was here: what is known of it does not fit. */
		memset(pages[2], 0, PAGE);
		memcpy(pages[2], saved, PAGE);
		segments = (Elf64_Phdr *)(header + 1);
		switch (i) {
		case 0:
			header->e_phoff = PAGE + 8;
			break;
		case 1:
			header->e_phoff = 60;
			break;
		case 2:
			header->e_phnum = 200;
			break;
		case 3:
			segments[1].p_offset = 514;
			break;
		case 4: /* a note that is longer than the page */
			((Elf64_Nhdr *)(pages[2] + 512))->n_namesz = PAGE + 1;
			break;
		default:
			((Elf64_Nhdr *)(pages[2] + 512))->n_descsz = PAGE + 1;
		}
		CHECK_EQ(tag(2), 0);
	}
}

int main(void)
{
	struct rshi_object object;

	CHECK_EQ(rshi_unwind_list_objects(), 0); /* there is nothing to list */
	CHECK_EQ(rshi_object_find_sig((uintptr_t)main, &object), 0);
	CHECK_EQ(rshi_object_find_sig(8, &object), RSHI_END_NO_CFI);
	test_build_ids();
	test_what_has_no_build_id();
	test_headers_out_of_the_page();
	return 0;
}
