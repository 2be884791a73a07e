/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for the locations of a profile, object by object. */

#include <errno.h>

#include <raceshim/sigsafe.h>

#include "core/symbols.h"
#include "pprof_table.h"

uint64_t rshi_pprof_function(const struct rshi_pprof *p, uint32_t location)
{
	return ((const uint32_t *)p->names.p)[location];
}

static struct rshi_object_state *state_of(const struct rshi_pprof *p, uint32_t object)
{
	return (struct rshi_object_state *)p->objects.p + object;
}

int rshi_pprof_is_used(const struct rshi_pprof *p, uint32_t object)
{
	return state_of(p, object)->used != 0;
}

int rshi_pprof_is_symbolized(const struct rshi_pprof *p, uint32_t object)
{
	return state_of(p, object)->symbolized != 0;
}

uint32_t rshi_pprof_program(const struct rshi_pprof *p)
{
	for (uint32_t i = 0; i < p->mappings.objects.n; i++) {
		size_t n;
		const struct rshi_mapped_object *object = rshi_mappings_object(&p->mappings, i, &n);

		if (n && object->name[0] == '/' && rshi_is_exe_path(object->name, n))
			return i;
	}
	return RSHI_NO_OBJECT;
}

/* First comes the number of the name among the strings; the better one may come later. */
static int name_location(void *arg, const struct rshi_symbol *symbol, const char *name, size_t n)
{
	struct rshi_pprof *p = arg;

	return rshi_pprof_text(p, name, n, (uint32_t *)p->names.p + symbol->user);
}

/* Heapsort by offset; there may be many, and there is no libc. */
static void sift(struct rshi_symbol *symbols, size_t root, size_t n)
{
	for (;;) {
		size_t child = 2 * root + 1;
		uint64_t offset;
		uint32_t user;

		if (child >= n)
			return;
		if (child + 1 < n && symbols[child + 1].offset > symbols[child].offset)
			child++;
		if (symbols[root].offset >= symbols[child].offset)
			return;
		offset = symbols[root].offset;
		user = symbols[root].user;
		symbols[root].offset = symbols[child].offset;
		symbols[root].user = symbols[child].user;
		symbols[child].offset = offset;
		symbols[child].user = user;
		root = child;
	}
}

static void sort(struct rshi_symbol *symbols, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(symbols, i, n);
	for (size_t i = n; i-- > 1;) {
		uint64_t offset = symbols[0].offset;
		uint32_t user = symbols[0].user;

		symbols[0].offset = symbols[i].offset;
		symbols[0].user = symbols[i].user;
		symbols[i].offset = offset;
		symbols[i].user = user;
		sift(symbols, 0, i);
	}
}

static char *add_text(char *to, const char *text)
{
	for (; *text; text++)
		*to++ = *text;
	return to;
}

static const char *text_of(int reason)
{
	switch (reason) {
	case ESTALE:
		return ": the file was replaced after it was loaded";
	case ENOEXEC:
		return ": the file makes no sense";
	case ENODATA:
		return ": the file has no symbols";
	default:
		return ": the file cannot be read";
	}
}

/* Say in the profile why an object's functions have no names. */
static int remark(struct rshi_pprof *p, uint32_t number, int reason)
{
	size_t n;
	const struct rshi_mapped_object *object = rshi_mappings_object(&p->mappings, number, &n);
	char *start, *to;
	uint32_t string;
	int err;

	p->key.used = 0;
	err = rshi_grow_reserve(&p->key, n + 128);
	if (!err)
		err = rshi_grow_reserve(&p->remarks, sizeof(string));
	if (err)
		return err;
	start = to = (char *)p->key.p;
	to = add_text(to, "no symbols of ");
	rsh_memcpy_sig(to, object->name, n);
	to = add_text(to + n, text_of(reason));
	err = rshi_pprof_text(p, start, (size_t)(to - start), &string);
	if (err)
		return err;
	*(uint32_t *)(p->remarks.p + p->remarks.used) = string;
	p->remarks.used += sizeof(string);
	return 0;
}

/* Name the locations that are in one object and come after the first @done. */
static int name_object(struct rshi_pprof *p, struct rshi_grow *wanted, uint32_t number,
                       uint32_t done)
{
	struct rshi_symbol *symbols = (struct rshi_symbol *)wanted->p;
	size_t n = 0, size;
	int err;

	for (uint32_t i = done; i < p->locations.n; i++) {
		const struct rshi_place *place = rshi_interned(&p->locations, i, &size);

		if (place->object != number)
			continue;
		symbols[n].offset = place->offset;
		symbols[n++].user = i;
	}
	if (!n)
		return 0;
	sort(symbols, n);
	err = rshi_symbols_find(&p->mappings, number, symbols, n, name_location, p);
	if (err == ENOMEM)
		return err;
	if (!err)
		state_of(p, number)->symbolized = 1;
	else if (!state_of(p, number)->used)
		err = remark(p, number, err);
	state_of(p, number)->used = 1;
	return err == ENOMEM ? err : 0;
}

/* Make functions of the names. */
static int make_functions(struct rshi_pprof *p, uint32_t done)
{
	uint32_t *names = (uint32_t *)p->names.p, string, function;

	for (uint32_t i = done; i < p->locations.n; i++) {
		size_t n;
		const struct rshi_place *place = rshi_interned(&p->locations, i, &n);
		int err;

		string = place->object == RSHI_A_NAME ? (uint32_t)place->offset : names[i];
		if (!string)
			continue;
		err = rshi_intern(&p->functions, &string, sizeof(string), &function);
		if (err)
			return err;
		names[i] = function + 1;
	}
	return 0;
}

int rshi_pprof_symbolize(struct rshi_pprof *p)
{
	uint32_t done = (uint32_t)(p->names.used / sizeof(uint32_t)), left = p->locations.n - done;
	size_t objects = p->mappings.objects.n * sizeof(struct rshi_object_state);
	struct rshi_grow wanted = {.p = NULL};
	int err = rshi_grow_reserve(&p->names, left * sizeof(uint32_t));

	if (!err)
		err = rshi_grow_reserve(&p->objects, objects - p->objects.used);
	if (!err)
		err = rshi_grow_reserve(&wanted, left * sizeof(struct rshi_symbol));
	if (!err) {
		p->objects.used = objects;
		/* Of an earlier attempt, in which there was no memory. */
		rsh_memset_sig((uint32_t *)p->names.p + done, 0, left * sizeof(uint32_t));
	}
	for (uint32_t i = 0; i < p->mappings.objects.n && left && !err; i++)
		err = name_object(p, &wanted, i, done);
	rshi_grow_free(&wanted);
	if (!err)
		err = make_functions(p, done);
	if (!err)
		p->names.used += left * sizeof(uint32_t);
	return err;
}
