/* SPDX-License-Identifier: BSD-2-Clause */
/* Adding up samples by stack and labels. */

#include <errno.h>

#include <raceshim/sigsafe.h>

#include "core/sys.h"
#include "pprof_table.h"

/* At most a hundredth of the time for looking at mappings. */
#define SPARE 100

/* How the code that returns from a signal handler begins, on any libc: mov $15, %eax; syscall. */
#define RESTORER_LONG  UINT64_C(0x0f0000000fc0c748) /* and then 0x05 */
#define RESTORER_SHORT UINT64_C(0x00050f0000000fb8)
#define SHORT_MASK     UINT64_C(0x00ffffffffffffff)

static int intern_types(struct rshi_pprof *p, const struct rshi_pprof_options *options)
{
	uint32_t empty;
	int err = rshi_pprof_string(p, "", &empty);

	for (size_t i = 0; i < options->n_types && !err; i++) {
		err = rshi_pprof_string(p, options->types[i].type, &p->types[i]);
		if (!err)
			err = rshi_pprof_string(p, options->types[i].unit, &p->units[i]);
	}
	if (!err)
		err = rshi_pprof_string(p, options->default_type, &p->default_type);
	if (!err)
		err = rshi_pprof_string(p, options->period_type.type, &p->period_type);
	return err ? err : rshi_pprof_string(p, options->period_type.unit, &p->period_unit);
}

int rshi_pprof_create(const struct rshi_pprof_options *options, struct rshi_pprof **profile)
{
	struct rshi_pprof *p;
	void *memory;
	int err;

	if (!options->n_types || options->n_types > RSHI_PPROF_VALUES_MAX)
		return EINVAL;
	if (rshi_mmap_sig(sizeof(*p), &memory))
		return ENOMEM;
	p = memory;
	p->n_types = options->n_types;
	p->period = options->period;
	p->called = options->called;
	p->budget.limit = options->limit;
	rshi_intern_init(&p->strings, &p->budget);
	rshi_intern_init(&p->locations, &p->budget);
	rshi_intern_init(&p->stacks, &p->budget);
	p->values.budget = &p->budget;
	p->comments.budget = &p->budget;
	p->remarks.budget = &p->budget;
	rshi_intern_init(&p->functions, &p->budget);
	p->names.budget = &p->budget;
	p->objects.budget = &p->budget;
	p->key.budget = &p->budget;
	p->text.budget = &p->budget;
	rshi_mappings_init(&p->mappings, &p->budget);
	err = intern_types(p, options);
	p->may_look = 1;
	/* Without /proc there are addresses and no names. */
	if (!err && rshi_mappings_look(&p->mappings, 0) == ENOMEM)
		err = ENOMEM;
	if (err) {
		rshi_pprof_destroy(p);
		return err;
	}
	*profile = p;
	return 0;
}

void rshi_pprof_destroy(struct rshi_pprof *p)
{
	if (!p)
		return;
	rshi_mappings_free(&p->mappings);
	rshi_grow_free(&p->key);
	rshi_grow_free(&p->text);
	rshi_grow_free(&p->objects);
	rshi_grow_free(&p->names);
	rshi_intern_free(&p->functions);
	rshi_grow_free(&p->remarks);
	rshi_grow_free(&p->comments);
	rshi_grow_free(&p->values);
	rshi_intern_free(&p->stacks);
	rshi_intern_free(&p->locations);
	rshi_intern_free(&p->strings);
	rshi_munmap_sig(p, sizeof(*p));
}

int rshi_pprof_note_mappings(struct rshi_pprof *p)
{
	int err = rshi_mappings_look(&p->mappings, SPARE);

	p->may_look = 1;
	if (err == EAGAIN)
		return 0;
	/* Addresses may mean something else now. */
	rsh_memset_sig(p->known, 0, sizeof(p->known));
	return err;
}

/* The mapping of a pc, or NULL if there is none. ENOMEM: that could not be found out. */
static int find_mapping(struct rshi_pprof *p, uintptr_t pc, const struct rshi_mapping **mapping)
{
	int err;

	*mapping = rshi_mappings_find(&p->mappings, pc);
	if (*mapping || !p->may_look)
		return 0;
	p->may_look = 0;
	err = rshi_mappings_look(&p->mappings, 0);
	if (err)
		return err == ENOMEM ? ENOMEM : 0;
	rsh_memset_sig(p->known, 0, sizeof(p->known));
	*mapping = rshi_mappings_find(&p->mappings, pc);
	return 0;
}

/* Is this the code that a handler returns to? The frame above it was interrupted, not called. */
static int is_restorer(uintptr_t pc)
{
#if defined(__x86_64__)
	uintptr_t code, next;

	if (rshi_peek_sig((const void *)pc, &code))
		return 0;
	if ((code & SHORT_MASK) == RESTORER_SHORT)
		return 1;
	return code == RESTORER_LONG && !rshi_peek_sig((const void *)(pc + 1), &next) &&
	       next >> 56 == 0x05;
#elif defined(__aarch64__)
	uintptr_t code;

	/* mov x8, #139; svc #0 */
	return !rshi_peek_sig((const void *)pc, &code) && code == UINT64_C(0xd4000001d2801168);
#endif
}

