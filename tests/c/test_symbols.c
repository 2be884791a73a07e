/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbol tables that are cut off, or whose bytes are anything: refused or searched, never a crash,
 * never a name from outside the file. The library's files are compiled with this one, so that a
 * detector looks at them too.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "core/symbols.h"

#define PLACES 64
#define ROUNDS 4000

static unsigned char *good, *bad;
static size_t size;
static int file; /* of @bad, which the library reads */
static char path[64];
static struct rshi_mappings mappings;
static struct rshi_symbol symbols[PLACES];

/* What a search has found. */
static size_t named;
static char names[PLACES][32];
static uint32_t last_user;

static uint64_t state = 1;

static uint32_t next_random(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33);
}

static int found(void *arg, const struct rshi_symbol *symbol, const char *name, size_t n)
{
	CHECK(arg == &named);
	CHECK(symbol >= symbols && symbol < symbols + PLACES);
	CHECK(n > 0 && n <= RSHI_SYMBOL_NAME_MAX);
	CHECK(!memchr(name, '\0', n));
	CHECK(!named || symbol->user >= last_user);
	last_user = symbol->user;
	snprintf(names[symbol->user], sizeof(names[0]), "%.*s", (int)(n < 31 ? n : 31), name);
	named++;
	return 0;
}

/* Let the library search a file with these bytes, at places in its code and all over it. */
static int search(size_t n)
{
	CHECK_EQ(ftruncate(file, 0), 0);
	CHECK_EQ(pwrite(file, bad, n, 0), (ssize_t)n);
	for (uint32_t i = 0; i < PLACES; i++) {
		memset(&symbols[i], 0xff, sizeof(symbols[i]));
		symbols[i].offset = i < PLACES / 2 ? 0x1000 + 16 * i : size * i / PLACES;
		symbols[i].user = i;
	}
	named = 0;
	last_user = 0;
	memset(names, 0, sizeof(names));
	return rshi_symbols_find(&mappings, 0, symbols, PLACES, found, &named);
}

/* An object that is known by its inode only, so that every change of it is read. */
static void make_object(void)
{
	struct stat st;
	struct rshi_mapped_object *object;
	uint32_t number;

	file = memfd_create("object", 0);
	CHECK(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	CHECK_EQ(fstat(file, &st), 0);
	object = calloc(1, sizeof(*object) + sizeof(path));
	CHECK(object);
	object->inode = st.st_ino;
	memcpy(object->name, path, strlen(path));
	CHECK_EQ(rshi_intern(&mappings.objects, object, sizeof(*object) + strlen(path), &number),
	         0);
	CHECK_EQ(number, 0);
	CHECK_EQ(rshi_grow_reserve(&mappings.sights, sizeof(struct rshi_sight)), 0);
	free(object);
}

/* A small library, from beside this program. */
static void load(const char *self)
{
	struct stat st;
	char name[4096];
	FILE *f;

	snprintf(name, sizeof(name), "%.*s/reload_264.so", (int)(strrchr(self, '/') - self), self);
	f = fopen(name, "rb");
	CHECK(f);
	CHECK_EQ(fstat(fileno(f), &st), 0);
	size = (size_t)st.st_size;
	good = malloc(size);
	bad = malloc(size);
	CHECK(good && bad);
	CHECK_EQ(fread(good, 1, size, f), size);
	fclose(f);
}

static void check_result(int err)
{
	CHECK(err == 0 || err == ENOEXEC || err == ENODATA);
	CHECK(!err || !named);
}

static void test_the_file_as_it_is(void)
{
	int seen = 0, stubs = 0;

	memcpy(bad, good, size);
	CHECK_EQ(search(size), 0);
	for (int i = 0; i < PLACES; i++)
		seen += strcmp(names[i], "reload_call") == 0;
	for (int i = 0; i < PLACES; i++)
		stubs += strcmp(names[i], "__cxa_finalize@plt") == 0;
	CHECK(seen > 0);
	CHECK(stubs > 0);
	CHECK(named > (size_t)seen);
	CHECK(named < PLACES);
}

static void test_every_kind_of_truncation(void)
{
	memcpy(bad, good, size);
	for (size_t n = 0; n < size; n += 1 + next_random() % 17)
		check_result(search(n));
	for (size_t n = 0; n < 1024; n++)
		check_result(search(n));
	CHECK_EQ(search(10), ENOEXEC);
}

static void test_bytes_that_are_anything(int rounds)
{
	int refused = 0;

	for (int i = 0; i < rounds; i++) {
		int changes = 1 + (int)(next_random() % 16);

		memcpy(bad, good, size);
		while (changes--) {
			/* Mostly where a file says what it is made of: at both ends. */
			uint32_t where = next_random() % 3;
			size_t at = where == 0   ? next_random() % 1024
			            : where == 1 ? size - 1 - next_random() % 2048
			                         : next_random() % size;

			bad[at] = (unsigned char)(next_random() % 2
			                                  ? next_random()
			                                  : bad[at] ^ 1u << next_random() % 8);
		}
		refused += search(size) != 0;
	}
	CHECK(refused > rounds / 20);
	CHECK(refused < rounds);
}

/* Every field of every section's header with values that a program trips over. */
static void test_fields_at_their_limits(void)
{
	static const uint64_t values[] = {
	        0, 1, 23, 24, UINT32_MAX, (uint64_t)1 << 63, UINT64_MAX - 63, UINT64_MAX};
	Elf64_Ehdr header;
	size_t start;

	memcpy(&header, good, sizeof(header));
	start = header.e_shoff;
	CHECK(start + (size_t)header.e_shnum * sizeof(Elf64_Shdr) <= size);
	for (size_t at = start; at + 8 <= size; at += 8) {
		for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
			memcpy(bad, good, size);
			memcpy(bad + at, &values[i], 8);
			check_result(search(size));
		}
	}
}

static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int main(int argc, char **argv)
{
	const char *rounds = getenv("RACESHIM_FUZZ");
	int before;

	(void)argc;
	load(argv[0]);
	make_object();
	before = descriptors();
	test_the_file_as_it_is();
	test_every_kind_of_truncation();
	test_fields_at_their_limits();
	test_bytes_that_are_anything(rounds ? atoi(rounds) : ROUNDS);
	CHECK_EQ(descriptors(), before);
	return 0;
}
