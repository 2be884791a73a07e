/* SPDX-License-Identifier: BSD-2-Clause */
/* A profile as profile.proto of pprof. */

#include <errno.h>

#include <raceshim/raceshim.h>

#include "core/symbols.h"
#include "core/sys.h"
#include "pprof_table.h"
#include "proto.h"

/* Numbers of fields. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_TIME = 9,
	PROFILE_DURATION = 10,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_COMMENT = 13,
	PROFILE_DEFAULT_TYPE = 14,

	TYPE_TYPE = 1,
	TYPE_UNIT = 2,

	SAMPLE_LOCATION = 1,
	SAMPLE_VALUE = 2,
	SAMPLE_LABEL = 3,

	LABEL_KEY = 1,
	LABEL_TEXT = 2,
	LABEL_NUMBER = 3,
	LABEL_UNIT = 4,

	MAPPING_ID = 1,
	MAPPING_START = 2,
	MAPPING_LIMIT = 3,
	MAPPING_OFFSET = 4,
	MAPPING_FILE = 5,
	MAPPING_BUILD_ID = 6,
	MAPPING_HAS_FUNCTIONS = 7,

	LOCATION_ID = 1,
	LOCATION_MAPPING = 2,
	LOCATION_ADDRESS = 3,
	LOCATION_LINE = 4,

	LINE_FUNCTION = 1,

	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
	FUNCTION_SYSTEM_NAME = 3,
};

static size_t type_size(uint32_t type, uint32_t unit)
{
	return rshi_number_size(TYPE_TYPE, type) + rshi_number_size(TYPE_UNIT, unit);
}

static void put_type(struct rshi_gzip *z, unsigned int field, uint32_t type, uint32_t unit)
{
	rshi_put_head(z, field, type_size(type, unit));
	rshi_put_number(z, TYPE_TYPE, type);
	rshi_put_number(z, TYPE_UNIT, unit);
}

static uint64_t number_of(const struct rshi_label_key *label)
{
	return (uint64_t)label->high << 32 | label->low;
}

static size_t label_size(const struct rshi_label_key *label)
{
	return rshi_number_size(LABEL_KEY, label->key) +
	       rshi_number_size(LABEL_TEXT, label->value) +
	       rshi_number_size(LABEL_NUMBER, number_of(label)) +
	       rshi_number_size(LABEL_UNIT, label->unit);
}

static void put_label(struct rshi_gzip *z, const struct rshi_label_key *label)
{
	rshi_put_head(z, SAMPLE_LABEL, label_size(label));
	rshi_put_number(z, LABEL_KEY, label->key);
	rshi_put_number(z, LABEL_TEXT, label->value);
	rshi_put_number(z, LABEL_NUMBER, number_of(label));
	rshi_put_number(z, LABEL_UNIT, label->unit);
}

static void put_sample(const struct rshi_pprof *p, struct rshi_gzip *z, uint32_t number)
{
	size_t n, size = 0, locations_size = 0, values_size = 0;
	const struct rshi_stack_key *stack = rshi_interned(&p->stacks, number, &n);
	const struct rshi_label_key *labels = (const struct rshi_label_key *)(stack + 1);
	const uint32_t *locations = (const uint32_t *)(labels + stack->n_labels);
	const int64_t *values = (const int64_t *)p->values.p + number * p->n_types;
	uint64_t any = 0;

	for (size_t i = 0; i < p->n_types; i++) {
		any |= (uint64_t)values[i];
		values_size += rshi_varint_size((uint64_t)values[i]);
	}
	if (!any)
		return;
	for (uint32_t i = 0; i < stack->n_locations; i++)
		locations_size += rshi_varint_size((uint64_t)locations[i] + 1);
	for (uint32_t i = 0; i < stack->n_labels; i++)
		size += rshi_message_size(SAMPLE_LABEL, label_size(&labels[i]));
	size += rshi_message_size(SAMPLE_LOCATION, locations_size) +
	        rshi_message_size(SAMPLE_VALUE, values_size);

	rshi_put_head(z, PROFILE_SAMPLE, size);
	rshi_put_head(z, SAMPLE_LOCATION, locations_size);
	for (uint32_t i = 0; i < stack->n_locations; i++)
		rshi_put_varint(z, (uint64_t)locations[i] + 1);
	rshi_put_head(z, SAMPLE_VALUE, values_size);
	for (size_t i = 0; i < p->n_types; i++)
		rshi_put_varint(z, (uint64_t)values[i]);
	for (uint32_t i = 0; i < stack->n_labels; i++)
		put_label(z, &labels[i]);
}

/* The texts of a mapping, as numbers of strings. */
static int mapping_texts(struct rshi_pprof *p, uint32_t number, uint32_t *file, uint32_t *build_id)
{
	static const char digits[] = "0123456789abcdef";
	const struct rshi_mapped_object *object;
	char hex[2 * RSHI_BUILD_ID_MAX];
	size_t n;
	int err;

	object = rshi_mappings_object(&p->mappings, number, &n);
	err = rshi_pprof_text(p, object->name, rshi_path_length(object->name, n), file);
	for (size_t i = 0; i < object->build_id_size; i++) {
		hex[2 * i] = digits[object->build_id[i] >> 4];
		hex[2 * i + 1] = digits[object->build_id[i] & 15];
	}
	return err ? err
	           : rshi_intern(&p->strings, hex, 2 * (size_t)object->build_id_size, build_id);
}

