/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_ENCODE_PERFETTO_H
#define RSH_ENCODE_PERFETTO_H

/*
 * Events as TrackEvent packets of Perfetto, written as they come. What is written is a sequence of
 * generations, each of which stands alone: any of them, one after the other, are a trace. The last
 * packet of a generation is an instant "generation" on the track "raceshim" of the process, with
 * the generation's number, its events and how many were lost; where that is missing, the trace was
 * cut off.
 *
 * Within a generation come batches of one thread each, events in the order of their times. Each
 * batch begins its sequence anew: names are written where a batch first uses them, times are
 * nanoseconds since the event before.
 *
 * An encoder is used by one thread at a time, which may be another one each time, and never by a
 * handler. Nothing here calls libc or a detector: memory comes from the kernel.
 *
 * All functions return 0 or a positive errno constant; an error of the writer, or RSH_ENOWRITER,
 * stays until the next generation begins, and nothing is written until then.
 */

#include <stddef.h>
#include <stdint.h>

#include <raceshim/writer.h>

#define RSHI_PERFETTO_NAME_MAX  1024u /* bytes of a name; what is longer is cut off */
#define RSHI_PERFETTO_TEXT_MAX  4096u /* of what is logged, of a command line */
#define RSHI_PERFETTO_ARGS_MAX  8u
#define RSHI_PERFETTO_FLOWS_MAX 8u
#define RSHI_PERFETTO_STACK_MAX 128u

struct rshi_perfetto;

/*
 * A name: its text, and its number, which no other text has in this generation; numbers are small,
 * as memory is kept for each. 0: none, the text is written out each time. A text of NULL is no name.
 */
struct rshi_perfetto_name {
	const char *text;
	size_t n;
	uint32_t number;
};

struct rshi_perfetto_process {
	int pid;
	uint64_t start; /* tells it from another one of the same pid: any number of its own */
	const char *name;
	size_t n_name;
	const char *command; /* arguments, with a NUL behind each; or NULL */
	size_t n_command;
};

/* Clocks, in nanoseconds, all read at one moment; 0: not known. */
struct rshi_perfetto_clocks {
	uint64_t monotonic; /* which the times of all events are of */
	uint64_t boottime;
	uint64_t realtime;
};

struct rshi_perfetto_thread {
	uint32_t tid;
	const char *name; /* or NULL */
	size_t n_name;
};

enum rshi_perfetto_kind {
	RSHI_PERFETTO_BEGIN = 1,
	RSHI_PERFETTO_END = 2,
	RSHI_PERFETTO_INSTANT = 3,
	RSHI_PERFETTO_COUNTER = 4,
};

/* What more there is to say of an event: a number, or with a @text that, or an address. */
struct rshi_perfetto_arg {
	struct rshi_perfetto_name name;
	const char *text;
	size_t n;
	int64_t number;
	int is_address; /* the number is one */
};

/* What is 0 or NULL is not there. */
struct rshi_perfetto_event {
	enum rshi_perfetto_kind kind;
	uint64_t time;
	struct rshi_perfetto_name name; /* of a counter: the counter's */
	struct rshi_perfetto_name category;
	uint64_t task;         /* the asynchronous task that it is of, instead of the thread */
	uint64_t parent;       /* the task's own, where it begins */
	int64_t value;         /* of a counter */
	const uint64_t *flows; /* flows that go through it */
	size_t n_flows;
	const uint64_t *ends; /* flows that end in it */
	size_t n_ends;
	const char *log; /* a message, which the event is then */
	size_t n_log;
	int priority; /* of the message: 2 verbose to 7 fatal */
	const struct rshi_perfetto_arg *args;
	size_t n_args;
};

/* ENOMEM. The process's texts are copied. */
int rshi_perfetto_create(const struct rshi_perfetto_process *process,
                         struct rshi_perfetto **encoder);

/* Give all memory back; NULL is nothing to give back. */
void rshi_perfetto_destroy(struct rshi_perfetto *encoder);

/* Begin a generation. The writer is used until its end, at which all that was written is with it. */
int rshi_perfetto_begin(struct rshi_perfetto *encoder, uint64_t number,
                        const struct rshi_perfetto_clocks *clocks, const struct rsh_writer *writer);

/* Begin a batch: what follows is of this thread, and none of it before @time. */
int rshi_perfetto_thread(struct rshi_perfetto *encoder, const struct rshi_perfetto_thread *thread,
                         uint64_t time);

/* An event of this batch. ENOMEM: the event is not written. EINVAL: there is no such kind. */
int rshi_perfetto_put(struct rshi_perfetto *encoder, const struct rshi_perfetto_event *event);

/* A CPU sample of this batch's thread: the functions that it was in, from the innermost. ENOMEM. */
int rshi_perfetto_sample(struct rshi_perfetto *encoder, uint64_t time,
                         const struct rshi_perfetto_name *functions, size_t n);

/* Say that @n events of this generation are missing, and of what kind these are. */
int rshi_perfetto_lost(struct rshi_perfetto *encoder, uint64_t time, const char *kind, uint64_t n);

/*
 * Put the mark at the generation's end, with what it should hold and what it could not; @is_last: of
 * the trace.
 */
int rshi_perfetto_end(struct rshi_perfetto *encoder, uint64_t time, uint64_t events, uint64_t lost,
                      int is_last);

/*
 * Write all generations that are whole at the beginning of @bytes, which is a trace in the format of
 * core/trace_format.h; how many bytes these are goes to *@used, after an error too. What follows is
 * the beginning of a generation, or there was an error: EBADMSG, that is no such trace.
 */
int rshi_perfetto_raw(struct rshi_perfetto *encoder, const unsigned char *bytes, size_t n,
                      const struct rsh_writer *writer, size_t *used);

#endif /* RSH_ENCODE_PERFETTO_H */
