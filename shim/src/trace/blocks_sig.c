/* SPDX-License-Identifier: BSD-2-Clause */
/* The blocks of a generation around its batches. */

#include <raceshim/sigsafe.h>

#include "blocks.h"
#include "core/sys.h"

static void put_block(void *at, enum rshi_trace_block_type type, uint8_t flags, size_t length)
{
	struct rshi_trace_block *block = at;

	block->type = (uint8_t)type;
	block->flags = flags;
	block->reserved = 0;
	block->length = (uint32_t)length;
}

static size_t put_var(unsigned char *to, size_t at, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		to[at++] = (unsigned char)(v | 0x80);
	to[at++] = (unsigned char)v;
	return at;
}

size_t rshi_put_header_sig(unsigned char *to, const struct rshi_generation *g)
{
	struct rshi_trace_header header;

	put_block(&header, RSHI_TRACE_HEADER, 0, sizeof(header));
	rsh_memcpy_sig(header.magic, RSHI_TRACE_MAGIC, sizeof(header.magic));
	header.version = RSHI_TRACE_VERSION;
	header.unit = rshi_trace_sig.unit;
	header.generation = g->number;
	header.pid = (uint64_t)rshi_getpid_sig();
	rsh_memcpy_sig(header.process, rshi_session_trace.process, sizeof(header.process));
	header.begin = g->begin;
	rsh_memcpy_sig(to, &header, sizeof(header));
	return sizeof(header);
}

size_t rshi_put_names_sig(unsigned char *to, size_t room, struct rshi_names_cursor *names)
{
	size_t used = sizeof(struct rshi_trace_block);

	while (names->next || names->head < RSHI_TRACE_HEADS) {
		const struct rshi_trace_entry *name = names->next;

		if (!name) {
			names->next = rshi_names_first(&rshi_trace_sig.names, names->head++);
			continue;
		}
		if (room - used < name->length + 20)
			break;
		used = put_var(to, used, name->number);
		used = put_var(to, used, name->length);
		rsh_memcpy_sig(to + used, name->text, name->length);
		used += name->length;
		names->next = name->next;
	}
	if (used == sizeof(struct rshi_trace_block))
		return 0;
	put_block(to, RSHI_TRACE_NAMES, 0, used);
	return used;
}

size_t rshi_put_tail_sig(unsigned char *to, const struct rshi_generation *g, uint8_t flags,
                         uint64_t dropped)
{
	size_t used = sizeof(struct rshi_trace_block);
	struct rshi_trace_tail tail;

	tail.lost = 0;
	for (uint32_t i = 0; i < RSHI_TRACE_LOST_CLASSES; i++) {
		uint64_t lost = g->lost[i] + (i == RSHI_TRACE_LOST_BUFFER ? dropped : 0);

		used = put_var(to, used, i);
		used = put_var(to, used, lost);
		tail.lost += lost;
	}
	put_block(to, RSHI_TRACE_LOSSES, 0, used);
	put_block(&tail, RSHI_TRACE_TAIL, flags, sizeof(tail));
	tail.generation = g->number;
	tail.end = g->end;
	tail.events = g->events - dropped;
	tail.reserved = 0;
	tail.mark = RSHI_TRACE_END;
	rsh_memcpy_sig(to + used, &tail, sizeof(tail));
	return used + sizeof(tail);
}