static int put_mapping(struct rshi_pprof *p, struct rshi_gzip *z, uint32_t number)
{
	const struct rshi_mapped_object *object;
	uint64_t start = rshi_mappings_sight(&p->mappings, number)->start, end;
	uint64_t has_functions = rshi_pprof_is_symbolized(p, number);
	uint32_t file, build_id;
	size_t n;
	int err = mapping_texts(p, number, &file, &build_id);

	if (err)
		return err;
	object = rshi_mappings_object(&p->mappings, number, &n);
	end = start + object->size;
	rshi_put_head(z, PROFILE_MAPPING,
	              rshi_number_size(MAPPING_ID, (uint64_t)number + 1) +
	                      rshi_number_size(MAPPING_START, start) +
	                      rshi_number_size(MAPPING_LIMIT, end) +
	                      rshi_number_size(MAPPING_OFFSET, object->offset) +
	                      rshi_number_size(MAPPING_FILE, file) +
	                      rshi_number_size(MAPPING_BUILD_ID, build_id) +
	                      rshi_number_size(MAPPING_HAS_FUNCTIONS, has_functions));
	rshi_put_number(z, MAPPING_ID, (uint64_t)number + 1);
	rshi_put_number(z, MAPPING_START, start);
	rshi_put_number(z, MAPPING_LIMIT, end);
	rshi_put_number(z, MAPPING_OFFSET, object->offset);
	rshi_put_number(z, MAPPING_FILE, file);
	rshi_put_number(z, MAPPING_BUILD_ID, build_id);
	rshi_put_number(z, MAPPING_HAS_FUNCTIONS, has_functions);
	return 0;
}

/* The program's own mapping comes first, where tools look for it; others if anything is in them. */
static int put_mappings(struct rshi_pprof *p, struct rshi_gzip *z)
{
	uint32_t exe = rshi_pprof_program(p);
	int err = exe == RSHI_NO_OBJECT ? 0 : put_mapping(p, z, exe);

	for (uint32_t i = 0; i < p->mappings.objects.n && !err; i++) {
		if (i != exe && rshi_pprof_is_used(p, i))
			err = put_mapping(p, z, i);
	}
	return err;
}

static void put_location(const struct rshi_pprof *p, struct rshi_gzip *z, uint32_t number)
{
	size_t n, line_size;
	const struct rshi_place *place = rshi_interned(&p->locations, number, &n);
	uint64_t id = (uint64_t)number + 1, address = place->offset, mapping = 0;
	uint64_t function = rshi_pprof_function(p, number);

	if (place->object == RSHI_A_NAME) {
		address = 0;
	} else if (place->object != RSHI_NO_OBJECT) {
		address = rshi_mappings_sight(&p->mappings, place->object)->start +
		          (place->offset -
		           rshi_mappings_object(&p->mappings, place->object, &n)->offset);
		mapping = (uint64_t)place->object + 1;
	}
	line_size = rshi_number_size(LINE_FUNCTION, function);
	rshi_put_head(z, PROFILE_LOCATION,
	              rshi_number_size(LOCATION_ID, id) +
	                      rshi_number_size(LOCATION_MAPPING, mapping) +
	                      rshi_number_size(LOCATION_ADDRESS, address) +
	                      (function ? rshi_message_size(LOCATION_LINE, line_size) : 0));
	rshi_put_number(z, LOCATION_ID, id);
	rshi_put_number(z, LOCATION_MAPPING, mapping);
	rshi_put_number(z, LOCATION_ADDRESS, address);
	if (!function)
		return;
	rshi_put_head(z, LOCATION_LINE, line_size);
	rshi_put_number(z, LINE_FUNCTION, function);
}