/* The location of a pc that nobody has asked for lately. */
static int locate(struct rshi_pprof *p, uintptr_t pc, int called, struct rshi_frame *frame)
{
	const struct rshi_mapping *mapping;
	struct rshi_place place = {.offset = 0};
	uint32_t location;
	int restores = is_restorer(pc);
	int err;

	/* A call may be the last instruction of its function. */
	if (called && !restores)
		pc--;
	err = find_mapping(p, pc, &mapping);
	if (err)
		return err;
	place.object = mapping ? mapping->object : RSHI_NO_OBJECT;
	place.offset = pc;
	if (place.object != RSHI_NO_OBJECT)
		place.offset = pc - mapping->start + mapping->offset;
	err = rshi_intern(&p->locations, &place, sizeof(place), &location);
	if (err)
		return err;
	frame->location = location;
	frame->restores = (uint32_t)restores;
	return 0;
}

static int locate_frame(struct rshi_pprof *p, uintptr_t pc, int called, struct rshi_frame **found)
{
	/* Not 0 of any address that there can be. */
	uint64_t key = ((uint64_t)pc << 1 | (called ? 1 : 0)) ^ UINT64_C(1) << 63;
	uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15) >> 32;
	struct rshi_frame *frame = &p->known[hash % RSHI_KNOWN_FRAMES];
	int err;

	*found = frame;
	if (frame->key == key)
		return 0;
	frame->key = 0;
	err = locate(p, pc, called, frame);
	if (!err)
		frame->key = key;
	return err;
}

static int intern_label(struct rshi_pprof *p, const struct rshi_pprof_label *label,
                        struct rshi_label_key *key)
{
	int err = rshi_pprof_string(p, label->key, &key->key);

	key->value = 0;
	key->unit = 0;
	key->low = 0;
	key->high = 0;
	if (label->value)
		return err ? err : rshi_pprof_string(p, label->value, &key->value);
	key->low = (uint32_t)label->number;
	key->high = (uint32_t)((uint64_t)label->number >> 32);
	return err ? err : rshi_pprof_string(p, label->unit, &key->unit);
}

/* Put the stack and the labels into p->key. */
static int make_key(struct rshi_pprof *p, const uintptr_t *pcs, size_t n,
                    const struct rshi_pprof_label *labels, size_t n_labels)
{
	struct rshi_stack_key *key;
	struct rshi_label_key *label;
	uint32_t *location;
	int called = p->called, err;

	if (n > UINT16_MAX || n_labels > UINT16_MAX)
		return EINVAL;
	p->key.used = 0;
	err = rshi_grow_reserve(&p->key,
	                        sizeof(*key) + n_labels * sizeof(*label) + n * sizeof(*location));
	if (err)
		return err;
	key = (struct rshi_stack_key *)p->key.p;
	key->n_labels = (uint32_t)n_labels;
	key->n_locations = (uint32_t)n;
	label = (struct rshi_label_key *)(key + 1);
	for (size_t i = 0; i < n_labels; i++, label++) {
		err = intern_label(p, &labels[i], label);
		if (err)
			return err;
	}
	location = (uint32_t *)label;
	for (size_t i = 0; i < n; i++) {
		struct rshi_frame *frame;

		err = locate_frame(p, pcs[i], called, &frame);
		if (err)
			return err;
		*location++ = frame->location;
		called = !frame->restores;
	}
	p->key.used = (size_t)((unsigned char *)location - p->key.p);
	return 0;
}

/* Add to the stack in p->key. */
static int add_values(struct rshi_pprof *p, const int64_t *values)
{
	size_t size = p->n_types * sizeof(*values);
	uint32_t number;
	int64_t *sums;
	int err;

	if (rshi_intern_find(&p->stacks, p->key.p, p->key.used, &number)) {
		err = rshi_grow_reserve(&p->values, size);
		if (!err)
			err = rshi_intern(&p->stacks, p->key.p, p->key.used, &number);
		if (err)
			return err;
		p->values.used += size;
	}
	sums = (int64_t *)p->values.p + number * p->n_types;
	for (size_t i = 0; i < p->n_types; i++) {
		int64_t sum;

		if (__builtin_add_overflow(sums[i], values[i], &sum))
			sum = values[i] < 0 ? INT64_MIN : INT64_MAX;
		sums[i] = sum;
	}
	return 0;
}

int rshi_pprof_add(struct rshi_pprof *p, const uintptr_t *pcs, size_t n, const int64_t *values,
                   const struct rshi_pprof_label *labels, size_t n_labels)
{
	int err = n ? make_key(p, pcs, n, labels, n_labels) : EINVAL;

	return err ? err : add_values(p, values);
}

int rshi_pprof_add_pseudo(struct rshi_pprof *p, const char *function, const int64_t *values)
{
	struct rshi_place place = {.object = RSHI_A_NAME};
	struct rshi_stack_key *key;
	uint32_t string, location;
	int err = rshi_pprof_string(p, function, &string);

	p->key.used = 0;
	if (!err)
		err = rshi_grow_reserve(&p->key, sizeof(*key) + sizeof(location));
	if (err)
		return err;
	place.offset = string;
	err = rshi_intern(&p->locations, &place, sizeof(place), &location);
	if (err)
		return err;
	key = (struct rshi_stack_key *)p->key.p;
	key->n_labels = 0;
	key->n_locations = 1;
	*(uint32_t *)(key + 1) = location;
	p->key.used = sizeof(*key) + sizeof(location);
	return add_values(p, values);
}

int rshi_pprof_comment(struct rshi_pprof *p, const char *text)
{
	uint32_t string;
	int err = rshi_grow_reserve(&p->comments, sizeof(string));

	if (!err)
		err = rshi_pprof_string(p, text, &string);
	if (err)
		return err;
	*(uint32_t *)(p->comments.p + p->comments.used) = string;
	p->comments.used += sizeof(string);
	return 0;
}

void rshi_pprof_uncomment(struct rshi_pprof *p)
{
	p->comments.used = 0;
}
