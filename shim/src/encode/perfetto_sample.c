/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU samples. All functions are of one mapping, which stands for the program. */

#include "perfetto_packet.h"

#define MAPPING   1
#define USER_MODE 2

/* A name without a number has one too, since frames are written only by number. */
static uint64_t id_of(const struct rshi_perfetto_name *name)
{
	return (uint64_t)name->number + 1;
}

static void put_mapping(struct rshi_perfetto *p)
{
	struct rshi_message *m = &p->out;
	size_t part, entry;

	rshi_perfetto_open(p, NEEDS_STATE);
	part = rshi_message_open(m, PACKET_INTERNED);
	entry = rshi_message_open(m, INTERNED_PATH);
	rshi_add_number(m, INTERNED_ID, MAPPING);
	rshi_perfetto_text(m, INTERNED_TEXT, p->name, p->n_name, p->n_name);
	rshi_message_close(m, entry);
	entry = rshi_message_open(m, INTERNED_MAPPING);
	rshi_add_number(m, INTERNED_ID, MAPPING);
	rshi_add_number(m, MAPPING_END, UINT32_MAX);
	rshi_add_number(m, MAPPING_PATH, MAPPING);
	rshi_message_close(m, entry);
	rshi_message_close(m, part);
	rshi_perfetto_close(p);
}

/* In a packet of its own: of a whole stack the names may be too long for one. */
static void put_function(struct rshi_perfetto *p, const struct rshi_perfetto_name *name)
{
	struct rshi_message *m = &p->out;
	size_t part, entry;

	rshi_perfetto_open(p, NEEDS_STATE);
	part = rshi_message_open(m, PACKET_INTERNED);
	entry = rshi_message_open(m, INTERNED_FUNCTION);
	rshi_add_number(m, INTERNED_ID, id_of(name));
	rshi_perfetto_text(m, INTERNED_TEXT, name->text, name->n, RSHI_PERFETTO_NAME_MAX);
	rshi_message_close(m, entry);
	entry = rshi_message_open(m, INTERNED_FRAME);
	rshi_add_number(m, INTERNED_ID, id_of(name));
	rshi_add_number(m, FRAME_FUNCTION, id_of(name));
	rshi_add_number(m, FRAME_MAPPING, MAPPING);
	rshi_add_number(m, FRAME_PC, id_of(name));
	rshi_message_close(m, entry);
	rshi_message_close(m, part);
	rshi_perfetto_close(p);
}

int rshi_perfetto_sample(struct rshi_perfetto *p, uint64_t time,
                         const struct rshi_perfetto_name *functions, size_t n)
{
	struct rshi_message *m = &p->out;
	size_t part, entry;

	n = rshi_perfetto_min(n, RSHI_PERFETTO_STACK_MAX);
	for (size_t i = 0; i < n; i++) {
		int err = rshi_perfetto_know(p, &functions[i]);

		if (err)
			return err;
	}
	if (!p->sampled++)
		put_mapping(p);
	for (size_t i = 0; i < n; i++) {
		if (rshi_perfetto_is_new(p, &functions[i], AS_FUNCTION))
			put_function(p, &functions[i]);
	}
	rshi_perfetto_open(p, NEEDS_STATE);
	rshi_perfetto_add_time(p, time);
	part = rshi_message_open(m, PACKET_INTERNED);
	entry = rshi_message_open(m, INTERNED_STACK);
	rshi_add_number(m, INTERNED_ID, p->sampled);
	for (size_t i = n; i-- > 0;)
		rshi_add_number(m, STACK_FRAME, id_of(&functions[i]));
	rshi_message_close(m, entry);
	rshi_message_close(m, part);
	part = rshi_message_open(m, PACKET_SAMPLE);
	rshi_add_number(m, SAMPLE_PID, (uint64_t)p->pid);
	rshi_add_number(m, SAMPLE_TID, p->tid);
	rshi_add_number(m, SAMPLE_STACK, p->sampled);
	rshi_add_number(m, SAMPLE_MODE, USER_MODE);
	rshi_message_close(m, part);
	return rshi_perfetto_close(p);
}