static void put_function(const struct rshi_pprof *p, struct rshi_gzip *z, uint32_t number)
{
	size_t n;
	const uint32_t *name = rshi_interned(&p->functions, number, &n);
	uint64_t id = (uint64_t)number + 1;

	rshi_put_head(z, PROFILE_FUNCTION,
	              rshi_number_size(FUNCTION_ID, id) + rshi_number_size(FUNCTION_NAME, *name) +
	                      rshi_number_size(FUNCTION_SYSTEM_NAME, *name));
	rshi_put_number(z, FUNCTION_ID, id);
	rshi_put_number(z, FUNCTION_NAME, *name);
	rshi_put_number(z, FUNCTION_SYSTEM_NAME, *name);
}

static void put_comments(const struct rshi_grow *comments, struct rshi_gzip *z)
{
	const uint32_t *strings = (const uint32_t *)comments->p;

	/* Not packed, which readers take as well; the empty string is one too. */
	for (size_t i = 0; i < comments->used / sizeof(*strings); i++) {
		rshi_put_varint(z, PROFILE_COMMENT << 3 | RSHI_VARINT);
		rshi_put_varint(z, strings[i]);
	}
}

static void put_strings(const struct rshi_pprof *p, struct rshi_gzip *z)
{
	for (uint32_t i = 0; i < p->strings.n; i++) {
		size_t n;
		const void *text = rshi_interned(&p->strings, i, &n);

		rshi_put_head(z, PROFILE_STRING, n);
		rshi_gzip_put(z, text, n);
	}
}

static int put_profile(struct rshi_pprof *p, struct rshi_gzip *z, int64_t start, int64_t duration)
{
	int err;

	for (size_t i = 0; i < p->n_types; i++)
		put_type(z, PROFILE_SAMPLE_TYPE, p->types[i], p->units[i]);
	for (uint32_t i = 0; i < p->stacks.n; i++)
		put_sample(p, z, i);
	err = put_mappings(p, z);
	if (err)
		return err;
	for (uint32_t i = 0; i < p->locations.n; i++)
		put_location(p, z, i);
	for (uint32_t i = 0; i < p->functions.n; i++)
		put_function(p, z, i);
	rshi_put_number(z, PROFILE_TIME, (uint64_t)start);
	rshi_put_number(z, PROFILE_DURATION, (uint64_t)duration);
	if (p->period_type) {
		put_type(z, PROFILE_PERIOD_TYPE, p->period_type, p->period_unit);
		rshi_put_number(z, PROFILE_PERIOD, (uint64_t)p->period);
	}
	put_comments(&p->comments, z);
	put_comments(&p->remarks, z);
	rshi_put_number(z, PROFILE_DEFAULT_TYPE, p->default_type);
	/* Last, since writing the others may need more of them. */
	put_strings(p, z);
	return 0;
}

int rshi_pprof_write(struct rshi_pprof *p, int64_t start, int64_t duration,
                     const struct rsh_writer *writer)
{
	size_t limit = p->budget.limit;
	void *z;
	int err;

	if (!writer || !writer->write)
		return RSH_ENOWRITER;
	err = rshi_mmap_sig(sizeof(struct rshi_gzip), &z);
	if (err)
		return ENOMEM;
	/* What samples may not take any more, their names may. */
	p->budget.limit = 0;
	rshi_gzip_begin(z, writer);
	err = rshi_pprof_symbolize(p);
	if (!err)
		err = put_profile(p, z, start, duration);
	if (!err)
		err = rshi_gzip_end(z);
	p->budget.limit = limit;
	rshi_munmap_sig(z, sizeof(struct rshi_gzip));
	return err;
}
