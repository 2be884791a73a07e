/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_TESTS_TRACE_READING_H
#define RSH_TESTS_TRACE_READING_H

/*
 * Reads traces, and aborts if anything in them is not as the format says: blocks, numbers, sums, and
 * the order of what a thread has emitted.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/trace_format.h"

struct trace_event {
	uint64_t generation, time;
	uint32_t tid;
	uint32_t is_nested; /* of a handler amid another event, or noted by somebody else */
	char thread[16];
	enum rshi_trace_kind kind;
	const char *name; /* with a NUL */
	uint64_t a, b;    /* values as they were emitted */
	const char *text; /* without */
	size_t length;
	const char *frames[RSHI_TRACE_FRAMES]; /* of a sample: `a` of them */
};

struct trace_reading {
	/* Each event of a generation, thread by thread, in the order of time; or NULL. */
	void (*see)(void *arg, const struct trace_event *e);
	void *arg;
	/* The bytes of each generation, when it is whole; or NULL. */
	void (*whole)(void *arg, const unsigned char *generation, size_t n);
	void *whole_arg;

	uint64_t events, lost, lost_by[RSHI_TRACE_LOST_CLASSES], generations, batches, nested;
	uint64_t first, last; /* generations */
	int is_over;          /* the last one has been read */
	uint32_t unit;

	unsigned char *bytes; /* of the generation so far */
	size_t n, room, done;
};

/* The next bytes; whole blocks only come in, as rsh_trace_read() gives them. */
void trace_feed(struct trace_reading *r, const void *bytes, size_t n);

/* Everything until the end of the trace. */
void trace_read_all(struct trace_reading *r);

/* What is there, until @generations have been read to their end. */
void trace_read_generations(struct trace_reading *r, uint64_t generations);

/* All of a dump of the flight recorder that runs. */
void trace_read_dump(struct trace_reading *r);

void trace_forget(struct trace_reading *r);

#endif /* RSH_TESTS_TRACE_READING_H */
