/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_ENCODE_PERFETTO_PACKET_H
#define RSH_ENCODE_PERFETTO_PACKET_H

/* Packets of Perfetto, with the fields of protos/perfetto/trace/perfetto_trace.proto. */

#include "core/grow.h"
#include "message.h"
#include "perfetto.h"

/* Numbers of fields. */
enum {
	TRACE_PACKET = 1,

	PACKET_CLOCK_SNAPSHOT = 6,
	PACKET_TIMESTAMP = 8,
	PACKET_SEQUENCE = 10,
	PACKET_EVENT = 11,
	PACKET_INTERNED = 12,
	PACKET_FLAGS = 13,
	PACKET_CLOCK = 58,
	PACKET_DEFAULTS = 59,
	PACKET_TRACK = 60,
	PACKET_SAMPLE = 66,

	DEFAULTS_EVENT = 11,
	DEFAULTS_CLOCK = 58,
	EVENT_DEFAULTS_TRACK = 11,

	SNAPSHOT_CLOCK = 1,
	SNAPSHOT_PRIMARY = 2,
	CLOCK_ID = 1,
	CLOCK_TIME = 2,
	CLOCK_INCREMENTAL = 3,

	TRACK_UUID = 1,
	TRACK_NAME = 2,
	TRACK_PROCESS = 3,
	TRACK_THREAD = 4,
	TRACK_PARENT = 5,
	TRACK_COUNTER = 8,

	PROCESS_PID = 1,
	PROCESS_COMMAND = 2,
	PROCESS_NAME = 6,

	THREAD_PID = 1,
	THREAD_TID = 2,
	THREAD_NAME = 5,

	EVENT_CATEGORY_ID = 3,
	EVENT_ARG = 4,
	EVENT_TYPE = 9,
	EVENT_NAME_ID = 10,
	EVENT_TRACK = 11,
	EVENT_LOG = 21,
	EVENT_CATEGORY = 22,
	EVENT_NAME = 23,
	EVENT_VALUE = 30,
	EVENT_FLOW = 47,
	EVENT_FLOW_END = 48,

	LOG_BODY = 2,
	LOG_PRIORITY = 3,

	ARG_NAME_ID = 1,
	ARG_NUMBER = 4,
	ARG_TEXT = 6,
	ARG_ADDRESS = 7,
	ARG_NAME = 10,

	INTERNED_CATEGORY = 1,
	INTERNED_NAME = 2,
	INTERNED_ARG = 3,
	INTERNED_FUNCTION = 5,
	INTERNED_FRAME = 6,
	INTERNED_STACK = 7,
	INTERNED_PATH = 17,
	INTERNED_MAPPING = 19,
	INTERNED_LOG = 20,
	INTERNED_ID = 1,
	INTERNED_TEXT = 2,

	FRAME_FUNCTION = 2,
	FRAME_MAPPING = 3,
	FRAME_PC = 4,
	STACK_FRAME = 2,
	MAPPING_END = 5,
	MAPPING_PATH = 7,

	SAMPLE_PID = 2,
	SAMPLE_TID = 3,
	SAMPLE_STACK = 4,
	SAMPLE_MODE = 5,
};

enum { CLEARED = 1, NEEDS_STATE = 2 };                                   /* PACKET_FLAGS */
enum { REALTIME = 1, MONOTONIC = 3, BOOTTIME = 6, SINCE_LAST_ONE = 64 }; /* CLOCK_ID */

/* What tracks are of, in their numbers. */
enum { THREAD = 1, TASK, COUNTER, TRACER };

/* A packet is never larger: names, categories and arguments, twice for what they are in UTF-8. */
#define RSHI_PERFETTO_PACKET_MAX 32768u
#define RSHI_PERFETTO_BUFFER     131072u

#define RSHI_PERFETTO_OF_PROCESS 1 /* of the process itself: the sequence that no thread has */

/* In which batch a name was last written, as what. */
struct used_name {
	uint32_t as[5];
};

enum { AS_NAME, AS_CATEGORY, AS_ARG, AS_COUNTER, AS_FUNCTION };

struct rshi_perfetto {
	const struct rsh_writer *writer;
	int err;
	uint64_t number;
	uint64_t track; /* of the process */
	int pid;
	uint32_t sequence;
	uint32_t batch;          /* 1, 2, ...: of this encoder */
	uint64_t time;           /* of the event before */
	uint64_t logged;         /* messages of this batch */
	uint64_t sampled;        /* stacks of this batch */
	uint32_t tid;            /* of this batch */
	struct rshi_grow names;  /* struct used_name, by number */
	struct rshi_grow places; /* of the texts of names in a trace in our own format */
	size_t n_name;
	size_t n_command;
	char name[RSHI_PERFETTO_NAME_MAX];
	char command[RSHI_PERFETTO_TEXT_MAX];
	struct rshi_message out; /* whole packets, and then one more */
	size_t packet;           /* where that one begins */
	unsigned char bytes[RSHI_PERFETTO_BUFFER];
};

static inline size_t rshi_perfetto_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* A track of the process, known by what it is of: eight bytes as a varint, and not 0. */
uint64_t rshi_perfetto_track(const struct rshi_perfetto *p, uint64_t kind, uint64_t number);

/* A text, at most @max bytes of it, and no part of a character at its end. */
void rshi_perfetto_text(struct rshi_message *m, unsigned int field, const char *text, size_t n,
                        size_t max);

/* Hand the packets over. */
void rshi_perfetto_send(struct rshi_perfetto *p);

void rshi_perfetto_open(struct rshi_perfetto *p, uint64_t flags);
int rshi_perfetto_close(struct rshi_perfetto *p);

/* Have memory for a name's number. */
int rshi_perfetto_know(struct rshi_perfetto *p, const struct rshi_perfetto_name *name);

/* Whether this batch has not written the name as this yet; from now on it has. */
int rshi_perfetto_is_new(struct rshi_perfetto *p, const struct rshi_perfetto_name *name, int as);

/* The time of the packet that has just been opened, on the clock of a batch. */
void rshi_perfetto_add_time(struct rshi_perfetto *p, uint64_t time);

/* Begin the packet that says what a track is; end it. */
size_t rshi_perfetto_open_track(struct rshi_perfetto *p, uint64_t track, uint64_t parent);
int rshi_perfetto_close_track(struct rshi_perfetto *p, size_t part);

/* Refer to a name that is interned, or write it out. */
void rshi_perfetto_refer(struct rshi_message *m, unsigned int by_id, unsigned int by_text,
                         const struct rshi_perfetto_name *name);
void rshi_perfetto_add_arg(struct rshi_message *m, const struct rshi_perfetto_arg *arg);

#define RSHI_PERFETTO_NAME(literal) {.text = (literal), .n = sizeof(literal) - 1}

#endif /* RSH_ENCODE_PERFETTO_PACKET_H */
