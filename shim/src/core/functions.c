/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses and the names of their functions. */

#include "functions.h"

#include <errno.h>

#include <raceshim/sigsafe.h>

#include "symbols.h"

#define SPARE    20  /* a look at the mappings takes a twentieth of the time at most */
#define FILE_MAX 256 /* bytes of a file's name */

struct place {
	uint64_t offset;
	uint32_t object;
	uint32_t zero;
};

/* Whom a name is told, while symbols are looked for. */
struct listener {
	void (*found)(void *arg, uint32_t place, const char *name, size_t n);
	void *arg;
};

void rshi_functions_init(struct rshi_functions *f, size_t limit)
{
	rsh_memset_sig(f, 0, sizeof(*f));
	f->budget.limit = limit;
	rshi_mappings_init(&f->mappings, &f->budget);
	rshi_intern_init(&f->places, &f->budget);
	f->wanted.budget = &f->budget;
}

void rshi_functions_look(struct rshi_functions *f)
{
	(void)rshi_mappings_look(&f->mappings, SPARE);
}

int rshi_functions_place(struct rshi_functions *f, uintptr_t pc, uint32_t *place)
{
	const struct rshi_mapping *m = rshi_mappings_find(&f->mappings, pc);
	struct place key = {.zero = 0};

	if (!m)
		return ENOENT;
	key.object = m->object;
	key.offset = pc - m->start + m->offset;
	return rshi_intern(&f->places, &key, sizeof(key), place);
}

static const struct place *place_at(const struct rshi_functions *f, uint32_t number)
{
	size_t n;

	return rshi_interned(&f->places, number, &n);
}

/* By offset. There are few: those that were not known. */
static void sort(struct rshi_symbol *symbols, size_t n)
{
	for (size_t gap = n / 2; gap; gap /= 2) {
		for (size_t i = gap; i < n; i++) {
			uint64_t offset = symbols[i].offset;
			uint32_t user = symbols[i].user;
			size_t j = i;

			for (; j >= gap && symbols[j - gap].offset > offset; j -= gap) {
				symbols[j].offset = symbols[j - gap].offset;
				symbols[j].user = symbols[j - gap].user;
			}
			symbols[j].offset = offset;
			symbols[j].user = user;
		}
	}
}

static int tell(void *arg, const struct rshi_symbol *symbol, const char *name, size_t length)
{
	const struct listener *l = arg;

	l->found(l->arg, symbol->user, name, length);
	return 0;
}

/* "[file]", until there is a better name. */
static void tell_file(const struct rshi_functions *f, uint32_t place, struct listener *l)
{
	char text[FILE_MAX + 2];
	size_t n, start = 0;
	const struct rshi_mapped_object *object =
	        rshi_mappings_object(&f->mappings, place_at(f, place)->object, &n);

	n = rshi_path_length(object->name, n);
	for (size_t i = 0; i < n; i++)
		start = object->name[i] == '/' ? i + 1 : start;
	if (n - start > FILE_MAX)
		n = start + FILE_MAX;
	text[0] = '[';
	rsh_memcpy_sig(text + 1, object->name + start, n - start);
	text[n - start + 1] = ']';
	/* The kernel's own names have brackets already. */
	if (n > start && object->name[start] == '[')
		l->found(l->arg, place, text + 1, n - start);
	else
		l->found(l->arg, place, text, n - start + 2);
}

static void name_object(struct rshi_functions *f, uint32_t object, struct listener *l)
{
	struct rshi_symbol *symbols = (struct rshi_symbol *)f->wanted.p;
	size_t n = 0;

	for (uint32_t i = f->named; i < f->places.n; i++) {
		if (place_at(f, i)->object != object)
			continue;
		symbols[n].offset = place_at(f, i)->offset;
		symbols[n++].user = i;
	}
	if (!n)
		return;
	sort(symbols, n);
	(void)rshi_symbols_find(&f->mappings, object, symbols, n, tell, l);
}

void rshi_functions_name(struct rshi_functions *f,
                         void (*found)(void *arg, uint32_t place, const char *name, size_t n),
                         void *arg)
{
	struct listener l = {found, arg};
	size_t left = f->places.n - f->named;

	if (!left)
		return;
	for (uint32_t i = f->named; i < f->places.n; i++)
		tell_file(f, i, &l);
	f->wanted.used = 0;
	if (!rshi_grow_reserve(&f->wanted, left * sizeof(struct rshi_symbol))) {
		for (uint32_t i = 0; i < f->mappings.objects.n; i++)
			name_object(f, i, &l);
	}
	f->named = f->places.n;
}
